import {
  ApplicationDocument,
  RegisterApplicationDocument,
  type RegisterApplicationInput,
} from '../documents/generated/graphql.ts';
import type { Session } from './sandbox.ts';
import { Refused, StoryClient } from './story-client.ts';

const tags = (text: string) =>
  text.split(',').map((tag) => ({ tagKey: tag.split(':')[0]!, tagValue: tag.split(':')[1]! }));

/** The guide's table of applications, where the sandbox's cluster runs them. */
const guideApplications: readonly RegisterApplicationInput[] = [
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

/** As the admin would, through the API; what is registered already is left as it is. */
export async function registerGuideApplications(session: Session): Promise<void> {
  const admin = new StoryClient(session, 'grace');
  for (const input of guideApplications) {
    const isKnown = await admin.ask(ApplicationDocument, { name: input.name }).then(() => true, unlessNotFound);
    if (!isKnown) await admin.ask(RegisterApplicationDocument, { input });
  }
}

function unlessNotFound(error: unknown): false {
  if (error instanceof Refused && error.code === 'NOT_FOUND') return false;
  throw error;
}
