import { lexicographicSortSchema } from 'graphql';
import { builder } from './builder.ts';
import './viewer.ts';
import './application.ts';
import './application-statistics.ts';
import './redeploy-token.ts';
import './rollout-status-event.ts';
import './redeploy-operation.ts';
import './redeploy.ts';
import './ticket-entry.ts';
import './audit-record.ts';
import './audit-records.ts';
import './ticket.ts';
import './ticket-mutations.ts';
import './break-glass.ts';

export const schema = lexicographicSortSchema(builder.toSchema());
