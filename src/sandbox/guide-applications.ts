import type { Session } from './sandbox.ts';

const tags = (text: string) =>
  text.split(',').map((tag) => ({ tagKey: tag.split(':')[0]!, tagValue: tag.split(':')[1]! }));

/** The guide's table of applications, where the sandbox's cluster runs them. */
const guideApplications = [
  {
    name: 'web-service',
    businessTags: tags('env:production,team:backend,version:v2.1.0,critical:true'),
    owners: { groups: ['backend'] },
    targets: [{ namespace: 'production', deploymentName: 'web-service-deployment' }],
  },
  {
    name: 'api-gateway',
    businessTags: tags('env:staging,team:platform,version:v1.5.2,loadbalancer:nginx'),
    owners: { groups: ['platform', 'backend'] },
    targets: [{ namespace: 'staging', deploymentName: 'api-gateway-deployment' }],
  },
  {
    name: 'data-processor',
    businessTags: tags('env:production,team:data,version:v3.0.1,schedule:cron'),
    owners: { groups: ['data'] },
    targets: [{ namespace: 'production', deploymentName: 'data-processor-deployment' }],
  },
];

const known = 'query ($name: String!) { application(name: $name) { name } }';
const register = 'mutation ($input: RegisterApplicationInput!) { registerApplication(input: $input) { name } }';

/** As the admin would, through the API; what is registered already is left as it is. */
export async function registerGuideApplications({ url, personas }: Pick<Session, 'url' | 'personas'>): Promise<void> {
  const { token } = personas.find(({ roles }) => roles.includes('ADMIN'))!;
  const ask = async (
    query: string,
    variables: object,
  ): Promise<{ data?: Record<string, unknown>; errors?: object[] }> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    return (await response.json()) as { data?: Record<string, unknown>; errors?: object[] };
  };
  for (const application of guideApplications) {
    const { data } = await ask(known, { name: application.name });
    if (data?.['application']) continue;
    const { errors } = await ask(register, { input: application });
    if (errors) throw new Error(`${application.name} could not be registered: ${JSON.stringify(errors)}`);
  }
}
