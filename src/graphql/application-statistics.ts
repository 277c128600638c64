import type { periodLengths } from '../domain/periods.ts';
import { type ApplicationStatistics, longestStatisticsDays } from '../operations/statistics.ts';
import { ApplicationType } from './application.ts';
import { builder } from './builder.ts';

const StatisticsPeriodEnum = builder.enumType('StatisticsPeriod', {
  description: 'How a time is divided, by the calendar in UTC.',
  values: {
    DAY: { description: 'From midnight to midnight.' },
    WEEK: { description: 'From Monday to Monday, as ISO 8601 has it.' },
    MONTH: { description: 'From the first of the month.' },
  } satisfies Record<(typeof periodLengths)[number], { description: string }>,
});

const TicketCountsType = builder.objectRef<ApplicationStatistics['tickets']>('TicketCounts').implement({
  description: 'How many tickets, by what became of them.',
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'All.' }),
    succeeded: t.exposeInt('succeeded', { description: 'COMPLETED with the result SUCCEEDED.' }),
    failed: t.exposeInt('failed', { description: 'COMPLETED with the result FAILED, or FAILED themselves.' }),
    mixed: t.exposeInt('mixed', { description: 'COMPLETED with the result MIXED.' }),
    unused: t.exposeInt('unused', { description: 'COMPLETED with the result UNUSED.' }),
    rejected: t.exposeInt('rejected', { description: 'REJECTED.' }),
    cancelled: t.exposeInt('cancelled', { description: 'CANCELLED.' }),
    expired: t.exposeInt('expired', { description: 'EXPIRED.' }),
    open: t.exposeInt('open', { description: 'In a status that is not their last.' }),
  }),
});

const OperationCountsType = builder.objectRef<ApplicationStatistics['operations']>('OperationCounts').implement({
  description: 'How many redeploys, by what became of them.',
  fields: (t) => ({
    total: t.exposeInt('total', { description: 'All.' }),
    completed: t.exposeInt('completed', { description: 'COMPLETED.' }),
    failed: t.exposeInt('failed', { description: 'FAILED.' }),
    timedOut: t.exposeInt('timedOut', { description: 'TIMED_OUT.' }),
    superseded: t.exposeInt('superseded', { description: 'SUPERSEDED.' }),
    unfinished: t.exposeInt('unfinished', { description: 'In a status that is not their last.' }),
  }),
});

const PercentilesType = builder.objectRef<NonNullable<ApplicationStatistics['duration']>>('Percentiles').implement({
  description: 'How long something took, in seconds; between two values in proportion.',
  fields: (t) => ({
    median: t.exposeFloat('median', { description: 'Half of them took no longer.' }),
    p95: t.exposeFloat('p95', { description: 'Nineteen of twenty took no longer.' }),
  }),
});

const ApplicationStatisticsType = builder.objectRef<ApplicationStatistics>('ApplicationStatistics').implement({
  description: 'What became of the tickets and redeploys of one application that began within one period.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', description: 'The period begins then.', resolve: ({ from }) => from }),
    to: t.field({ type: 'DateTime', description: 'It ends before that instant.', resolve: ({ to }) => to }),
    tickets: t.field({
      type: TicketCountsType,
      description: 'Created within it, with an entry for the application.',
      resolve: ({ tickets }) => tickets,
    }),
    operations: t.field({
      type: OperationCountsType,
      description: 'Started within it.',
      resolve: ({ operations }) => operations,
    }),
    successRate: t.float({
      nullable: true,
      description: 'Of the operations that have ended the part that was COMPLETED, 0 to 1; null where none has ended.',
      resolve: ({ operations: { total, unfinished, completed } }) =>
        total === unfinished ? null : completed / (total - unfinished),
    }),
    timeToApproval: t.field({
      type: PercentilesType,
      nullable: true,
      description:
        'From the creation of a ticket to its last approval; without broken glass. Null where none was approved.',
      resolve: ({ timeToApproval }) => timeToApproval,
    }),
    duration: t.field({
      type: PercentilesType,
      nullable: true,
      description: 'From start to end of the operations that were COMPLETED. Null where there were none.',
      resolve: ({ duration }) => duration,
    }),
  }),
});

builder.objectField(ApplicationType, 'statistics', (t) =>
  t.field({
    type: [ApplicationStatisticsType],
    description: `How its emergencies went: one for each period, oldest first, those without any too. INVALID_INPUT where the time is empty or longer than ${longestStatisticsDays} days.`,
    args: {
      from: t.arg({ type: 'DateTime', required: true, description: 'From this instant on.' }),
      to: t.arg({ type: 'DateTime', required: true, description: 'Before this instant.' }),
      period: t.arg({
        type: StatisticsPeriodEnum,
        description: 'By which the time is divided, the first and the last cut to it; undivided where left out.',
      }),
    },
    resolve: ({ name }, { from, to, period }, ctx) =>
      ctx.loaders().statistics(name, { from, to, period: period ?? null }),
  }),
);
