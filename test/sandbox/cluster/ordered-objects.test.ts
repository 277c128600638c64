import { expect, test } from 'vitest';
import { OrderedObjects } from '../../../src/sandbox/cluster/ordered-objects.ts';
import type { KubernetesObject } from '../../../src/sandbox/cluster/objects.ts';

test('objects stand in the order of their keys, whatever order they came and went in', () => {
  const objects = new OrderedObjects();
  const put = (key: string): void => {
    const [namespace, name] = key.split('/');
    objects.set(key, { metadata: { namespace, name } } as KubernetesObject);
  };
  for (const key of ['b/2', 'a/9', 'b-c/1', 'b/1', 'a/1', 'b/2', 'c/1']) put(key);
  objects.delete('a/9');
  objects.delete('a/9');
  const names = (prefix?: string): string[] =>
    objects.values(prefix).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  expect(names()).toEqual(['a/1', 'b-c/1', 'b/1', 'b/2', 'c/1']);
  expect(names('b/')).toEqual(['b/1', 'b/2']);
  expect(names('d/')).toEqual([]);
});
