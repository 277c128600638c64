import { RedeployDocument } from '../../src/documents/generated/graphql.ts';
import type { Asked } from './asking.ts';
import type { Person, World } from './dependencies.ts';
import { DeskClient } from './desk-client.ts';

/*
 * Each redeploys few applications, no more than a ticket takes: how often somebody redeployed is read each time. How
 * often they may is set beyond what a benchmark does.
 */

const perDeployer = 5;
const deployerOf = (index: number): string => `deployer-${Math.floor(index / perDeployer)}`;

export const redeployLimits = {
  REDEPLOYS_PER_MINUTE: '1000',
  REDEPLOYS_PER_HOUR: '1000',
  REDEPLOYS_PER_USER_PER_MINUTE: '1000',
  REDEPLOYS_PER_USER_PER_HOUR: '1000',
};

export const deployersOf = (count: number): Person[] =>
  Array.from({ length: Math.ceil(count / perDeployer) }, (_, index) => ({
    username: deployerOf(index * perDeployer),
    roles: ['APPLICATION_DEPLOYER'],
  }));

/** For APPLICATIONS_FILE: each application runs in the Deployment of its name in the namespace `default`. */
export const applicationsFile = (names: readonly string[]): string =>
  JSON.stringify({
    applications: names.map((name, index) => ({
      name,
      businessTags: [],
      owners: { users: [deployerOf(index)] },
      targets: [{ namespace: 'default', deploymentName: name }],
    })),
  });

/** Each deployer holds the tokens of their applications. */
export async function authorizeDeployers(
  service: { url: string },
  world: World,
  applications: readonly string[],
): Promise<void> {
  for (let at = 0; at < applications.length; at += perDeployer) {
    const desk = new DeskClient(service, world, deployerOf(at));
    await desk.authorize(...applications.slice(at, at + perDeployer));
  }
}

/** A redeploy of each, by its deployer. */
export const redeploysOf = (
  service: { url: string },
  world: World,
  applications: readonly string[],
  atOnce: number,
): Asked => ({
  atOnce,
  url: service.url,
  query: RedeployDocument.toString(),
  requests: applications.map((applicationName, index) => ({
    token: world.tokens[deployerOf(index)]!,
    variables: { input: { applicationName } },
  })),
});
