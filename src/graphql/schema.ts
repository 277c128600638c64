import { lexicographicSortSchema } from 'graphql';
import { builder } from './builder.ts';
import { guardedSchema } from './guarded-schema.ts';
import './viewer.ts';
import './application.ts';
import './redeploy-token.ts';
import './rollout-status-event.ts';
import './redeploy-operation.ts';
import './redeploy.ts';
import './ticket-entry.ts';
import './audit-record.ts';
import './audit-service-kinds.ts';
import './audit-records.ts';
import './audit-verification.ts';
import './ticket.ts';
import './ticket-mutations.ts';
import './break-glass.ts';

export const schema = lexicographicSortSchema(guardedSchema(builder.toSchema()));
