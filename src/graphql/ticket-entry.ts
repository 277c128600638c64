import type { EntryRow } from '../operations/reads.ts';
import { tokenOfEntry } from '../operations/tokens.ts';
import { ApplicationType, BusinessTagType, TargetType } from './application.ts';
import { askedColumns, reads, readsWithin } from './asked-columns.ts';
import { builder } from './builder.ts';
import { RedeployTokenType } from './redeploy-token.ts';

export const TicketEntryType = builder.objectRef<EntryRow>('TicketEntry').implement({
  description: 'One application of a ticket. Tags and targets are as they stood when the ticket was created.',
  fields: (t) => ({
    ticketEntryId: t.exposeInt('id', { description: "The entry's number inside the service." }),
    applicationName: t.exposeString('applicationName', { description: 'The application.' }),
    businessTags: t.expose('businessTags', {
      type: [BusinessTagType],
      description: 'Its tags at that time.',
    }),
    targets: t.expose('targets', {
      type: [TargetType],
      description: 'Its targets at that time: what the approval covers.',
    }),
    manifest: t.expose('manifest', {
      type: 'JSONObject',
      nullable: true,
      description: 'Its manifest at that time: what the approval allows to create; null where there was none.',
    }),
    application: t.field({
      type: ApplicationType,
      nullable: true,
      description: 'As it is registered now; null where it is registered no more.',
      extensions: reads<EntryRow>('applicationName'),
      resolve: (entry, _, ctx, info) => ctx.loaders().applications(entry.applicationName, askedColumns(info)),
    }),
    expectedEffect: t.exposeString('expectedEffect', {
      nullable: true,
      description: 'What the requester expects; null when not said.',
    }),
    rollbackPlan: t.exposeString('rollbackPlan', {
      nullable: true,
      description: 'What the requester will do if it goes wrong; null when not said.',
    }),
    success: t.exposeBoolean('success', {
      nullable: true,
      description: 'Whether the token was issued; null until completed.',
    }),
    completed: t.exposeBoolean('completed', {
      description: 'Whether the token was issued or given up; stays false where the ticket was never approved.',
    }),
    executedAt: t.expose('executedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the token was issued or given up; null before.',
    }),
    completedAt: t.expose('completedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the entry was done; null before.',
    }),
    errorMessage: t.exposeString('errorMessage', {
      nullable: true,
      description: 'Why no token was issued; null otherwise.',
    }),
    token: t.field({
      type: RedeployTokenType,
      nullable: true,
      description:
        'The token of this entry, from the record; null while none was granted. Never UNAVAILABLE: whether Redis holds it too, the query token tells.',
      extensions: readsWithin<EntryRow>('grantId', 'expires', 'revokedAt', 'uses', 'maxUses', 'readAt'),
      resolve: tokenOfEntry,
    }),
  }),
});
