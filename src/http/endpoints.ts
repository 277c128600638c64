/** For whom each path is; one that does not stand here is 404, whatever might answer behind it. */
export const endpoints = {
  '/graphql': 'anyone who is signed in; the page of GraphiQL, where it is shown, anyone',
  '/livez': 'anyone',
  '/readyz': 'anyone',
  '/startupz': 'anyone',
  '/v1': 'anyone who is signed in; what is below it says for whom it is',
} as const;

export const isEndpoint = (path: string): boolean => Object.hasOwn(endpoints, path) || path.startsWith('/v1/');
