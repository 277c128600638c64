import { afterAll, beforeAll, expect, test } from 'vitest';
import { openDatabase } from '../../src/adapters/database/database.ts';
import type { Operation } from '../../src/domain/operation.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import {
  alice,
  authorizedTicket,
  deployApplication,
  openTestWorld,
  type Replica,
  type TestWorld,
} from '../support/desk.ts';
import { refusalOf } from '../support/outcomes.ts';
import { Relay } from '../support/relay.ts';

let world: TestWorld;
let replica: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5, mustBeSimulated: true });
  replica = await world.openReplica({ follows: false });
});
afterAll(() => world.close());

test('a redeploy that is stored is answered for, although the database is away when it is read again', async () => {
  const { name } = await deployApplication(world, replica.desk, { replicas: 0 });
  await authorizedTicket(replica.desk, name);
  const relay = await Relay.to(world.database.serviceUrl);
  const url = Object.assign(new URL(world.database.serviceUrl), { port: String(relay.port) }).toString();
  const orm = openDatabase(url, 2);
  try {
    const desk = { ...replica.desk, orm, follow: (operation: Operation) => relay.close().then(() => operation) };
    const { id } = await redeploy(desk, alice, { applicationName: name });
    expect(await world.sql('select id from operation where application_name = ?', [name])).toEqual([{ id }]);
    const refusal = await refusalOf(redeploy(desk, alice, { applicationName: name }));
    expect(refusal).toMatchObject({ code: 'UNAVAILABLE', message: 'the database is away' });
  } finally {
    await orm.close(true);
    await relay.close();
  }
});
