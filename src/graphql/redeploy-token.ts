import { listTokens } from '../operations/lists.ts';
import { revokeToken } from '../operations/token-revocations.ts';
import { findToken, type RedeployToken } from '../operations/tokens.ts';
import { builder } from './builder.ts';
import { keysetConnection } from './connections.ts';

export const RedeployTokenType = builder.objectRef<RedeployToken>('RedeployToken').implement({
  description:
    "One user's right to redeploy one application until it expires. Never sent by clients: it is looked up by user and application.",
  fields: (t) => ({
    username: t.exposeString('username', { description: 'Whose right.' }),
    applicationName: t.exposeString('applicationName', { description: 'To redeploy what.' }),
    ticketId: t.exposeInt('ticketId', {
      nullable: true,
      description: 'The ticket behind it; null where there never was one.',
    }),
    ticketNo: t.exposeString('ticketNo', {
      nullable: true,
      description: "The ticket's number for people; null where there never was one.",
    }),
    expires: t.expose('expires', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when; null where there never was a token.',
    }),
    valid: t.exposeBoolean('valid', { description: 'Whether it can be used now.' }),
    desc: t.string({
      description: 'What the other fields say, in a sentence; where it is not valid, why.',
      resolve: (token) => token.desc,
    }),
    secondsRemaining: t.exposeInt('secondsRemaining', {
      description: 'Whole seconds until it expires; 0 where it is not valid.',
    }),
    usesLeft: t.exposeInt('usesLeft', {
      nullable: true,
      description:
        'How often it can still be used, where the policy of its ticket limits that; null: as often as its time allows. 0 where it is not valid.',
    }),
    breakGlass: t.exposeBoolean('breakGlass', {
      description: 'Whether it was taken without the approvals that its ticket needed.',
    }),
  }),
});

builder.queryField('token', (t) =>
  t.field({
    type: RedeployTokenType,
    description:
      'The token of a user for an application; "no token" is a value with valid: false, not an error. INVALID_INPUT for a name longer than any can be. UNAVAILABLE where Redis or PostgreSQL is away.',
    args: {
      applicationName: t.arg.string({ required: true, description: 'The application.' }),
      username: t.arg.string({ description: 'Whose token; the viewer where left out.' }),
    },
    resolve: (_, { applicationName, username }, ctx) =>
      findToken(ctx.desk, ctx.actor, { applicationName, username: username ?? null }),
  }),
);

const RedeployTokenConnection = builder.connectionObject(
  { type: RedeployTokenType, name: 'RedeployTokenConnection', description: 'A page of tokens.' },
  { name: 'RedeployTokenEdge', description: 'A token in its list.' },
);

const TokenFilterInput = builder.inputType('TokenFilter', {
  description: 'Which tokens; what is left out does not narrow the list.',
  fields: (t) => ({
    valid: t.boolean({ description: 'Only those that can be used now, or only those that cannot.' }),
    username: t.string({ description: 'Of this user.' }),
    applicationName: t.string({ description: 'For this application.' }),
  }),
});

builder.queryField('tokens', (t) =>
  t.connection(
    {
      type: RedeployTokenType,
      description: 'Tokens as the record has them, newest first. Works without Redis.',
      args: { filter: t.arg({ type: TokenFilterInput, description: 'Which ones; all where left out.' }) },
      resolve: (_, { filter, ...args }, ctx) =>
        keysetConnection(
          args,
          (token: RedeployToken) => String(token.grantId),
          (page) => listTokens(ctx.desk, ctx.actor, filter, page),
        ),
    },
    RedeployTokenConnection,
  ),
);

const RevokeTokenInput = builder.inputType('RevokeTokenInput', {
  description: 'A right to take away.',
  fields: (t) => ({
    applicationName: t.string({ required: true, description: 'The application.' }),
    username: t.string({ required: true, description: 'Whose token.' }),
    reason: t.string({ required: true, description: 'Why, for the record; at most 2,000 characters.' }),
  }),
});

builder.mutationField('revokeToken', (t) =>
  t.field({
    type: RedeployTokenType,
    description:
      "Takes a user's right to redeploy an application away, at once; an operation whose change is not sent yet is never sent. NOT_FOUND where there is no live token.",
    args: { input: t.arg({ type: RevokeTokenInput, required: true, description: 'Which, and why.' }) },
    resolve: (_, { input }, ctx) => ctx.perform(revokeToken, input),
  }),
);
