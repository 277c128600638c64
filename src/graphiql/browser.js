/*
 * The end of the page, in the browser. GraphiQL's own fetcher cannot sign a WebSocket in; this one sends the headers
 * editor's authorization with each request and with each connection_init.
 */
{
  const { tabs, defaultHeaders, keepsHeaders, workers } = JSON.parse(document.querySelector('#settings').textContent);
  const endpoint = new URL(location.pathname, location.href).toString();

  // A link must not put a mutation under somebody's hand.
  if (location.search) history.replaceState(null, '', location.pathname);

  self.MonacoEnvironment = {
    getWorkerUrl: (_, label) => URL.createObjectURL(new Blob([workers[label]], { type: 'application/javascript' })),
  };

  const ask = async (request, headers) => {
    const own = { accept: 'application/json', 'content-type': 'application/json' };
    const body = JSON.stringify(request);
    const response = await fetch(endpoint, { method: 'POST', headers: { ...headers, ...own }, body });
    return response.json();
  };

  const authorizationOf = (headers) =>
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1];

  const subscribe = (request, headers) => {
    const client = graphqlWs.createClient({
      url: endpoint.replace(/^http/, 'ws'),
      connectionParams: { authorization: authorizationOf(headers) },
    });
    const results = client.iterate(request);
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: () =>
        results.next().catch((error) => {
          throw error instanceof CloseEvent ? new Error(`closed with ${error.code}: ${error.reason}`) : error;
        }),
      return: () => results.return(),
    };
  };

  // Told from the text: for a moment after a change of tabs GraphiQL still names the other one's operation.
  const operationOf = ({ query, operationName }) => {
    const operations = Array.from(
      query.matchAll(/^\s*(query|mutation|subscription)\b\s*(\w+)?/gm),
      ([, kind, name]) => ({ kind, name }),
    );
    return operations.length === 1 ? operations[0] : operations.find(({ name }) => name === operationName);
  };

  YogaGraphiQL.renderYogaGraphiQL(document.querySelector('#root'), {
    fetcher: (request, { headers = {} } = {}) => {
      const { kind, name } = operationOf(request) ?? {};
      const asked = { ...request, operationName: name };
      return kind === 'subscription' ? subscribe(asked, headers) : ask(asked, headers);
    },
    defaultTabs: tabs,
    defaultHeaders,
    // What is typed lives as long as the browser's tab; a sign-in token, other than the sandbox's, not even that.
    storage: sessionStorage,
    shouldPersistHeaders: keepsHeaders,
    onEditQuery: () => undefined, // not into the address
    defaultEditorToolsVisibility: 'headers',
    title: 'Cratos Redeploy',
  });
}
