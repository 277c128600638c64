import { spawnSync } from 'node:child_process';

/** What `npm audit --json` answers, as far as it is needed: a report, or why there is none. */
type Answer = {
  auditReportVersion?: number;
  vulnerabilities?: Record<string, { via: (string | { title: string; url: string; severity: string })[] }>;
  metadata?: { dependencies: { prod: number } };
  /** Where the registry was asked and gave no report. */
  message?: string;
};

/**
 * Fails where something that production runs on is known to be vulnerable. Many registries' mirrors cannot be asked:
 * that is said and passes, or nobody behind one could check anything.
 */
const { stdout, stderr } = spawnSync('npm', ['audit', '--omit=dev', '--json', '--fetch-retries=0'], {
  encoding: 'utf8',
});
const answer = JSON.parse(stdout || '{}') as Answer;

if (answer.auditReportVersion !== undefined) {
  const findings = Object.entries(answer.vulnerabilities ?? {}).flatMap(([name, { via }]) =>
    via.flatMap((one) => (typeof one === 'string' ? [] : [`${one.severity} ${name}: ${one.title} ${one.url}`])),
  );
  for (const finding of findings) process.stdout.write(`${finding}\n`);
  const dependencies = answer.metadata?.dependencies.prod ?? 0;
  process.stdout.write(`npm audit: ${findings.length} findings in ${dependencies} production dependencies\n`);
  process.exitCode = Object.keys(answer.vulnerabilities ?? {}).length === 0 ? 0 : 1;
} else if (answer.message !== undefined) {
  process.stdout.write(`npm audit: NOT CHECKED, the registry could not be asked: ${answer.message}\n`);
} else {
  process.stdout.write(`npm audit failed: ${stdout}${stderr}\n`);
  process.exitCode = 1;
}
