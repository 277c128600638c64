import { describe, expect, test } from 'vitest';
import { type AuditContent, hashAuditRecord } from '../../src/domain/audit-record.ts';

const content: AuditContent = {
  ticketId: 1,
  sequence: 2,
  level: 'TICKET',
  kind: 'TICKET_APPROVE',
  at: new Date('2025-08-22T10:15:00.123Z'),
  issuer: 'https://issuer.test',
  subject: 'subject-of-carol',
  username: 'carol',
  address: '192.0.2.7',
  ticketNo: 'a1b2c3d4',
  applicationName: 'web-service',
  operationId: '0198d0a0-0000-7000-8000-000000000001',
  cluster: 'main',
  namespace: 'production',
  message: 'approved, 1 of 1: go',
  data: { comment: 'go', approvals: 1, nested: { a: [1, { b: null }] } },
  previousHash: 'aa',
};
const hash = hashAuditRecord(content);

const altered: { [Field in keyof AuditContent]: AuditContent[Field] } = {
  ticketId: 2,
  sequence: 3,
  level: 'ENTRY',
  kind: 'TICKET_REJECT',
  at: new Date('2025-08-22T10:15:00.124Z'),
  issuer: 'https://issuer.test/',
  subject: 'subject-of-dave',
  username: 'Carol',
  address: '192.0.2.8',
  ticketNo: 'a1b2c3d5',
  applicationName: 'web-service-2',
  operationId: '0198d0a0-0000-7000-8000-000000000002',
  cluster: 'main2',
  namespace: 'staging',
  message: 'approved, 1 of 1: go ',
  data: { comment: 'go', approvals: 1, nested: { a: [1, { b: 0 }] } },
  previousHash: 'ab',
};

describe('the hash of a record', () => {
  test('is SHA-256 in hex', () => {
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test('is over every field', () => {
    expect(Object.keys(altered).sort()).toEqual(Object.keys(content).sort());
  });

  test.for(Object.keys(altered) as (keyof AuditContent)[])('changes with %s', (field) => {
    expect(hashAuditRecord({ ...content, [field]: altered[field] })).not.toBe(hash);
  });

  const optional = Object.keys(content).filter((field) => !['level', 'kind', 'at', 'message', 'data'].includes(field));
  test.for(optional)('tells a missing %s from an empty one', (field) => {
    const missing = hashAuditRecord({ ...content, [field]: null });
    expect(missing).not.toBe(hash);
    expect(missing).not.toBe(hashAuditRecord({ ...content, [field]: '' }));
  });

  test('does not depend on the order of keys, at any depth', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null || value instanceof Date) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    const other = reversed(content) as AuditContent;
    expect(Object.keys(other)).not.toEqual(Object.keys(content));
    expect(hashAuditRecord(other)).toBe(hash);
  });

  test('does depend on the order of lists', () => {
    const pods = (...newPods: string[]) => hashAuditRecord({ ...content, data: { newPods } });
    expect(pods('a', 'b')).not.toBe(pods('b', 'a'));
  });

  test('does not let text move from one field to the next', () => {
    const namespace = `${content.cluster}${content.namespace}`;
    expect(hashAuditRecord({ ...content, cluster: '', namespace })).not.toBe(hash);
  });

  test('tells numbers from their text', () => {
    expect(hashAuditRecord({ ...content, data: { count: 1 } })).not.toBe(
      hashAuditRecord({ ...content, data: { count: '1' } }),
    );
  });
});
