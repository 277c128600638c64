import { RedeployDocument } from '../../src/documents/generated/graphql.ts';
import type { Asked } from './asking.ts';
import type { Person, World } from './dependencies.ts';
import { DeskClient } from './desk-client.ts';

/*
 * Each redeploys no more applications than a ticket takes, for how often somebody redeployed is read each time. How often
 * they may is set beyond what a benchmark does.
 */

const perDeployer = 20;
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

/** Each application runs in the Deployment of its name in the namespace `default`; its deployer holds its token. */
export async function authorizeDeployers(
  service: { url: string },
  world: World,
  applications: readonly string[],
): Promise<void> {
  for (let at = 0; at < applications.length; at += perDeployer) {
    const desk = new DeskClient(service, world, deployerOf(at));
    const own = applications.slice(at, at + perDeployer);
    await Promise.all(own.map((name) => desk.register(name, { namespace: 'default', deploymentName: name })));
    await desk.authorize(...own);
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
