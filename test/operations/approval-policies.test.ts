import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canonicalHash } from '../../src/domain/canonical-hash.ts';
import type { Actor } from '../../src/domain/person.ts';
import { registerApplication } from '../../src/operations/applications.ts';
import { listTickets } from '../../src/operations/lists.ts';
import { redeploy } from '../../src/operations/redeploys.ts';
import { approve, createTicket, reject } from '../../src/operations/tickets.ts';
import { ownLocks } from '../support/database.ts';
import {
  alice,
  authorizedTicket,
  carol,
  dave,
  deployApplication,
  grace,
  openTestWorld,
  person,
  registeredApplication,
  type Replica,
  type TestWorld,
  ticketFor,
} from '../support/desk.ts';
import { contentOf, recordsOf, refusalOf } from '../support/outcomes.ts';
import { policyWith, requiredIn, tagsOf } from '../support/policies.ts';
import { until } from '../support/wait.ts';

const policies = [
  policyWith({ name: 'payments', match: { team: 'payments' }, approvals: requiredIn('2, 1 of sre') }),
  policyWith({ name: 'ledger', match: { app: 'ledger' }, approvals: requiredIn('1 of audit'), tokenUses: 2 }),
];

let world: TestWorld;
let replica: Replica;
/** Started again without the file. */
let unruled: Replica;
beforeAll(async () => {
  world = await openTestWorld({ readyMilliseconds: 5 });
  [replica, unruled] = await Promise.all([
    world.openReplica({ policies, follows: false }),
    world.openReplica({ follows: false }),
  ]);
});
afterAll(() => world.close());

const member = (name: string, ...groups: string[]): Actor => ({ ...person(name, 'APPROVER'), groups });
const payments = () => registeredApplication(replica.desk, { team: 'payments' });
const ledger = () => registeredApplication(replica.desk, { app: 'ledger' });

describe('a ticket under a policy', () => {
  test('stores the policy of every entry with its hash, in its record too', async () => {
    const ticket = await ticketFor(replica.desk, await payments(), await ledger());
    const applied = { policies, breakGlassAfterMinutes: 15 };
    expect(ticket).toMatchObject({ policy: applied, policyHash: canonicalHash(applied), approvalsRequired: 2 });
    const [record] = await world.sql<{ data: unknown }>(
      `select data from audit_record where ticket_id = ? and kind = 'TICKET_CREATE'`,
      [ticket.id],
    );
    expect(record!.data).toMatchObject({ policy: applied, policyHash: canonicalHash(applied) });
  });

  test('needs what each entry needs; one person may fulfil several of them', async () => {
    const { ticketNo } = await ticketFor(replica.desk, await payments(), await ledger());
    const both = member('erin', 'sre', 'audit');
    expect((await approve(replica.desk, both, { ticketNo })).status).toBe('PENDING_APPROVAL');
    expect((await approve(replica.desk, carol, { ticketNo })).status).toBe('AUTHORIZED');
    const uses = await world.sql(
      'select application_name like ? as any, max_uses from redeploy_grant where ticket_no = ? order by id',
      ['app-%', ticketNo],
    );
    expect(uses).toMatchObject([{ max_uses: null }, { max_uses: 2 }]);
  });

  test('is not approved by any number of people outside the group', async () => {
    const { ticketNo } = await ticketFor(replica.desk, await payments());
    for (const approver of [carol, dave]) await approve(replica.desk, approver, { ticketNo });
    const before = await contentOf(world);
    expect(await refusalOf(approve(replica.desk, member('erin', 'audit'), { ticketNo }))).toMatchObject({
      code: 'FORBIDDEN',
      message: `erin's approval would not count: ticket ${ticketNo} waits for 1 of sre`,
    });
    expect(await contentOf(world)).toEqual(before);
    expect((await approve(replica.desk, member('erin', 'sre'), { ticketNo })).status).toBe('AUTHORIZED');
  });

  test('is rejected by any approver, in the group or not', async () => {
    const { ticketNo } = await ticketFor(replica.desk, await ledger());
    expect((await reject(replica.desk, carol, { ticketNo })).status).toBe('REJECTED');
  });

  test('stays under it when the file changes, as a new one does under the new file', async () => {
    const name = await payments();
    const { ticketNo } = await ticketFor(replica.desk, name);
    expect((await approve(unruled.desk, carol, { ticketNo })).status).toBe('PENDING_APPROVAL');
    expect((await approve(unruled.desk, member('dave', 'sre'), { ticketNo })).status).toBe('AUTHORIZED');
    const later = await ticketFor(unruled.desk, name);
    expect((await approve(replica.desk, carol, later)).status).toBe('AUTHORIZED');
  });

  test('from before there were policies takes so many people as it says', async () => {
    const { id, ticketNo } = await ticketFor(replica.desk, await ledger());
    await world.sql(
      'update ticket set policy = null, policy_hash = null, awaits_groups = null, approvals_required = 2 where id = ?',
      [id],
    );
    expect((await approve(replica.desk, carol, { ticketNo })).status).toBe('PENDING_APPROVAL');
    expect((await approve(replica.desk, dave, { ticketNo })).status).toBe('AUTHORIZED');
  });
});

