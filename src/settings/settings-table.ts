import { lineOf } from './setting-kinds.ts';
import { settingGroups } from './settings.ts';

const introduction = `# Settings

Read once, at start, from the environment; an empty value counts as none. They are checked together, and every fault is
named at once. So is a name that begins like one of these or is nearly one of these, and is none: \`OIDC_ISUER\` is refused,
whatever else the environment holds is not looked at.

What is marked **secret** may stand in a file instead, as a mounted Secret has it: \`DATABASE_URL_FILE\` names the file that
holds DATABASE_URL. A newline at its end does not count. To set both is a fault. Secrets are never logged.

This table is printed from the code by \`npm run settings\`.
`;

const others = [
  ['by', 'name', 'what for'],
  ['`npm run verify-audit`', '`DATABASE_URL`, or its `_FILE`', 'the record to verify; not with `--export`'],
  ['`npm run prune-audit`', '`DATABASE_MIGRATION_URL`, or its `_FILE`', 'the record to prune, as its owner'],
  ['`npm run sandbox`', '`LOG_LEVEL`, `REDIS_URL`', 'all else it chooses itself'],
  ["Kubernetes' client", '`KUBERNETES_SERVICE_HOST`, `KUBERNETES_SERVICE_PORT`', 'the API server, without KUBECONFIG'],
  ["PostgreSQL's driver", '`PGSSLMODE` and the like', 'what the URL does not say; better say it there'],
  ['Node.js', '`NODE_EXTRA_CA_CERTS`, `NODE_OPTIONS`', 'certificates of your own; memory'],
];

const closing = `
A Service called \`metrics\` in the same namespace makes Kubernetes set METRICS_PORT to its address: the pod needs
\`enableServiceLinks: false\` then.
`;

/** docs/settings.md. */
export function printSettings(): string {
  const groups = settingGroups.map(([title, settings]) => {
    const rows = Object.entries(settings).map(([name, schema]) => {
      const { standard, value, description, isSecret } = lineOf(name, schema);
      return [`\`${name}\``, standard, value, isSecret ? `${description}; **secret**` : description];
    });
    return `\n## ${title}\n\n${table([['setting', 'default', 'value', 'meaning'], ...rows])}`;
  });
  return `${introduction}${groups.join('')}\n## What else is read\n\n${table(others)}${closing}`;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[], fill = ' '): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!, fill)).join(' | ')} |\n`;
  const [head, ...body] = rows.map((row) => line(row));
  return [
    head,
    line(
      widths.map(() => ''),
      '-',
    ),
    ...body,
  ].join('');
}
