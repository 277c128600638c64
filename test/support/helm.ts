import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

const program = process.env['HELM'] ?? 'helm';
export const chartFolder = join(import.meta.dirname, '../../deploy/chart');

/** The least that the chart asks for. */
const least = {
  'secret.name': 'desk',
  'migration.secretName': 'desk-owner',
  'settings.OIDC_ISSUER': 'https://sso.test',
};

const setting = ([name, value]: [string, string]): string[] => ['--set', `${name}=${value}`];

/** What one command of helm printed. Throws an error with what it complained of. */
export async function helm(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 16_000_000 }).catch(
    (error: Error & { stderr?: string }) => {
      throw new Error(error.stderr?.trim() || error.message, { cause: error });
    },
  );
  return stdout;
}

/** Beside the least, the values given: `helm install desk CHART …`. */
export const valuesOf = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries({ ...least, ...values }).flatMap(setting);

export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
};

/** The manifests of a release `desk`, as helm would send them. */
export async function render(
  values: Readonly<Record<string, string>> = {},
  { chart = chartFolder, more = [] as readonly string[] } = {},
): Promise<Manifest[]> {
  const text = await helm('template', 'desk', chart, ...valuesOf(values), ...more);
  // Helm and Kubernetes read YAML 1.1, where 0440 is octal.
  return parseAllDocuments(text, { version: '1.1' }).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(document.errors.join('\n'));
    return (document.toJS() as Manifest | null) ?? [];
  });
}
