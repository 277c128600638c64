import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type AuditContent, hashAuditRecord } from '../../src/domain/audit-record.ts';
import { type Checkpoint, RecordRoot } from '../../src/domain/audit-seal.ts';
import {
  type AuditFaultKind,
  auditFaultKinds,
  type ChainedRecord,
  type RecordToVerify,
  type Trust,
  verifyRecord,
} from '../../src/domain/audit-verification.ts';
import { checkpointOf, readKeys, type SigningKeys } from '../../src/domain/checkpoint-signature.ts';

const pemOf = (type: 'ed25519' | 'x25519' = 'ed25519'): { secret: string; public: string } => {
  const { privateKey, publicKey } = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519');
  return {
    secret: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    public: publicKey.export({ type: 'spki', format: 'pem' }),
  };
};
const keys = readKeys(pemOf().secret).signing!;
const at = new Date('2025-08-22T10:00:00.000Z');

function recordOf(id: number, before: ChainedRecord | null, changes: Partial<AuditContent> = {}): ChainedRecord {
  const content: AuditContent = {
    ticketId: 7,
    sequence: (before?.sequence ?? 0) + 1,
    level: 'TICKET',
    kind: 'TICKET_REVIEW',
    at,
    issuer: null,
    subject: null,
    username: 'carol',
    address: null,
    ticketNo: 'a1b2c3d4',
    applicationName: null,
    operationId: null,
    cluster: null,
    namespace: null,
    message: `record ${id}`,
    data: { comment: 'well' },
    previousHash: before?.hash ?? null,
    ...changes,
  };
  return { ...content, id, hash: hashAuditRecord(content), predecessorHash: before?.hash ?? null };
}

const alone = { ticketId: null, sequence: null, ticketNo: null, previousHash: null };

function sealOf(records: readonly ChainedRecord[], before: Checkpoint | null, by: SigningKeys | null): Checkpoint {
  const root = new RecordRoot();
  for (const record of records) root.add(record);
  return checkpointOf(
    {
      sequence: (before?.sequence ?? 0) + 1,
      firstId: (before?.lastId ?? 0) + 1,
      lastId: records.at(-1)!.id,
      count: records.length,
      firstAt: at.toISOString(),
      lastAt: at.toISOString(),
      root: root.digest(),
      previousHash: before?.hash ?? null,
      at: at.toISOString(),
    },
    by,
  );
}

/** Three seals of two records each, of one ticket, and two records that are not sealed. */
function sample(by: SigningKeys | null = keys): { records: ChainedRecord[]; seals: Checkpoint[] } {
  const records: ChainedRecord[] = [];
  for (let id = 1; id <= 8; id += 1) records.push(recordOf(id, records.at(-1) ?? null));
  const seals: Checkpoint[] = [];
  for (const first of [0, 2, 4]) seals.push(sealOf(records.slice(first, first + 2), seals.at(-1) ?? null, by));
  return { records, seals };
}

