import { expect, test } from 'vitest';
import { minutesLater, newGrant } from '../support/entities.ts';

const expired = 'expired at 2025-08-22T12:00:00.000Z';

test.for([
  ['a grant is live until it expires', {}, 119, null],
  ['it expires on the millisecond', {}, 120, expired],
  ['without a limit any number of uses leaves it live', { uses: 1000 }, 1, null],
  ['below its limit it is live', { uses: 2, maxUses: 3 }, 1, null],
  ['at its limit it is used up', { uses: 3, maxUses: 3 }, 1, 'is used up'],
  [
    'a revoked one says why',
    { revokedAt: minutesLater(5), revokedReason: 'wrong ticket' },
    6,
    'was revoked: wrong ticket',
  ],
  ['a reason is not needed', { revokedAt: minutesLater(5) }, 6, 'was revoked'],
  ['the revocation is told before the expiry', { revokedAt: minutesLater(5), uses: 3, maxUses: 3 }, 120, 'was revoked'],
  ['the expiry is told before the limit', { uses: 3, maxUses: 3 }, 120, expired],
] as const)('%s', ([, changes, minutes, why]) => {
  const grant = newGrant(changes);
  expect(grant.whyNotLive(minutesLater(minutes))).toBe(why);
  expect(grant.isLive(minutesLater(minutes))).toBe(why === null);
});

test('a revoked grant is live no more, from then on', () => {
  const grant = newGrant();
  grant.revoke(minutesLater(5), 'wrong ticket');
  expect(grant).toMatchObject({ revokedAt: minutesLater(5), revokedReason: 'wrong ticket' });
  expect(grant.whyNotLive(minutesLater(5))).toBe('was revoked: wrong ticket');
});

test('an expired grant ended when it should have, not when that was noticed', () => {
  const grant = newGrant();
  expect(grant.expire()).toEqual({ kind: 'TOKEN_EXPIRE', expires: minutesLater(120).toISOString() });
  expect(grant.endedAt).toEqual(minutesLater(120));
});
