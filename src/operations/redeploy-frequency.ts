import { RedeployError } from '../domain/errors.ts';
import type { Person } from '../domain/person.ts';
import type { Limits } from './dependencies.ts';
import type { RedeployRequest } from './inputs.ts';

export type FrequencyLimits = Pick<
  Limits,
  'redeploysPerMinute' | 'redeploysPerHour' | 'redeploysPerUserPerMinute' | 'redeploysPerUserPerHour'
>;

/** What the limits go by, of the application and of the person. */
export type RecentRedeploys = {
  /** When the redeploys began that fill the limits, in their order: the newest but so many. Null where there are not as many. */
  starts: (string | null)[];
  /** The last one failed, or is under way and no rollback itself; null where nothing is to be rolled back. */
  isUnsuccessful: boolean | null;
};

const filling = (whose: string): string =>
  `(select operation_start_time from operation where ${whose} order by operation_start_time desc offset ? limit 1)`;
const ofApplication = filling('application_name = ?');
const ofPerson = filling('issuer = ? and subject = ?');

/** To be selected with what else is asked for: these columns, and their parameters. */
export const recentRedeploysInSql = `jsonb_build_array(${ofApplication}, ${ofApplication}, ${ofPerson}, ${ofPerson}) as starts,
  case when ? then (select coalesce(not success, type <> 'ROLLBACK') from operation
    where application_name = ? order by operation_start_time desc limit 1) end as "isUnsuccessful"`;

export function recentRedeploysParams(
  limits: FrequencyLimits,
  { issuer, subject }: Person,
  { applicationName: name, rollbackTo }: Frequented,
): unknown[] {
  const { redeploysPerMinute, redeploysPerHour, redeploysPerUserPerMinute, redeploysPerUserPerHour } = limits;
  const application = [redeploysPerMinute, redeploysPerHour].flatMap((most) => [name, most - 1]);
  const person = [redeploysPerUserPerMinute, redeploysPerUserPerHour].flatMap((most) => [issuer, subject, most - 1]);
  return [...application, ...person, rollbackTo !== null, name];
}

type Frequented = Pick<RedeployRequest, 'applicationName' | 'rollbackTo'>;

/**
 * Throws TOO_MANY_REQUESTS, with the seconds after which every limit lets it through, where this application was
 * redeployed, or this person redeployed, as often as is allowed. The way back from a redeploy that failed, or that is not
 * coming up, is open at once. Exact under the locks of the person and the application.
 */
export function requireFrequencyAllows(
  limits: FrequencyLimits,
  { username }: Person,
  { applicationName, rollbackTo }: Frequented,
  { starts, isUnsuccessful }: RecentRedeploys,
  now: Date,
): void {
  if (rollbackTo && isUnsuccessful) return;
  const { redeploysPerMinute, redeploysPerHour, redeploysPerUserPerMinute, redeploysPerUserPerHour } = limits;
  const application = `${applicationName} may be redeployed`;
  const person = `${username} may redeploy`;
  const windows = [
    { most: redeploysPerMinute, length: 60, says: `${application} ${redeploysPerMinute} times a minute` },
    { most: redeploysPerHour, length: 3600, says: `${application} ${redeploysPerHour} times an hour` },
    { most: redeploysPerUserPerMinute, length: 60, says: `${person} ${redeploysPerUserPerMinute} times a minute` },
    { most: redeploysPerUserPerHour, length: 3600, says: `${person} ${redeploysPerUserPerHour} times an hour` },
  ];
  const waits = windows.map(({ length, says }, at) => {
    // The limit lets go when the redeploy that fills it leaves the window.
    const start = starts[at];
    return { says, seconds: start == null ? 0 : length - (now.getTime() - new Date(start).getTime()) / 1000 };
  });
  const worst = waits.reduce((one, other) => (other.seconds > one.seconds ? other : one));
  if (worst.seconds <= 0) return;
  throw new RedeployError('TOO_MANY_REQUESTS', worst.says, { retryAfterSeconds: Math.ceil(worst.seconds) });
}
