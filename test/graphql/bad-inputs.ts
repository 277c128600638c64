const nested = (levels: number, open: string, close: string): string => open.repeat(levels) + close.repeat(levels);

/** Documents that say nothing sensible, by the name of what is wrong with them. */
export const badDocuments: Record<string, string> = {
  'nothing at all': '',
  'only a comment': '# nothing',
  'an open brace': '{',
  'a stray character': '{ viewer { username } } $',
  'a NUL': '{ viewer\u0000 { username } }',
  'a lone surrogate': '{ viewer { \ud800 } }',
  'an unknown field': '{ nothing }',
  'an unknown argument': '{ viewer(of: "x") { username } }',
  'a selection of a scalar': '{ viewer { username { x } } }',
  'no selection of an object': '{ viewer }',
  'an unknown type': 'query ($x: Nothing) { viewer { username } }',
  'an unused fragment': 'fragment F on Viewer { username } { viewer { username } }',
  'a fragment that spreads itself': '{ viewer { ...F } } fragment F on Viewer { ...F }',
  'two operations without a name': '{ viewer { username } } { viewer { username } }',
  'a giant number': '{ ticket(ticketNo: 123456789012345678901234567890) { ticketNo } }',
  'nesting without end': nested(20_000, '{ticket', '}'),
  'lists without end': `{ ticket(ticketNo: ${nested(50_000, '[', ']')}) { ticketNo } }`,
  'fields without end': `{ ${'viewer { username } '.repeat(5_000)} }`,
  'a mutation without its input': 'mutation { redeploy { id } }',
  'an enum value that there is not':
    'mutation { createTicket(input: { workOrderKey: X, category: Y, reason: "", entries: [] }) { ticketNo } }',
};

const ticket = (reason: unknown, more: object = {}) => ({
  workOrderKey: 'APPLICATION_REDEPLOY',
  category: 'BUG_FIX',
  reason,
  entries: [{ detail: { applicationName: 'web' } }],
  ...more,
});
const createTicket = 'mutation ($input: CreateTicketInput!) { createTicket(input: $input) { ticketNo } }';
export const register = 'mutation ($input: RegisterApplicationInput!) { registerApplication(input: $input) { name } }';
const redeploy = 'mutation ($input: RedeployInput!) { redeploy(input: $input) { id } }';
const approve = 'mutation ($input: ApproveInput!) { approve(input: $input) { ticketNo } }';
const application = (more: object) => ({
  name: 'web',
  owners: { users: ['alice'] },
  targets: [{ namespace: 'production', deploymentName: 'web' }],
  ...more,
});

/** Variables of the right shape or not, none of which may get through. */
export const badVariables: { what: string; query: string; variables: unknown }[] = [
  { what: 'no variables', query: createTicket, variables: undefined },
  { what: 'a variable too little', query: createTicket, variables: {} },
  { what: 'null for an object', query: createTicket, variables: { input: null } },
  { what: 'a list for an object', query: createTicket, variables: { input: [] } },
  { what: 'an unknown input field', query: createTicket, variables: { input: ticket('x', { extra: 1 }) } },
  {
    what: 'a prototype for a field',
    query: createTicket,
    variables: JSON.parse('{"input":{"__proto__":{"reason":"x"}}}'),
  },
  { what: 'a number for a text', query: createTicket, variables: { input: ticket(7) } },
  { what: 'an empty text', query: createTicket, variables: { input: ticket('') } },
  { what: 'a blank text', query: createTicket, variables: { input: ticket(' \t\n ') } },
  { what: 'a text that is too long', query: createTicket, variables: { input: ticket('x'.repeat(2001)) } },
  { what: 'a NUL in a text', query: createTicket, variables: { input: ticket('a\u0000b') } },
  { what: 'a control character in a text', query: createTicket, variables: { input: ticket('a\u001bb') } },
  { what: 'a control character beyond ASCII', query: createTicket, variables: { input: ticket('a\u009b31mb') } },
  { what: 'a lone surrogate in a text', query: createTicket, variables: { input: ticket('a\ud800b') } },
  { what: 'no entries', query: createTicket, variables: { input: ticket('x', { entries: [] }) } },
  {
    what: 'more entries than a ticket holds',
    query: createTicket,
    variables: {
      input: ticket('x', { entries: Array.from({ length: 21 }, () => ({ detail: { applicationName: 'web' } })) }),
    },
  },
  {
    what: 'an int beyond 32 bits',
    query: createTicket,
    variables: { input: ticket('x', { entries: [{ detail: { id: 2 ** 40, applicationName: 'web' } }] }) },
  },
  { what: 'a name that is no DNS label', query: register, variables: { input: application({ name: 'Web_1' }) } },
  { what: 'a NUL in a name', query: register, variables: { input: application({ name: 'a\u0000' }) } },
  { what: 'nobody as owner', query: register, variables: { input: application({ owners: {} }) } },
  { what: 'no target', query: register, variables: { input: application({ targets: [] }) } },
  {
    what: 'a cluster that there is not',
    query: register,
    variables: { input: application({ targets: [{ cluster: 'moon', namespace: 'a', deploymentName: 'b' }] }) },
  },
  {
    what: 'a path for a namespace',
    query: register,
    variables: { input: application({ targets: [{ namespace: '../kube-system', deploymentName: 'b' }] }) },
  },
  { what: 'an empty application name', query: redeploy, variables: { input: { applicationName: '' } } },
  { what: 'a NUL in a reason', query: redeploy, variables: { input: { applicationName: 'web', reason: '\u0000' } } },
  { what: 'an unknown strategy', query: redeploy, variables: { input: { applicationName: 'web', strategy: 'Blue' } } },
  {
    what: 'a requestId that is too long',
    query: redeploy,
    variables: { input: { applicationName: 'web', requestId: 'x'.repeat(129) } },
  },
  { what: 'a NUL in a ticket number', query: approve, variables: { input: { ticketNo: '\u0000' } } },
];
