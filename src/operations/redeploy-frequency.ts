import type { EntityManager } from '@mikro-orm/postgresql';
import { RedeployError } from '../domain/errors.ts';
import type { Limits } from './dependencies.ts';

/** Counts this application's redeploys in PostgreSQL. Throws TOO_MANY_REQUESTS with the seconds to wait. */
export async function requireFrequencyAllows(
  em: EntityManager,
  limits: Pick<Limits, 'redeploysPerMinute' | 'redeploysPerHour'>,
  applicationName: string,
  now: Date,
): Promise<void> {
  const windows = [
    { most: limits.redeploysPerMinute, seconds: 60, name: 'minute' },
    { most: limits.redeploysPerHour, seconds: 3600, name: 'hour' },
  ];
  const longest = Math.max(...windows.map(({ most }) => most));
  const rows = await em.execute<{ start: Date }[]>(
    `select operation_start_time as start from operation where application_name = ? and operation_start_time > ?
     order by operation_start_time desc limit ?`,
    [applicationName, new Date(now.getTime() - 3_600_000).toISOString(), longest],
  );
  const ages = rows.map(({ start }) => (now.getTime() - new Date(start).getTime()) / 1000);
  const waits = windows.map(({ most, seconds, name }) => {
    // The limit lets go when the oldest redeploy that fills it leaves the window.
    const filling = ages[most - 1];
    return { name, most, wait: filling === undefined ? 0 : seconds - filling };
  });
  const worst = waits.reduce((one, other) => (other.wait > one.wait ? other : one));
  if (worst.wait <= 0) return;
  throw new RedeployError(
    'TOO_MANY_REQUESTS',
    `${applicationName} may be redeployed ${worst.most} times a ${worst.name}`,
    { retryAfterSeconds: Math.ceil(worst.wait) },
  );
}
