import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import type { Person } from '../domain/person.ts';
import type { Limits } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';
import { execute } from './rows.ts';

type FrequencyLimits = Pick<
  Limits,
  'redeploysPerMinute' | 'redeploysPerHour' | 'redeploysPerUserPerMinute' | 'redeploysPerUserPerHour'
>;

/** When the redeploy began that fills a limit: the newest but so many. Null where there are not as many. */
const filling = (whose: string): string =>
  `(select operation_start_time from operation where ${whose} order by operation_start_time desc offset ? limit 1)`;
const ofApplication = filling('application_name = ?');
const ofPerson = filling('issuer = ? and subject = ?');

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
  const { redeploysPerMinute, redeploysPerHour, redeploysPerUserPerMinute, redeploysPerUserPerHour } = limits;
  const application = `${applicationName} may be redeployed`;
  const person = `${username} may redeploy`;
  const windows = [
    { most: redeploysPerMinute, length: 60, says: `${application} ${redeploysPerMinute} times a minute` },
    { most: redeploysPerHour, length: 3600, says: `${application} ${redeploysPerHour} times an hour` },
    { most: redeploysPerUserPerMinute, length: 60, says: `${person} ${redeploysPerUserPerMinute} times a minute` },
    { most: redeploysPerUserPerHour, length: 3600, says: `${person} ${redeploysPerUserPerHour} times an hour` },
  ];
  const offsets = windows.map(({ most }) => most - 1);
  const [row] = await execute<{ starts: (string | null)[] }>(
    em,
    `select jsonb_build_array(${ofApplication}, ${ofApplication}, ${ofPerson}, ${ofPerson}) as starts`,
    offsets.flatMap((offset, at) => [...(at < 2 ? [applicationName] : [issuer, subject]), offset]),
  );
  const waits = windows.map(({ length, says }, at) => {
    // The limit lets go when the redeploy that fills it leaves the window.
    const start = row!.starts[at];
    return { says, seconds: start == null ? 0 : length - (now.getTime() - new Date(start).getTime()) / 1000 };
  });
  const worst = waits.reduce((one, other) => (other.seconds > one.seconds ? other : one));
  if (worst.seconds <= 0) return;
  throw new RedeployError('TOO_MANY_REQUESTS', worst.says, { retryAfterSeconds: Math.ceil(worst.seconds) });
}

/** The last redeploy failed, or is under way and no rollback itself. */
async function isUnsuccessful(em: EntityManager, applicationName: string): Promise<boolean> {
  const [last] = await execute<{ isUnsuccessful: boolean }>(
    em,
    `select coalesce(not success, type <> 'ROLLBACK') as "isUnsuccessful" from operation
     where application_name = ? order by operation_start_time desc limit 1`,
    [applicationName],
  );
  return last?.isUnsuccessful === true;
}