async function* each<Item>(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

const whole = { before: null, sealsThrough: Infinity, prunedThrough: 0 };
const verify = (
  { records, seals }: { records: readonly ChainedRecord[]; seals: readonly Checkpoint[] },
  trust: Partial<Trust> = {},
  scope: Partial<RecordToVerify> = {},
) =>
  verifyRecord(
    { records: each(records), seals: each(seals), ...whole, ...scope },
    { publicKeys: keys.publicKeys, checkpoints: new Map(), ...trust },
  );

test('a record that is as it was written has no fault', async () => {
  const { records, seals } = sample();
  const checkpoints = new Map(seals.map(({ sequence, hash }) => [sequence, hash]));
  expect(await verify({ records, seals }, { checkpoints })).toEqual({
    records: 8,
    unsealed: 2,
    seals: 3,
    newest: seals[2],
    prunedThrough: 0,
    faults: [],
    faultCount: 0,
  });
});

test('nothing at all has no fault', async () => {
  expect(await verify({ records: [], seals: [] })).toMatchObject({ records: 0, newest: null, faults: [] });
});

type Sample = ReturnType<typeof sample>;
const changes: [
  kind: AuditFaultKind,
  message: string,
  change: (it: Sample) => Sample | void,
  trust?: Partial<Trust>,
][] = [
  [
    'RECORD_ALTERED',
    'record 3 of ticket a1b2c3d4: its content does not give its hash',
    ({ records }) => void (records[2]!.username = 'mallory'),
  ],
  [
    'RECORD_MISSING',
    'record 8 of ticket a1b2c3d4: record 7 of its ticket is not there',
    ({ records, seals }) => ({
      records: records.toSpliced(6, 1).with(6, { ...records[7]!, predecessorHash: null }),
      seals,
    }),
  ],
  [
    'CHAIN_BROKEN',
    'record 8 of ticket a1b2c3d4: it does not follow the one before in its ticket',
    ({ records }) => void (records[7]!.predecessorHash = 'another'),
  ],
  [
    'RECORD_OUT_OF_ORDER',
    'record 8 of ticket a1b2c3d4: it stands behind a later one',
    ({ records, seals }) => ({ records: records.with(6, { ...records[6]!, id: 9 }), seals }),
  ],
  [
    'RECORD_OUT_OF_ORDER',
    'record 0: it stands where everything is sealed, but in no seal',
    ({ records, seals }) => ({ records: [recordOf(0, null, alone), ...records], seals }),
  ],
  [
    'SEAL_BROKEN',
    'seal 2: its records are not those that were sealed',
    ({ records, seals }) => ({
      records: records.with(2, { ...records[3]!, id: 3 }).with(3, { ...records[2]!, id: 4 }),
      seals,
    }),
  ],
  [
    'SEAL_BROKEN',
    'seal 3: it holds 2 records, and 1 are there',
    ({ records, seals }) => ({ records: records.toSpliced(5, 1), seals }),
  ],
  [
    'SEAL_BROKEN',
    'the records through 6 are gone, and it is not recorded that they were pruned',
    ({ seals }) => ({ records: [], seals }),
  ],
  [
    'SEAL_ALTERED',
    'seal 1: its content does not give its hash',
    ({ seals }) => void (seals[0]!.at = '2025-08-22T09:00:00.000Z'),
    { publicKeys: new Map() },
  ],
  [
    'SEAL_CHAIN_BROKEN',
    'seal 3: it does not follow the one before',
    ({ records, seals }) => ({ records: records.toSpliced(2, 2), seals: seals.toSpliced(1, 1) }),
  ],
  [
    'SEAL_CHAIN_BROKEN',
    'seal 3: it does not follow the one before',
    ({ records, seals }) => ({
      records,
      seals: seals.with(2, checkpointOf({ ...seals[2]!, firstId: seals[2]!.firstId - 1 }, keys)),
    }),
  ],
  ['SIGNATURE_INVALID', 'seal 2: its signature is not valid', ({ seals }) => void (seals[1]!.signature = 'AAAA')],
  [
    'SIGNATURE_INVALID',
    'seal 2: it is signed by nobody, which is no known key',
    ({ seals }) => void (seals[1]!.keyId = 'nobody'),
  ],
  ['SIGNATURE_MISSING', 'seal 3: it is the newest one, and not signed', () => sample(null)],
  [
    'CHECKPOINT_DIFFERS',
    'seal 2: the checkpoint that was kept outside is another one',
    () => undefined,
    { checkpoints: new Map([[2, 'another']]) },
  ],
  [
    'CHECKPOINT_MISSING',
    'seal 4 was kept outside, and is not there',
    () => undefined,
    { checkpoints: new Map([[4, 'another']]) },
  ],
];

describe('faults', () => {
  test.for(changes)('%s: %s', async ([kind, message, change, trust]) => {
    const it = sample();
    const { faults } = await verify(change(it) ?? it, trust);
    expect(faults.map((fault) => [fault.kind, fault.message])).toContainEqual([kind, message]);
  });

  test('of every kind are tried; that of heads is told by the database alone', () => {
    const tried = new Set(changes.map(([kind]) => kind));
    expect(auditFaultKinds.filter((kind) => !tried.has(kind))).toEqual(['HEAD_DIFFERS']);
  });

  test('are all counted, and the first hundred told', async () => {
    const records = Array.from({ length: 150 }, (_, i) => ({ ...recordOf(i + 1, null, alone), message: 'altered' }));
    const { faults, faultCount } = await verify({ records, seals: [] });
    expect([faults.length, faultCount]).toEqual([100, 150]);
    expect(faults[0]).toEqual({
      kind: 'RECORD_ALTERED',
      message: 'record 1: its content does not give its hash',
      recordId: 1,
      ticketNo: null,
      seal: null,
    });
  });
});

describe('signatures', () => {
  test('are not looked at without a key', async () => {
    expect((await verify(sample(null), { publicKeys: new Map() })).faults).toEqual([]);
  });

  test('of earlier keys are taken, where those are known', async () => {
    const [former, present] = [pemOf(), pemOf()];
    const by = (pem: string) => readKeys(pem).signing;
    const { records } = sample();
    const first = sealOf(records.slice(0, 2), null, by(former.secret));
    const second = sealOf(records.slice(2, 4), first, null); // in between nobody had a key
    const third = sealOf(records.slice(4, 6), second, by(present.secret));
    const rotated = { records, seals: [first, second, third] };
    const kinds = async (pem: string) =>
      (await verify(rotated, { publicKeys: readKeys(pem).publicKeys })).faults.map(({ kind }) => kind);
    expect(await kinds(`${present.secret}\n${former.public}`)).toEqual([]);
    expect(await kinds(`${former.public}${present.public}`)).toEqual([]);
    expect(await kinds(present.secret)).toEqual(['SIGNATURE_INVALID']);
  });

  test('are made with one Ed25519 key alone', () => {
    expect(() => readKeys('nothing')).toThrow('holds no key in PEM');
    expect(() => readKeys(pemOf('x25519').secret)).toThrow('holds a key that is not Ed25519');
    expect(() => readKeys(pemOf().secret + pemOf().secret)).toThrow('holds more than one private key');
    expect(readKeys(pemOf().public).signing).toBeNull();
  });
});

describe('a record that was pruned', () => {
  const cut = (through: number) => {
    const { records, seals } = sample();
    const left = records.slice(through).map((record, i) => (i === 0 ? { ...record, predecessorHash: null } : record));
    return { records: left, seals };
  };
  const pruning = (throughRecord: number) =>
    recordOf(9, null, { ...alone, kind: 'AUDIT_PRUNE', data: { throughRecord } });

  test('is valid behind what a record of it says was pruned', async () => {
    const { records, seals } = cut(4);
    const found = await verify({ records: [...records, pruning(4)], seals });
    expect(found).toMatchObject({ faults: [], prunedThrough: 4, records: 5 });
    expect(await verify({ records, seals }, {}, { prunedThrough: 4 })).toMatchObject({ faults: [] });
  });

  test('is not, where less is said to be pruned, or nothing', async () => {
    const { records, seals } = cut(4);
    for (const more of [[], [pruning(2)]]) {
      const { faults } = await verify({ records: [...records, ...more], seals });
      expect(faults.map(({ kind }) => kind)).toContain('SEAL_BROKEN');
    }
  });

  test('is not, where a seal is cut in two', async () => {
    const { records, seals } = cut(3);
    const { faults } = await verify({ records: [...records, pruning(4)], seals });
    expect(faults.map(({ kind, seal }) => [kind, seal])).toContainEqual(['SEAL_BROKEN', 2]);
  });
});

test('of a part the later seals are looked at only for following on', async () => {
  const { records, seals } = sample();
  const part = { records: records.slice(2, 4), seals: seals.slice(1) };
  const scope = { before: seals[0]!, sealsThrough: 2 };
  expect(await verify(part, {}, scope)).toMatchObject({ faults: [], records: 2, newest: { sequence: 3 } });
  const kinds = async (seal: Checkpoint) =>
    (await verify({ ...part, seals: [seals[1]!, seal] }, {}, scope)).faults.map(({ kind }) => kind);
  expect(await kinds({ ...seals[2]!, previousHash: 'another' })).toContain('SEAL_CHAIN_BROKEN');
  expect(await kinds({ ...seals[2]!, signature: 'AAAA' })).toEqual(['SIGNATURE_INVALID']);
});
