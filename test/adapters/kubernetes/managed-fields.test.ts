import { describe, expect, test } from 'vitest';
import { withoutManagedFields } from '../../../src/adapters/kubernetes/managed-fields.ts';

const managed = [
  { manager: 'kubelet', fieldsV1: { 'k:{"name":"a]"}': { '.': {}, 'v:["b\\"]': [[], ['[']] } } },
  { manager: 'quote " bracket ] backslash \\', fieldsV1: {} },
];
const podWith = (managedFields: unknown, more: object = {}) => ({
  type: 'MODIFIED',
  object: { metadata: { name: 'ä-€-😀', managedFields, ...more }, spec: { containers: [{ args: ['[', ']', '\\"'] }] } },
});
const read = (text: string): unknown => JSON.parse(withoutManagedFields(Buffer.from(text)));

describe('an object off the wire', () => {
  test.for<[what: string, event: object, expected: object]>([
    ['loses its managedFields and nothing else', podWith(managed), podWith([])],
    ['that has none left', podWith([]), podWith([])],
    ['that never had any', podWith(undefined), podWith(undefined)],
    ['where they are something else', podWith({ of: 'no kind' }), podWith({ of: 'no kind' })],
    [
      'where a text speaks of them',
      podWith(managed, { text: JSON.stringify(podWith(managed)) }),
      podWith([], { text: JSON.stringify(podWith(managed)) }),
    ],
    [
      'where a text before speaks of them',
      { text: '"managedFields":[', ...podWith(managed) },
      { text: '"managedFields":[', ...podWith([]) },
    ],
  ])('%s is the same', ([, event, expected]) => {
    expect(read(JSON.stringify(event))).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  test('that breaks off anywhere is no object', () => {
    const whole = Buffer.from(JSON.stringify(podWith(managed)));
    for (let end = 1; end < whole.length; end += 1) {
      const cut = whole.subarray(0, end);
      expect(() => read(cut.toString())).toThrow(SyntaxError);
    }
  });
});
