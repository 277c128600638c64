import { type AuditContent, hashAuditRecord } from './audit-record.ts';
import { type Checkpoint, hashSeal, RecordRoot } from './audit-seal.ts';
import { isSignedBy, type PublicKeys } from './checkpoint-signature.ts';

/** What can be wrong with the record; the first four are told by a ticket's own chain. */
export const auditFaultKinds = [
  'RECORD_ALTERED',
  'RECORD_MISSING',
  'CHAIN_BROKEN',
  'HEAD_DIFFERS',
  'RECORD_OUT_OF_ORDER',
  'SEAL_BROKEN',
  'SEAL_ALTERED',
  'SEAL_CHAIN_BROKEN',
  'SIGNATURE_INVALID',
  'SIGNATURE_MISSING',
  'CHECKPOINT_DIFFERS',
  'CHECKPOINT_MISSING',
] as const;
export type AuditFaultKind = (typeof auditFaultKinds)[number];

export type AuditFault = {
  kind: AuditFaultKind;
  message: string;
  /** Null where it concerns no single record, or no ticket, or no seal. */
  recordId: number | null;
  ticketNo: string | null;
  seal: number | null;
};

/** A stored record, with the hash of the one that stands before it in its ticket; null where none does. */
export type ChainedRecord = AuditContent & { id: number; hash: string; predecessorHash: string | null };

export type RecordToVerify = {
  /** In the order of their ids: those of the seals through `sealsThrough`, and those behind the newest seal. */
  records: AsyncIterable<ChainedRecord>;
  /** In order, each one to the newest: the newest vouches for those before it. */
  seals: AsyncIterable<Checkpoint>;
  /** The seal before the first of them; null where that is the first there ever was. */
  before: Checkpoint | null;
  /** Of the later ones only that they follow on is looked at. */
  sealsThrough: number;
  /** The id of the last record that was pruned, where that is known beforehand; else the records tell. */
  prunedThrough: number;
};

export type Trust = {
  /** Empty where signatures are not looked at. */
  publicKeys: PublicKeys;
  /** The hashes of checkpoints that were kept outside, by their sequence. */
  checkpoints: ReadonlyMap<number, string>;
};

export type Verification = {
  records: number;
  /** Of them those that no seal holds yet. */
  unsealed: number;
  seals: number;
  /** The newest seal; null where there is none. */
  newest: Checkpoint | null;
  /** The id of the last record that was pruned; 0 where none was. */
  prunedThrough: number;
  /** The first hundred. */
  faults: AuditFault[];
  faultCount: number;
};

const toldFaults = 100;

/** Reads the record once, in constant memory. Changes nothing and trusts nothing that it has not computed itself. */
export async function verifyRecord(record: RecordToVerify, trust: Trust): Promise<Verification> {
  const verifier = new Verifier(record, trust);
  const records = record.records[Symbol.asyncIterator]();
  let next = await records.next();
  for await (const seal of record.seals) {
    verifier.beginSeal(seal);
    if (seal.sequence > record.sealsThrough) continue;
    for (; !next.done && next.value.id <= seal.lastId; next = await records.next())
      verifier.addRecord(next.value, seal);
    verifier.endSeal(seal);
  }
  for (; !next.done; next = await records.next()) verifier.addRecord(next.value, null);
  return verifier.end();
}

class Verifier {
  private readonly trust: Trust;
  private readonly sealsThrough: number;
  private readonly found: Verification;
  private previous: Checkpoint | null;
  private lastId = -Infinity;
  /** The id of the last record of the last seal whose records are looked at. */
  private sealedThrough = 0;
  private root = new RecordRoot();
  /** Through the last of the seals at the beginning whose records are not there. */
  private absentThrough = 0;
  private hasRecords = false;

  constructor({ before, sealsThrough, prunedThrough }: RecordToVerify, trust: Trust) {
    this.trust = trust;
    this.sealsThrough = sealsThrough;
    this.previous = before;
    this.found = { records: 0, unsealed: 0, seals: 0, newest: before, prunedThrough, faults: [], faultCount: 0 };
  }

  beginSeal(seal: Checkpoint): void {
    const { previous } = this;
    const { sequence } = seal;
    this.found.seals += 1;
    this.root = new RecordRoot();
    if (hashSeal(seal) !== seal.hash) this.sealFault('SEAL_ALTERED', seal, 'its content does not give its hash');
    const follows =
      sequence === (previous?.sequence ?? 0) + 1 &&
      seal.firstId === (previous?.lastId ?? 0) + 1 &&
      seal.previousHash === (previous?.hash ?? null);
    if (!follows) this.sealFault('SEAL_CHAIN_BROKEN', seal, 'it does not follow the one before');
    if (sequence <= this.sealsThrough) this.checkSignature(seal);
    const exported = this.trust.checkpoints.get(sequence);
    if (exported !== undefined && exported !== seal.hash) {
      this.sealFault('CHECKPOINT_DIFFERS', seal, 'the checkpoint that was kept outside is another one');
    }
    if (sequence <= this.sealsThrough) this.sealedThrough = seal.lastId;
    this.previous = seal;
    this.found.newest = seal;
  }

