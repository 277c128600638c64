import { findToken, type RedeployToken } from '../operations/tokens.ts';
import { builder } from './builder.ts';

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
    expires: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Until when; null where there never was a token.',
      resolve: (token) => token.expires,
    }),
    valid: t.exposeBoolean('valid', { description: 'Whether it can be used now.' }),
    desc: t.exposeString('desc', { description: 'The same in a sentence; where it is not valid, why.' }),
    secondsRemaining: t.exposeInt('secondsRemaining', {
      description: 'Whole seconds until it expires; 0 where it is not valid.',
    }),
  }),
});

builder.queryField('token', (t) =>
  t.field({
    type: RedeployTokenType,
    description:
      'The token of a user for an application; "no token" is a value with valid: false, not an error. One\'s own; anyone\'s for APPROVER, AUDITOR and ADMIN. UNAVAILABLE where Redis or PostgreSQL is away.',
    args: {
      applicationName: t.arg.string({ required: true, description: 'The application.' }),
      username: t.arg.string({ description: 'Whose token; the viewer where left out.' }),
    },
    resolve: (_, { applicationName, username }, ctx) =>
      findToken(ctx.desk, ctx.actor, { applicationName, username: username ?? null }),
  }),
);
