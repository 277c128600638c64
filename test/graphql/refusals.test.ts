import { afterAll, beforeAll, expect, test } from 'vitest';
import { schema } from '../../src/graphql/schema.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { type Name, type Placed, Story } from '../support/story.ts';

let services: TestServices;
let story: Story;
/** Of alice, who holds the token of its ticket. */
let placed: Placed;
let ticketNo: string;

beforeAll(async () => {
  services = await openTestServices();
  story = await Story.open(services, await services.start());
  placed = await story.place({ tags: { env: 'production' } });
  ticketNo = await story.authorized(placed.applicationName);
});
afterAll(() => services.close());

const registration = { owners: { users: ['bob'] }, targets: [{ namespace: 'default', deploymentName: 'other' }] };
const request = (applicationName: string) => ({
  workOrderKey: 'APPLICATION_REDEPLOY',
  category: 'BUG_FIX',
  reason: 'x',
  entries: [{ detail: { applicationName } }],
});

const refusals: { mutation: string; input: () => object; codes: Partial<Record<Name, string>> }[] = [
  {
    mutation: 'registerApplication',
    input: () => ({ name: 'other', ...registration }),
    codes: { alice: 'FORBIDDEN', bob: 'FORBIDDEN', carol: 'FORBIDDEN', frank: 'FORBIDDEN' },
  },
  {
    mutation: 'unregisterApplication',
    input: () => ({ name: placed.applicationName }),
    codes: { alice: 'FORBIDDEN', bob: 'FORBIDDEN', carol: 'FORBIDDEN', frank: 'FORBIDDEN' },
  },
  {
    mutation: 'createTicket',
    input: () => request(placed.applicationName),
    codes: { bob: 'FORBIDDEN', carol: 'FORBIDDEN', frank: 'FORBIDDEN' },
  },
  {
    mutation: 'approve',
    input: () => ({ ticketNo }),
    codes: { alice: 'FORBIDDEN', bob: 'FORBIDDEN', frank: 'FORBIDDEN', grace: 'FORBIDDEN', carol: 'CONFLICT' },
  },
  {
    mutation: 'reject',
    input: () => ({ ticketNo }),
    codes: { alice: 'FORBIDDEN', bob: 'FORBIDDEN', frank: 'FORBIDDEN', grace: 'FORBIDDEN', carol: 'CONFLICT' },
  },
  {
    mutation: 'cancelTicket',
    input: () => ({ ticketNo }),
    codes: { alice: 'CONFLICT', bob: 'NOT_FOUND', carol: 'FORBIDDEN', frank: 'FORBIDDEN', grace: 'FORBIDDEN' },
  },
  {
    mutation: 'completeTicket',
    input: () => ({ ticketNo }),
    codes: { bob: 'NOT_FOUND', carol: 'FORBIDDEN', frank: 'FORBIDDEN', grace: 'FORBIDDEN' },
  },
  {
    mutation: 'breakGlass',
    input: () => ({ ticketNo, reason: 'nobody of the on-call rota answers' }),
    codes: { alice: 'FORBIDDEN', bob: 'FORBIDDEN', carol: 'FORBIDDEN', frank: 'FORBIDDEN', grace: 'FORBIDDEN' },
  },
  {
    mutation: 'reviewBreakGlass',
    input: () => ({ ticketNo, comment: 'fine' }),
    codes: { alice: 'FORBIDDEN', bob: 'FORBIDDEN', frank: 'FORBIDDEN', grace: 'FORBIDDEN', carol: 'CONFLICT' },
  },
  {
    mutation: 'revokeToken',
    input: () => ({ applicationName: placed.applicationName, username: 'alice', reason: 'x' }),
    codes: { bob: 'FORBIDDEN', frank: 'FORBIDDEN' },
  },
  {
    mutation: 'redeploy',
    input: () => ({ applicationName: placed.applicationName }),
    codes: { bob: 'TOKEN_INVALID', carol: 'FORBIDDEN', frank: 'FORBIDDEN', grace: 'TOKEN_INVALID' },
  },
];

test('every mutation stands in this table', () => {
  const names = Object.keys(schema.getMutationType()!.getFields());
  expect(refusals.map(({ mutation }) => mutation).toSorted()).toEqual(names.toSorted());
});

test.for(refusals)(
  '$mutation is refused to those who may not, and changes nothing',
  async ({ mutation, input, codes }) => {
    const type = `${mutation[0]!.toUpperCase()}${mutation.slice(1)}Input`;
    const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { __typename } }`;
    const state = () =>
      services.sql(
        `select t.status, g.revoked_at, g.uses, (select count(*)::int from ticket) as tickets,
         (select count(*)::int from operation) as operations, (select count(*)::int from application) as applications
       from ticket t join redeploy_grant g on g.ticket_id = t.id where t.ticket_no = ?`,
        [ticketNo],
      );
    const before = await state();
    const refused: Partial<Record<Name, unknown>> = {};
    for (const name of Object.keys(codes) as Name[]) {
      refused[name] = (await story.refusal(name, query, { input: input() })).code;
    }
    expect(refused).toEqual(codes);
    expect(await state()).toEqual(before);
  },
);
