import { createHash } from 'node:crypto';
import { defineEntity, p } from '@mikro-orm/core';
import { canonicalHash } from './canonical-hash.ts';

const AuditSealSchema = defineEntity({
  name: 'AuditSeal',
  properties: {
    /** 1, 2, 3 … */
    sequence: p.integer().primary().autoincrement(false),
    firstId: p.bigint('number'),
    lastId: p.bigint('number'),
    count: p.integer(),
    firstAt: p.datetime(3),
    lastAt: p.datetime(3),
    root: p.text(),
    previousHash: p.text().nullable(),
    at: p.datetime(3),
    hash: p.text(),
    keyId: p.text().nullable(),
    signature: p.text().nullable(),
  },
});

/** A batch of records that cannot change any more without its root telling. Append-only, as they are. */
export class AuditSeal extends AuditSealSchema.class {}
AuditSealSchema.setClass(AuditSeal);

/** What a seal says; instants in ISO 8601. */
export type SealContent = {
  /** 1, 2, 3 … */
  sequence: number;
  /** Every record with an id from the first to the last; the first follows the last of the seal before. */
  firstId: number;
  lastId: number;
  /** How many they are: ids that were never stored are left out. */
  count: number;
  /** When the earliest and the latest of them happened. */
  firstAt: string;
  lastAt: string;
  /** SHA-256, hexadecimal, over `id hash\n` of each of them, in order. */
  root: string;
  /** Of the seal before; null in the first. */
  previousHash: string | null;
  /** When it was sealed. */
  at: string;
};

/** A seal as it goes outside: whoever keeps one can prove what the record was up to it. */
export type Checkpoint = SealContent & {
  /** SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of the content. */
  hash: string;
  /** Names the key that signed it; null, as is `signature`, where none did. */
  keyId: string | null;
  /** Ed25519 over the bytes that `hash` is over, in base64. */
  signature: string | null;
};

export const sealContentOf = (checkpoint: SealContent): SealContent => {
  const { sequence, firstId, lastId, count, firstAt, lastAt, root, previousHash, at } = checkpoint;
  return { sequence, firstId, lastId, count, firstAt, lastAt, root, previousHash, at };
};

export const hashSeal = (content: SealContent): string => canonicalHash(sealContentOf(content));

/** The root of records that are added in the order of their ids. */
export class RecordRoot {
  private readonly hash = createHash('sha256');
  count = 0;

  add({ id, hash }: { id: number; hash: string }): void {
    this.hash.update(`${id} ${hash}\n`);
    this.count += 1;
  }

  digest(): string {
    return this.hash.digest('hex');
  }
}

/** The port to where checkpoints are kept out of the database's reach. */
export interface Checkpoints {
  /** The one that was appended last; null where none was. */
  newest(): Promise<Checkpoint | null>;
  /** Returns when they are stored for good. */
  append(checkpoints: readonly Checkpoint[]): Promise<void>;
}
