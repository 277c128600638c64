import { randomUUID } from 'node:crypto';
import type { Access } from '../../src/domain/cluster.ts';
import { RedeployError } from '../../src/domain/errors.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import type { Desk } from '../../src/operations/dependencies.ts';
import { preflight } from '../../src/operations/preflight.ts';
import { findOperation, type OperationRow } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { rolloutAnnouncer } from '../../src/operations/rollout-announcements.ts';
import { openTestCluster } from '../support/cluster.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  frank,
  grace,
  openTestWorld,
  type TestWorld,
} from '../support/desk.ts';
import { untilEnded } from '../support/outcomes.ts';
import { until } from '../support/wait.ts';

/** What people find of a service under some role, each in one line. */
export type Findings = Record<
  | 'registration'
  | 'preflight'
  | 'preflight of a creation'
  | 'restart'
  | 'creation'
  | 'crash log'
  | "Kubernetes' warnings"
  | 'Events of ours',
  string
>;

/** Long enough that nothing is tried again meanwhile: what a watch does not bring does not come. */
const timing = { firstPauseMilliseconds: 300_000, longestPauseMilliseconds: 300_000 };
const limits = { rolloutTimeoutSeconds: 6 };

/** Walks through everything that asks Kubernetes for something, on a real control plane. */
export async function findUnderRole(without: Access | undefined): Promise<Findings> {
  const world = await openTestWorld({ cluster: await openTestCluster({ without }) });
  try {
    const { desk } = await world.openReplica({ timing, limits, waits: false });
    const namespace = await world.cluster.createNamespace();
    const registration = await outcome(() => register(desk, namespace));
    if (registration !== 'done') return unavailable(registration);
    const [first, creation, log, warnings] = await Promise.all([
      restartFindings(world, desk),
      creationFindings(desk, namespace),
      outcome(() => crashLog(world, desk)),
      outcome(() => warningOf(world, desk)),
    ]);
    return { registration, ...first, ...creation, 'crash log': log, "Kubernetes' warnings": warnings };
  } finally {
    await world.close();
  }
}

const unavailable = (why: string): Findings => ({
  registration: why,
  preflight: why,
  'preflight of a creation': why,
  restart: why,
  creation: why,
  'crash log': why,
  "Kubernetes' warnings": why,
  'Events of ours': why,
});

/** A refusal is its code and message. */
async function outcome(act: () => Promise<string>): Promise<string> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof RedeployError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

async function register(desk: Desk, namespace: string): Promise<string> {
  const targets = [{ namespace, deploymentName: 'web' }];
  await registerApplication(desk, grace, {
    name: `app-${randomUUID().slice(0, 8)}`,
    owners: { users: ['alice'] },
    targets,
  });
  return 'done';
}

async function restartFindings(
  world: TestWorld,
  desk: Desk,
): Promise<Pick<Findings, 'preflight' | 'restart' | 'Events of ours'>> {
  const { name, namespace } = await deployApplication(world, desk, { replicas: 1 });
  await authorizedTicket(desk, name);
  const foreseen = await preflightOf(desk, name);
  const restart = await redeployOf(desk, name);
  await rolloutAnnouncer()(desk);
  const { items } = await world.cluster.api.core.listNamespacedEvent({ namespace });
  const reasons = items.flatMap(({ reason }) => (reason?.startsWith('Redeploy') ? reason : []));
  return {
    preflight: foreseen,
    restart,
    'Events of ours': reasons.toSorted().join(', ') || 'none',
  };
}

async function preflightOf(desk: Desk, applicationName: string): Promise<string> {
  const { refusal, warnings } = await preflight(desk, alice, { applicationName });
  if (refusal) return `${refusal.code}: ${refusal.message}`;
  return warnings.find(({ reason }) => reason === 'MissingPermission')?.message ?? 'nothing missing';
}

const redeployOf = (desk: Desk, applicationName: string): Promise<string> =>
  outcome(async () => verdict(await untilEnded(desk, await redeploy(desk, alice, { applicationName }))));

const verdict = ({ rolloutStatus, errorMessage }: OperationRow): string =>
  errorMessage === null ? rolloutStatus : `${rolloutStatus}: ${errorMessage}`;

async function creationFindings(
  desk: Desk,
  namespace: string,
): Promise<Pick<Findings, 'preflight of a creation' | 'creation'>> {
  const name = `app-${randomUUID().slice(0, 8)}`;
  const labels = { app: name };
  const manifest = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {},
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'web:v1' }] } },
    },
  };
  const targets = [{ namespace, deploymentName: name }];
  await registerApplication(desk, grace, { name, owners: { users: ['alice'] }, targets, manifest });
  await authorizedTicket(desk, name);
  return { 'preflight of a creation': await preflightOf(desk, name), creation: await redeployOf(desk, name) };
}

/** Of a pod that crashes, its last words. */
async function crashLog(world: TestWorld, desk: Desk): Promise<string> {
  const { name } = await deployApplication(world, desk, { replicas: 1, image: 'web:crash' });
  await authorizedTicket(desk, name);
  const { failures } = await untilEnded(desk, await redeploy(desk, alice, { applicationName: name }));
  return failures.find(({ log }) => log)?.log ?? 'none';
}

/** What a warning about a pod, written while its rollout is followed, becomes. */
async function warningOf(world: TestWorld, desk: Desk): Promise<string> {
  const { name, namespace } = await deployApplication(world, desk, { replicas: 1, image: 'web:unready' });
  await authorizedTicket(desk, name);
  const { id } = await redeploy(desk, alice, { applicationName: name });
  const { core } = world.cluster.api;
  await until('its new pod is there, or nothing has come of it', async () => {
    const { items } = await core.listNamespacedPod({ namespace });
    return items.length > 1 || (await findOperation(desk, frank, id)).success !== null;
  });
  const { items } = await core.listNamespacedPod({ namespace });
  for (const { metadata } of items) {
    const involvedObject = { kind: 'Pod', namespace, name: metadata!.name!, uid: metadata!.uid! };
    const body = {
      metadata: { namespace, name: metadata!.name! },
      involvedObject,
      type: 'Warning',
      reason: 'Unhealthy',
      message: 'connection refused',
    };
    await core.createNamespacedEvent({ namespace, body });
  }
  await untilEnded(desk, { id });
  const { failures } = await findOperation(desk, frank, id);
  return failures.find(({ reason }) => reason === 'Unhealthy')?.message ?? 'none';
}
