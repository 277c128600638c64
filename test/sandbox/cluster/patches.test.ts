import { expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../src/sandbox/cluster/json.ts';
import { patched } from '../../../src/sandbox/cluster/patches.ts';
import { jsonPatchType, mergePatchType, strategicPatchType } from './cluster-client.ts';

const pod: JsonObject = {
  containers: [
    {
      name: 'a',
      image: 'a:1',
      env: [
        { name: 'X', value: '1' },
        { name: 'Y', value: '2' },
      ],
      ports: [{ containerPort: 80, name: 'http' }],
      args: ['one', 'two'],
    },
    { name: 'b', image: 'b:1' },
  ],
  nodeSelector: { disk: 'ssd', zone: 'one' },
};
const [a, b] = pod['containers'] as [JsonObject, JsonObject];

test.each<[rule: string, patch: JsonObject, expected: JsonObject]>([
  [
    'finds a container by name and leaves the rest of it alone',
    { containers: [{ name: 'b', image: 'b:2' }] },
    { ...pod, containers: [a, { name: 'b', image: 'b:2' }] },
  ],
  [
    'finds an environment variable by name',
    { containers: [{ name: 'a', env: [{ name: 'Y', value: '3' }] }] },
    {
      ...pod,
      containers: [
        {
          ...a,
          env: [
            { name: 'X', value: '1' },
            { name: 'Y', value: '3' },
          ],
        },
        b,
      ],
    },
  ],
  [
    'finds a port by its number',
    { containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'web' }] }] },
    { ...pod, containers: [{ ...a, ports: [{ containerPort: 80, name: 'web' }] }, b] },
  ],
  [
    'replaces a list that has no key',
    { containers: [{ name: 'a', args: ['three'] }] },
    { ...pod, containers: [{ ...a, args: ['three'] }, b] },
  ],
  [
    'puts a new container in front, as Kubernetes does',
    { containers: [{ name: 'c', image: 'c:1' }] },
    { ...pod, containers: [{ name: 'c', image: 'c:1' }, a, b] },
  ],
  ['removes an item on request', { containers: [{ name: 'a', $patch: 'delete' }] }, { ...pod, containers: [b] }],
  [
    'merges maps and deletes what is null',
    { nodeSelector: { zone: null, rack: 'r1' } },
    { ...pod, nodeSelector: { disk: 'ssd', rack: 'r1' } },
  ],
  [
    'orders a list as told',
    {
      $setElementOrder: 1,
      '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
      containers: [{ name: 'b', image: 'b:2' }],
    },
    { ...pod, $setElementOrder: 1, containers: [{ name: 'b', image: 'b:2' }, a] },
  ],
  [
    'keeps only the keys it retains',
    { nodeSelector: { $retainKeys: ['rack'], rack: 'r1' } },
    { ...pod, nodeSelector: { rack: 'r1' } },
  ],
])('a strategic merge patch %s', (_rule, patch, expected) => {
  const before = structuredClone(pod);
  expect(patched(pod, strategicPatchType, patch)).toEqual(expected);
  expect(pod).toEqual(before);
});

test('a merge patch replaces lists whole and deletes what is null', () => {
  const patch = { containers: [{ name: 'c' }], nodeSelector: { zone: null } };
  expect(patched(pod, mergePatchType, patch)).toEqual({ containers: [{ name: 'c' }], nodeSelector: { disk: 'ssd' } });
});

const document: JsonObject = { map: { 'a/b': 1, c: [1, 2, 3] } };

test.each<[rule: string, patch: Json, expected: JsonObject]>([
  ['replaces', [{ op: 'replace', path: '/map/a~1b', value: 2 }], { map: { 'a/b': 2, c: [1, 2, 3] } }],
  ['inserts into a list', [{ op: 'add', path: '/map/c/1', value: 9 }], { map: { 'a/b': 1, c: [1, 9, 2, 3] } }],
  ['appends to a list', [{ op: 'add', path: '/map/c/-', value: 4 }], { map: { 'a/b': 1, c: [1, 2, 3, 4] } }],
  ['removes', [{ op: 'remove', path: '/map/c/0' }], { map: { 'a/b': 1, c: [2, 3] } }],
  ['moves', [{ op: 'move', from: '/map/c', path: '/list' }], { map: { 'a/b': 1 }, list: [1, 2, 3] }],
  ['copies', [{ op: 'copy', from: '/map/c/2', path: '/last' }], { ...document, last: 3 }],
  [
    'goes on after a test that holds',
    [
      { op: 'test', path: '/map/c', value: [1, 2, 3] },
      { op: 'add', path: '/x', value: null },
    ],
    { ...document, x: null },
  ],
])('a JSON patch %s', (_rule, patch, expected) => {
  expect(patched(document, jsonPatchType, patch)).toEqual(expected);
});

test.each<[rule: string, operation: Json]>([
  ['a test fails', { op: 'test', path: '/map/c/0', value: 7 }],
  ['what it replaces is missing', { op: 'replace', path: '/map/none', value: 1 }],
  ['what it removes is missing', { op: 'remove', path: '/map/none' }],
  ['the place to add to is missing', { op: 'add', path: '/none/x', value: 1 }],
])('a JSON patch is refused whole when %s', (_rule, operation) => {
  const patch = [{ op: 'add', path: '/x', value: 1 }, operation];
  expect(() => patched(document, jsonPatchType, patch)).toThrow('the server rejected our request due to an error');
  expect(document).toEqual({ map: { 'a/b': 1, c: [1, 2, 3] } });
});

test('a patch of an unknown media type is refused', () => {
  expect(() => patched(document, 'application/json', {})).toThrow('Unsupported Media Type');
});
