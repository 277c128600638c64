import { RedeployError } from '../domain/errors.ts';
import type { Actor } from '../domain/person.ts';
import { recordFacts } from './audit.ts';
import type { Dependencies, Desk } from './dependencies.ts';
import { databaseNow, inTransaction } from './transaction.ts';

/** Runs one request of a signed-in user; a refusal stands in the record before the user hears of it. */
export async function perform<Input, Result>(
  deps: Desk,
  actor: Actor,
  request: (deps: Desk, actor: Actor, input: Input) => Promise<Result>,
  input: Input,
): Promise<Result> {
  try {
    return await request(deps, actor, input);
  } catch (error) {
    if (error instanceof RedeployError) return refuse(deps, actor, request.name, error);
    throw error;
  }
}

/** Throws the refusal, once it stands in the record. */
export async function refuse(
  deps: Dependencies,
  actor: Actor,
  request: string,
  refusal: RedeployError,
): Promise<never> {
  await recordRefusal(deps, actor, request, refusal);
  throw refusal;
}

/**
 * The first refusal of a kind within a minute is recorded, then the 10th, the 100th and so on, each with its
 * count: a flood is told by a few rows. UNAVAILABLE is no refusal but a fault of ours.
 */
async function recordRefusal(deps: Dependencies, actor: Actor, request: string, error: RedeployError): Promise<void> {
  if (error.code === 'UNAVAILABLE') return;
  await inTransaction(deps, async (em) => {
    const now = await databaseNow(em);
    const [tally] = await em.execute<{ count: number }[]>(
      `insert into refusal_tally as tally (issuer, subject, request, code, minute) values (?, ?, ?, ?, date_trunc('minute', ?::timestamptz))
       on conflict (issuer, subject, request, code, minute) do update set count = tally.count + 1 returning count`,
      [actor.issuer, actor.subject, request, error.code, now.toISOString()],
    );
    const count = tally!.count;
    if (!Number.isInteger(Math.log10(count))) return;
    const { clientAddress = null } = actor;
    recordFacts(em, null, actor, now, {}, [
      { kind: 'REQUEST_REFUSE', request, code: error.code, reason: error.message, count, clientAddress },
    ]);
  });
}
