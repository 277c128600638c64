import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../support/wait.ts';
import { ClusterClient, deploymentsPath, manifest } from './cluster-client.ts';

let client: ClusterClient;
const quotas = '/api/v1/namespaces/default/resourcequotas';

beforeAll(async () => {
  client = await ClusterClient.start();
});
afterAll(() => client.cluster.stop());

test('a quota of pods refuses what is beyond it, says so everywhere, and lets go when it is lifted', async () => {
  await client.send('POST', quotas, { metadata: { name: 'pods' }, spec: { hard: { pods: '2' } } });
  await client.send('POST', deploymentsPath, manifest('web', { replicas: 3 }));
  const failing = await until('the Deployment tells', async () => {
    const { status } = await client.deployment('web');
    return status.availableReplicas === 2 && status.conditions?.find(({ type }) => type === 'ReplicaFailure');
  });
  const words =
    /^pods "web-\w+-\w+" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=2, limited: pods=2$/;
  expect(failing).toMatchObject({ status: 'True', reason: 'FailedCreate', message: expect.stringMatching(words) });
  const [told] = await client.events('involvedObject.kind=ReplicaSet,type=Warning,reason=FailedCreate');
  expect(told?.message?.replace('Error creating: ', '')).toMatch(words);
  await until('the quota counts', async () => {
    const { body } = await client.send('GET', `${quotas}/pods`);
    return JSON.stringify(body['status']) === JSON.stringify({ hard: { pods: '2' }, used: { pods: '2' } });
  });
  await client.send('DELETE', `${quotas}/pods`);
  const { status } = await client.rolledOut('web');
  expect(status.conditions?.map(({ type }) => type).sort()).toEqual(['Available', 'Progressing']);
});