  /** `seal`: the one whose records are being read; null behind the newest. */
  addRecord(record: ChainedRecord, seal: Checkpoint | null): void {
    this.found.records += 1;
    this.hasRecords = true;
    if (record.id <= this.lastId) this.recordFault('RECORD_OUT_OF_ORDER', record, 'it stands behind a later one');
    this.lastId = record.id;
    if (hashAuditRecord(contentOf(record)) !== record.hash) {
      this.recordFault('RECORD_ALTERED', record, 'its content does not give its hash');
    }
    this.checkChain(record);
    const { throughRecord } = record.data;
    if (record.kind === 'AUDIT_PRUNE' && typeof throughRecord === 'number') {
      this.found.prunedThrough = Math.max(this.found.prunedThrough, throughRecord);
    }
    if (seal === null && record.id > this.sealedThrough) this.found.unsealed += 1;
    else if (seal === null || record.id < seal.firstId) {
      this.recordFault('RECORD_OUT_OF_ORDER', record, 'it stands where everything is sealed, but in no seal');
    } else this.root.add(record);
  }

  endSeal(seal: Checkpoint): void {
    if (this.root.count === 0 && !this.hasRecords) {
      this.absentThrough = seal.lastId;
    } else if (this.root.count !== seal.count) {
      this.sealFault('SEAL_BROKEN', seal, `it holds ${seal.count} records, and ${this.root.count} are there`);
    } else if (this.root.digest() !== seal.root) {
      this.sealFault('SEAL_BROKEN', seal, 'its records are not those that were sealed');
    }
  }

  end(): Verification {
    const { newest, prunedThrough } = this.found;
    const { checkpoints, publicKeys } = this.trust;
    if (this.absentThrough > prunedThrough) {
      const message = `the records through ${this.absentThrough} are gone, and it is not recorded that they were pruned`;
      this.fault({ kind: 'SEAL_BROKEN', message, recordId: this.absentThrough, ticketNo: null, seal: null });
    }
    if (newest && newest.sequence > this.sealsThrough) this.checkSignature(newest);
    if (publicKeys.size > 0 && newest?.signature === null) {
      this.sealFault('SIGNATURE_MISSING', newest, 'it is the newest one, and not signed');
    }
    const missing = [...checkpoints.keys()].filter((sequence) => sequence > (newest?.sequence ?? 0));
    for (const seal of missing.toSorted((a, b) => a - b)) {
      const message = `seal ${seal} was kept outside, and is not there`;
      this.fault({ kind: 'CHECKPOINT_MISSING', message, recordId: null, ticketNo: null, seal });
    }
    return this.found;
  }

  private checkSignature(seal: Checkpoint): void {
    const { publicKeys } = this.trust;
    if (publicKeys.size === 0 || seal.signature === null) return;
    const publicKey = publicKeys.get(seal.keyId ?? '');
    if (!publicKey) this.sealFault('SIGNATURE_INVALID', seal, `it is signed by ${seal.keyId}, which is no known key`);
    else if (!isSignedBy(seal, publicKey)) this.sealFault('SIGNATURE_INVALID', seal, 'its signature is not valid');
  }

  private checkChain(record: ChainedRecord): void {
    const { sequence, previousHash, predecessorHash } = record;
    if (predecessorHash === null && sequence !== null && sequence > 1) {
      // Of a ticket that was under way where the record was cut off the beginning is gone.
      if (this.absentThrough > 0 || this.found.prunedThrough > 0) return;
      this.recordFault('RECORD_MISSING', record, `record ${sequence - 1} of its ticket is not there`);
    } else if (predecessorHash !== previousHash) {
      this.recordFault('CHAIN_BROKEN', record, 'it does not follow the one before in its ticket');
    }
  }

  private recordFault(kind: AuditFaultKind, { id, ticketNo }: ChainedRecord, what: string): void {
    const message = `record ${id}${ticketNo === null ? '' : ` of ticket ${ticketNo}`}: ${what}`;
    this.fault({ kind, message, recordId: id, ticketNo, seal: null });
  }

  private sealFault(kind: AuditFaultKind, { sequence }: Checkpoint, what: string): void {
    this.fault({ kind, message: `seal ${sequence}: ${what}`, recordId: null, ticketNo: null, seal: sequence });
  }

  private fault(fault: AuditFault): void {
    addFault(this.found, fault);
  }
}

export function addFault(verification: Verification, fault: AuditFault): void {
  verification.faultCount += 1;
  if (verification.faults.length < toldFaults) verification.faults.push(fault);
}

/** Exactly what the hash is over, whatever else came with it. */
function contentOf(record: AuditContent): AuditContent {
  const { ticketId, sequence, level, kind, at, issuer, subject, username, address, ticketNo } = record;
  const { applicationName, operationId, cluster, namespace, message, data, previousHash } = record;
  const who = { issuer, subject, username, address };
  const where = { ticketNo, applicationName, operationId, cluster, namespace };
  return { ticketId, sequence, level, kind, at, ...who, ...where, message, data, previousHash };
}
