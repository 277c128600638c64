import { readFileSync } from 'node:fs';

/** Settings that are secrets: NAME_FILE names a file that holds the value of NAME, as a mounted Secret does. */
const secretSettings = [
  'DATABASE_URL',
  'DATABASE_MIGRATION_URL',
  'REDIS_URL',
  'WEBHOOK_URL',
  'WEBHOOK_SECRET',
] as const;

export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment with what its secret files hold, and what is wrong with them by the setting's name. */
export function readSecretFiles(env: Environment): { env: Environment; faults: string[] } {
  const read: Record<string, string> = {};
  const faults: string[] = [];
  for (const name of secretSettings) {
    const file = env[`${name}_FILE`]?.trim();
    if (!file) continue;
    if (env[name]?.trim()) {
      faults.push(`${name} and ${name}_FILE are both set`);
      continue;
    }
    try {
      read[name] = readFileSync(file, 'utf8').trim();
    } catch (error) {
      faults.push(`${name}_FILE ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
      continue;
    }
    if (read[name] === '') faults.push(`${name}_FILE ${file} is empty`);
  }
  return { env: { ...env, ...read }, faults };
}

/** For the commands that need few settings. Throws an error that names every fault. */
export function withSecrets(env: Environment): Environment {
  const { env: whole, faults } = readSecretFiles(env);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return whole;
}
