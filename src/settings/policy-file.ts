import { readFile } from 'node:fs/promises';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { ConfigError } from './config.ts';
import type { ApprovalPolicy } from '../domain/approval-policy.ts';

const name = z.string('must be a string').trim().min(1, 'must not be empty').max(253);
const wholeNumber = (least: number, most: number) =>
  z.int('must be a whole number').min(least, `must be ${least} or more`).max(most, `must be ${most} or less`);

/** YAML reads `true` as a boolean; the tag's value is the word. Of a number nobody knows how it was written. */
const tagValue = z.union([z.boolean().transform(String), name], 'must be a string: put it in quotes');

const requiredApprovals = z.strictObject({
  count: wholeNumber(1, 20),
  groups: z
    .array(name)
    .min(1, 'must name a group, or be left out')
    .max(20)
    .refine((groups) => new Set(groups).size === groups.length, 'must not name the same group twice')
    .default([]),
});

const breakGlass = z.union(
  [z.literal('forbidden'), z.strictObject({ afterMinutes: wholeNumber(0, 7 * 24 * 60) })],
  'must be "forbidden", or afterMinutes with a whole number of minutes',
);

// Strict: a mistyped key would leave out what the file's reviewers believe to hold.
const policy = z
  .strictObject({
    name,
    match: z.record(name, tagValue),
    approvals: z.array(requiredApprovals).min(1, 'must require something, or be left out').max(20).default([]),
    breakGlass: breakGlass.nullable().default(null),
    tokenUses: wholeNumber(1, 1_000).nullable().default(null),
  })
  .refine(
    (one) => one.approvals.length > 0 || one.breakGlass !== null || one.tokenUses !== null,
    'must say something: approvals, breakGlass or tokenUses',
  );

const policyFile = z.strictObject({ policies: z.array(policy) });

type Fault = { path: readonly PropertyKey[]; message: string };

/** Zod would keep this to itself as long as something else is wrong. */
function namesTwice(content: unknown): Fault[] {
  const { policies } = z
    .object({ policies: z.array(z.unknown()).catch([]) })
    .catch({ policies: [] })
    .parse(content);
  const names = policies.map((one) => z.object({ name: z.string() }).safeParse(one).data?.name);
  return names.flatMap((taken, i) =>
    taken !== undefined && names.indexOf(taken) < i
      ? [{ path: ['policies', i, 'name'], message: `names ${taken} once more` }]
      : [],
  );
}

/**
 * The approval policies of a YAML or JSON file. Taken whole or not at all: throws ConfigError naming every fault with
 * its line.
 */
export async function loadPolicies(file: string): Promise<ApprovalPolicy[]> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw unusable(file, [error.message]);
  });
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number): string => `line ${lines.linePos(offset).line}`;
  if (document.errors.length > 0) {
    throw unusable(
      file,
      document.errors.map(({ pos, message }) => `${lineAt(pos[0])}: ${message}`),
    );
  }
  const content: unknown = document.toJS();
  const result = policyFile.safeParse(content);
  const faults: Fault[] = [...(result.error?.issues ?? []), ...namesTwice(content)];
  if (result.success && faults.length === 0) return result.data.policies;
  throw unusable(
    file,
    faults.map(({ path, message }) => {
      const offset = nearestOffset(document, path);
      const place = [...(offset === null ? [] : [lineAt(offset)]), ...(path.length > 0 ? [path.join('.')] : [])];
      return [...place, message].join(': ');
    }),
  );
}

/** Where the node stands that a path leads to, or the last one on the way that there is. */
function nearestOffset(document: ReturnType<typeof parseDocument>, path: readonly PropertyKey[]): number | null {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as { range?: readonly number[] } | undefined;
    const [offset] = node?.range ?? [];
    if (offset !== undefined) return offset;
  }
  return null;
}

const unusable = (file: string, faults: readonly string[]): ConfigError =>
  new ConfigError(`POLICY_FILE ${file} cannot be used:\n${faults.join('\n')}`);
