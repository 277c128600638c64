import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RolloutWatch, watchRollout } from '../support/rollout-watch.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { redeploy, Story } from '../support/story.ts';
import { until } from '../support/wait.ts';

// What clients are told of rollouts that cannot succeed, on a real control plane and on the simulated cluster alike.

let services: TestServices;
let story: Story;

beforeAll(async () => {
  services = await openTestServices();
  story = await Story.open(services, await services.start({ PULL_ERROR_SECONDS: '1' }));
});
afterAll(() => services.close());

const watch = (operationId: string, after?: number): RolloutWatch =>
  watchRollout(story.service, story.tokens.alice, { operationId, ...(after === undefined ? {} : { after }) });

test('with an image that cannot be pulled is FAILED, and its failures name why', async () => {
  const { applicationName } = await story.place({ image: 'web:bad-image', isUp: false });
  await story.authorized(applicationName);
  const id = await story.redeployed(applicationName);
  const one = watch(id, 0);
  expect(await one.ended).toEqual({ completed: true });
  const last = one.events.at(-1)!;
  expect(last.status).toBe('FAILED');
  expect(last.message).toMatch(/^every new pod fails: .*(ErrImagePull|ImagePullBackOff)/);
  expect(last.failures.length).toBeGreaterThan(0);
  for (const { reason } of last.failures) expect(['ErrImagePull', 'ImagePullBackOff']).toContain(reason);
  const record = await story.operation(id);
  expect(record).toMatchObject({ success: false, rolloutStatus: 'FAILED', errorMessage: last.message });
  expect(record.failures.length).toBeGreaterThan(0);
  for (const failure of record.failures) expect(failure.doomed).toBe(true);
});

test('is refused before anything happens: paused, missing, another strategy, or another one still under way', async () => {
  const paused = await story.place({ paused: true, isUp: false });
  const missing = { applicationName: `gone-${paused.applicationName}`, namespace: paused.namespace };
  await story.register({ ...missing, deploymentName: 'nothing-here' });
  const stuck = await story.place({ image: 'web:unready', isUp: false });
  for (const { applicationName } of [paused, missing, stuck]) await story.authorized(applicationName);
  const refused = (applicationName: string, more: object = {}) =>
    story.refusal('alice', redeploy, { input: { applicationName, ...more } });
  expect(await refused(paused.applicationName)).toEqual({
    code: 'CONFLICT',
    message: "can't restart paused deployment (run rollout resume first)",
  });
  expect(await refused(missing.applicationName)).toMatchObject({
    code: 'NOT_FOUND',
    message: expect.stringContaining('nothing-here'),
  });
  expect(await refused(stuck.applicationName, { strategy: 'Recreate' })).toMatchObject({ code: 'CONFLICT' });
  const id = await story.redeployed(stuck.applicationName);
  expect(await refused(stuck.applicationName)).toMatchObject({
    code: 'CONFLICT',
    message: expect.stringMatching(/ of alice is unfinished on /),
  });
  const { apps } = services.cluster.api;
  const { namespace, deploymentName: name } = stuck;
  await until('the controller has seen every change', async () => {
    const { metadata, status } = await apps.readNamespacedDeployment({ namespace, name });
    return status?.observedGeneration === metadata!.generation;
  });
  const { items } = await apps.listNamespacedReplicaSet({ namespace });
  expect(items).toHaveLength(2); // the first one and that of the one redeploy
  const one = watch(id);
  await apps.deleteNamespacedDeployment({ namespace, name });
  expect(await one.ended).toEqual({ completed: true });
  expect(one.events.at(-1)).toMatchObject({ status: 'FAILED', message: 'object has been deleted' });
});

test('because Kubernetes refuses the change is FAILED with its words, and the use of the token is given back', async () => {
  const { applicationName, namespace, deploymentName } = await story.place({ replicas: 0 });
  const ticketNo = await story.authorized(applicationName);
  // The stored patch would make the annotations of the template larger than Kubernetes takes them.
  const value = { filler: 'x'.repeat(256 * 1024 - 'filler'.length) };
  await services.cluster.api.apps.patchNamespacedDeployment({
    namespace,
    name: deploymentName,
    body: [{ op: 'add', path: '/spec/template/metadata/annotations', value }],
  });
  const answer = await story.get<{ redeploy: { id: string } }>('alice', redeploy, { input: { applicationName } });
  expect(answer.redeploy).toMatchObject({ rolloutStatus: 'FAILED', success: false });
  const record = await story.operation(answer.redeploy.id);
  expect(record).toMatchObject({ success: false, currentImage: null, revision: null, newPods: [] });
  expect(record['errorMessage']).toContain('spec.template.annotations: Too long: must have at most 262144 bytes');
  expect(record.events.edges.map(({ node }) => node.status)).toEqual(['STARTED', 'FAILED']);
  const [grant] = await services.sql<{ uses: number }>('select uses from redeploy_grant where application_name = ?', [
    applicationName,
  ]);
  expect(grant).toEqual({ uses: 0 });
  const { status, records } = await story.trail('frank', ticketNo);
  expect(status).toBe('AUTHORIZED');
  expect(records.at(-1)!.kind).toBe('REDEPLOY_FAILED');
});
