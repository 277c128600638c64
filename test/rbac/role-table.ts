import { readFileSync } from 'node:fs';
import type { Access } from '../../src/domain/cluster.ts';
import type { Findings } from './role-findings.ts';

/** One row of docs/deploying.md: what becomes of which finding where the role lacks this. */
export type RoleRow = Access & { finding: keyof Findings; found: RegExp };

const row =
  /^\| `(?<verb>\w+)` +\| `(?<resource>[a-z/]+)(?:\.(?<group>\w+))?` +\| (?<finding>.*?) +\| `(?<found>.*)` +\|$/gm;

export function readRoleTable(): RoleRow[] {
  const text = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8');
  return Array.from(text.matchAll(row), ({ groups }) => {
    const { verb = '', resource = '', group = '', finding, found = '' } = groups!;
    const pattern = found
      .split('…')
      .map((part) => RegExp.escape(part))
      .join('.*');
    return { verb, group, resource, finding: finding as keyof Findings, found: new RegExp(`^${pattern}$`) };
  });
}
