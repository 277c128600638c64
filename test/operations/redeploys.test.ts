import { afterAll, beforeAll, expect, test } from 'vitest';
import { findOperation } from '../../src/operations/reads.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  openTestWorld,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { until } from '../support/wait.ts';

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld();
  replica = await world.openReplica();
});
afterAll(() => world.close());

test('a redeploy restarts the application and is followed to COMPLETED', async () => {
  const { desk } = replica;
  const { name } = await deployApplication(world, desk);
  await authorizedTicket(desk, name);
  const started = await redeploy(desk, alice, { applicationName: name });
  const ended = await until('the operation ends', async () => {
    const operation = await findOperation(desk, alice, started.id);
    return operation.success !== null && operation;
  });
  expect(ended).toMatchObject({ rolloutStatus: 'COMPLETED', success: true, errorMessage: null });
  expect(ended.newPods).toHaveLength(2);
  expect(ended.terminatedPods).toHaveLength(2);
});