test('nothing of a ticket that was asked for or decided can be changed by the service', async () => {
  const { id } = await authorizedTicket(replica.desk, await registeredApplication(replica.desk));
  const unchangeable = [
    ...['policy', 'policy_hash', 'reason', 'subject', 'decide_by', 'approvals_required'].map((it) => `ticket.${it}`),
    ...['business_tags', 'targets', 'manifest', 'application_name'].map((it) => `ticket_entry.${it}`),
    ...['subject', 'decision', 'groups'].map((it) => `approval.${it}`),
  ];
  const em = replica.desk.orm.em.fork();
  for (const [table, column] of unchangeable.map((it) => it.split('.'))) {
    const where = table === 'ticket' ? 'id' : 'ticket_id';
    await expect(em.execute(`update ${table} set ${column} = ${column} where ${where} = ${id}`)).rejects.toThrow(
      'permission denied',
    );
  }
  for (const table of ['ticket', 'ticket_entry', 'approval']) {
    await expect(em.execute(`delete from ${table}`)).rejects.toThrow('permission denied');
  }
});

describe('what awaits my decision', () => {
  const page = { after: null, before: null, limit: 100, inverted: false };
  const awaits = async (actor: Actor, ticketNo: string) => {
    const rows = await listTickets(replica.desk, actor, { awaitingMyDecision: true }, page);
    return rows.some((row) => row.ticketNo === ticketNo);
  };

  test('is exactly what my approval would add something to', async () => {
    const people = [
      carol,
      dave,
      member('erin', 'sre'),
      member('frida', 'audit', 'x,"y'),
      member('alice', 'sre'),
      { ...member('carol', 'sre'), issuer: 'https://elsewhere.test' },
      person('bob', 'APPLICATION_DEPLOYER'),
    ];
    const { ticketNo } = await ticketFor(replica.desk, await payments());
    const { ticketNo: other } = await ticketFor(replica.desk, await ledger());
    const steps = [carol, dave, null];
    for (const next of steps) {
      for (const [number, expected] of [
        [
          ticketNo,
          next === null
            ? ['erin']
            : next === carol
              ? ['carol', 'dave', 'erin', 'frida', 'carol']
              : ['dave', 'erin', 'frida'],
        ],
        [other, ['frida']],
      ] as const) {
        const listed = [];
        for (const actor of people) if (await awaits(actor, number)) listed.push(actor.username);
        expect(listed, `${number === other ? 'ledger' : 'payments'} before ${next?.username}`).toEqual(expected);
      }
      if (next) await approve(replica.desk, next, { ticketNo });
    }
    for (const actor of people.filter(({ username }) => username !== 'erin')) {
      expect((await refusalOf(approve(replica.desk, actor, { ticketNo }))).code).toMatch(/FORBIDDEN|CONFLICT/);
    }
  });
});

describe('an approval is for the application as it stood', () => {
  const start = (applicationName: string) => redeploy(replica.desk, alice, { applicationName });
  const differently = {
    code: 'CONFLICT',
    message: expect.stringContaining('registered differently since the approval'),
  };

  test('a target that is no longer its own is not redeployed, until it is again', async () => {
    const { name, namespace, deploymentName } = await deployApplication(world, replica.desk, { replicas: 0 });
    await authorizedTicket(replica.desk, name);
    const register = (target: string, by = name) =>
      registerApplication(replica.desk, grace, {
        name: by,
        owners: { users: ['alice'] },
        targets: [{ namespace, deploymentName: target }],
      });
    await register('elsewhere');
    await register(deploymentName, `${name}-2`);
    const before = await contentOf(world);
    expect(await refusalOf(start(name))).toMatchObject(differently);
    expect(await contentOf(world)).toEqual(before);
    expect(await recordsOf(world, name, 'TOKEN_USE')).toEqual([]);
    await register('free-again', `${name}-2`);
    await register(deploymentName);
    expect((await start(name)).rolloutStatus).toBe('STARTED');
  });

  test('nor one that is taken away between the look and the act', async () => {
    const { name, namespace } = await deployApplication(world, replica.desk, { replicas: 0 });
    await authorizedTicket(replica.desk, name);
    const held = Promise.withResolvers<void>();
    const holding = world.hold('select 1 from application where name = ? for update', [name], held.promise);
    const lockers = `select 1 from ${ownLocks} and relation = 'application'::regclass and mode = 'RowShareLock'`;
    await until('the application is held', async () => (await world.sql(lockers)).length === 1);
    const starting = refusalOf(start(name));
    await until('the redeploy waits for it', async () => (await world.sql(lockers)).length === 2);
    await world.sql('update application_target set deployment_name = ? where namespace = ?', ['other', namespace]);
    held.resolve();
    await holding;
    expect(await starting).toMatchObject(differently);
  });

  test('tags that it has since do not change whose approval it took', async () => {
    const name = await ledger();
    const { ticketNo } = await ticketFor(replica.desk, name);
    await registerApplication(replica.desk, grace, {
      name,
      businessTags: tagsOf({ team: 'payments' }),
      owners: { users: ['alice'] },
      targets: [{ namespace: 'default', deploymentName: name }],
    });
    expect((await approve(replica.desk, member('frida', 'audit'), { ticketNo })).status).toBe('AUTHORIZED');
    const again = { detail: { applicationName: name } };
    const { approvalsRequired } = await createTicket(replica.desk, alice, {
      workOrderKey: 'APPLICATION_REDEPLOY',
      reason: 'it answers 500',
      category: 'BUG_FIX',
      entries: [again],
    });
    expect(approvalsRequired).toBe(2);
  });
});
