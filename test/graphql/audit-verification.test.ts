import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestServices, type TestServices } from '../support/service.ts';
import { newKeyPem } from '../support/sealed-record.ts';
import { Story } from '../support/story.ts';
import { until } from '../support/wait.ts';

type Fault = { kind: string; message: string; recordId: string | null; ticketNo: string | null; seal: number | null };
type Checkpoint = { sequence: number; firstId: string; lastId: string; hash: string; signature: string | null };
type Verification = {
  valid: boolean;
  complete: boolean;
  records: number;
  unsealed: number;
  seals: number;
  checkpoint: Checkpoint | null;
  prunedThrough: string | null;
  faultCount: number;
  faults: Fault[];
};

const query = `query ($ticketNo: String, $after: DateTime, $before: DateTime) {
  auditVerification(ticketNo: $ticketNo, after: $after, before: $before) {
    valid complete records unsealed seals prunedThrough faultCount
    faults { kind message recordId ticketNo seal }
    checkpoint { sequence firstId lastId count firstAt lastAt root previousHash at hash keyId signature }
  }
}`;

let folder: string;
let checkpointFile: string;
let services: TestServices;
let story: Story;
let ticketNo: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cratos-verification-test-'));
  checkpointFile = join(folder, 'checkpoints.ndjson');
  await writeFile(join(folder, 'key.pem'), newKeyPem());
  services = await openTestServices();
  const service = await services.start({
    AUDIT_SEAL_SECONDS: '1',
    AUDIT_SIGNING_KEY_FILE: join(folder, 'key.pem'),
    AUDIT_CHECKPOINT_FILE: checkpointFile,
  });
  story = await Story.open(services, service);
  const { applicationName } = await story.place();
  ticketNo = await story.authorized(applicationName);
  await story.completed(applicationName);
});
afterAll(async () => {
  await services.close();
  await rm(folder, { recursive: true, force: true });
});

const verify = async (variables: object = {}): Promise<Verification> =>
  (await story.get<{ auditVerification: Verification }>('frank', query, variables)).auditVerification;

const untilSealed = (): Promise<Verification> =>
  until('every record is sealed', async () => {
    const found = await verify();
    return found.checkpoint !== null && found.unsealed === 0 && found;
  });

test('the service seals and signs its record by itself, and keeps every checkpoint in the file', async () => {
  const found = await untilSealed();
  expect(found).toMatchObject({ valid: true, complete: true, faults: [], faultCount: 0, prunedThrough: null });
  expect(found.records).toBeGreaterThan(10);
  expect(found.checkpoint!.signature).toMatch(/^[A-Za-z0-9+/]{86}==$/);
  const { sequence, hash, lastId } = found.checkpoint!;
  const kept = async () => {
    const lines = (await readFile(checkpointFile, 'utf8')).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  };
  const checkpoints = await until('it is kept', async () => {
    const all = await kept();
    return all.length >= sequence && all;
  });
  expect(checkpoints.map((one) => one['sequence'])).toEqual(checkpoints.map((_, i) => i + 1));
  expect(checkpoints[sequence - 1]).toMatchObject({ hash, lastId: Number(lastId) });
});

test('AUDITOR and ADMIN verify, everybody else is refused', async () => {
  const { auditVerification } = await story.get<{ auditVerification: Verification }>('grace', query);
  expect(auditVerification.valid).toBe(true);
  for (const name of ['alice', 'carol'] as const) {
    expect(await story.refusal(name, query)).toMatchObject({ code: 'FORBIDDEN' });
  }
});

test('of one ticket its own story is verified, with the seals of its time', async () => {
  await untilSealed();
  const [row] = await services.sql<{ records: number }>(
    'select count(*)::int as records from audit_record where ticket_no = ?',
    [ticketNo],
  );
  const found = await verify({ ticketNo });
  expect(found).toMatchObject({ valid: true, complete: true });
  expect(found.records).toBeGreaterThanOrEqual(row!.records);
  expect(await story.refusal('frank', query, { ticketNo: 'zzzz9999' })).toMatchObject({ code: 'NOT_FOUND' });
  const both = { ticketNo, after: '2025-01-01T00:00:00.000Z' };
  expect(await story.refusal('frank', query, both)).toMatchObject({ code: 'INVALID_INPUT' });
});

test('what was tampered with is told with record, ticket and seal, in its own time and in no other', async () => {
  await untilSealed();
  await services.sql(
    `update audit_record set message = 'nothing', hash = repeat('0', 64) where ticket_no = ? and kind = 'TICKET_APPROVE'`,
    [ticketNo],
  );
  const [row] = await services.sql<{ id: string; at: string }>(
    `select id, at from audit_record where ticket_no = ? and kind = 'TICKET_APPROVE'`,
    [ticketNo],
  );
  const at = new Date(row!.at);
  const found = await verify();
  expect(found.valid).toBe(false);
  expect(found.faultCount).toBe(found.faults.length);
  expect(found.faults).toContainEqual({
    kind: 'RECORD_ALTERED',
    message: `record ${row!.id} of ticket ${ticketNo}: its content does not give its hash`,
    recordId: row!.id,
    ticketNo,
    seal: null,
  });
  expect(found.faults.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['CHAIN_BROKEN', 'SEAL_BROKEN']));
  expect((await verify({ ticketNo })).faults).toEqual(found.faults);
  const moment = { after: at.toISOString(), before: new Date(at.getTime() + 1).toISOString() };
  expect((await verify(moment)).faults).toContainEqual(found.faults[0]);
  expect(await verify({ before: '2020-01-01T00:00:00.000Z' })).toMatchObject({ valid: true, records: 0 });
  expect(await verify({ after: new Date(Date.now() + 60_000).toISOString() })).toMatchObject({
    valid: true,
    records: 0,
  });
});
