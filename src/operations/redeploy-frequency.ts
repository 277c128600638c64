import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import type { Person } from '../domain/person.ts';
import type { Limits } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';

type FrequencyLimits = Pick<
  Limits,
  'redeploysPerMinute' | 'redeploysPerHour' | 'redeploysPerUserPerMinute' | 'redeploysPerUserPerHour'
>;

/** Operations that count together, and how many of them there may be. */
type Rule = { says: string; where: string; values: string[]; perMinute: number; perHour: number };

/**
 * Counts the redeploys of this application, and of this person, in PostgreSQL. Throws TOO_MANY_REQUESTS with the seconds
 * after which every limit lets it through. The way back from a redeploy that failed, or that is not coming up, is open
 * at once. Exact under the locks of the person and the application.
 */
export async function requireFrequencyAllows(
  em: EntityManager,
  limits: FrequencyLimits,
  { issuer, subject, username }: Person,
  { applicationName, rollbackTo }: Pick<RedeployRequest, 'applicationName' | 'rollbackTo'>,
  now: Date,
): Promise<void> {
  if (rollbackTo && (await isUnsuccessful(em, applicationName))) return;
  const perApplication = await longestWait(em, now, {
    says: `${applicationName} may be redeployed`,
    where: 'application_name = ?',
    values: [applicationName],
    perMinute: limits.redeploysPerMinute,
    perHour: limits.redeploysPerHour,
  });
  const perPerson = await longestWait(em, now, {
    says: `${username} may redeploy`,
    where: 'issuer = ? and subject = ?',
    values: [issuer, subject],
    perMinute: limits.redeploysPerUserPerMinute,
    perHour: limits.redeploysPerUserPerHour,
  });
  const worst = perPerson.seconds > perApplication.seconds ? perPerson : perApplication;
  if (worst.seconds <= 0) return;
  throw new RedeployError('TOO_MANY_REQUESTS', worst.message, { retryAfterSeconds: Math.ceil(worst.seconds) });
}

async function longestWait(
  em: EntityManager,
  now: Date,
  { says, where, values, perMinute, perHour }: Rule,
): Promise<{ seconds: number; message: string }> {
  const windows = [
    { most: perMinute, length: 60, name: 'a minute' },
    { most: perHour, length: 3600, name: 'an hour' },
  ];
  const rows = await em.execute<{ start: Date }[]>(
    `select operation_start_time as start from operation where ${where} and operation_start_time > ?
     order by operation_start_time desc limit ?`,
    [...values, new Date(now.getTime() - 3_600_000).toISOString(), Math.max(perMinute, perHour)],
  );
  const ages = rows.map(({ start }) => (now.getTime() - new Date(start).getTime()) / 1000);
  const waits = windows.map(({ most, length, name }) => {
    // The limit lets go when the oldest redeploy that fills it leaves the window.
    const filling = ages[most - 1];
    return { seconds: filling === undefined ? 0 : length - filling, message: `${says} ${most} times ${name}` };
  });
  return waits.reduce((one, other) => (other.seconds > one.seconds ? other : one));
}

/** The last redeploy failed, or is under way and no rollback itself. */
async function isUnsuccessful(em: EntityManager, applicationName: string): Promise<boolean> {
  const [last] = await em.execute<{ isUnsuccessful: boolean }[]>(
    `select coalesce(not success, type <> 'ROLLBACK') as "isUnsuccessful" from operation
     where application_name = ? order by operation_start_time desc limit 1`,
    [applicationName],
  );
  return last?.isUnsuccessful === true;
}
