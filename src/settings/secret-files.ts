import { readFileSync } from 'node:fs';

export type Environment = Readonly<Record<string, string | undefined>>;
export type Fault = { name: string; message: string };

/**
 * The environment with the secrets that stand in files, `NAME_FILE` for NAME, as a mounted Secret has them. No fault tells
 * what a file holds. An empty value counts as none.
 */
export function readSecretFiles(
  env: Environment,
  secrets: readonly string[],
): { given: Record<string, string>; faults: Fault[] } {
  const given: Record<string, string> = {};
  const faults: Fault[] = [];
  for (const [name, value] of Object.entries(env)) if (value !== undefined && value.trim() !== '') given[name] = value;
  for (const name of secrets) {
    const fileName = `${name}_FILE`;
    const path = given[fileName];
    if (path === undefined) continue;
    if (given[name] !== undefined) {
      faults.push({ name: fileName, message: `is set, and so is ${name}: set one of them` });
      continue;
    }
    try {
      const secret = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
      if (secret.trim() === '') faults.push({ name: fileName, message: 'names a file that is empty' });
      given[name] = secret;
    } catch (error) {
      faults.push({ name: fileName, message: `cannot be read: ${(error as NodeJS.ErrnoException).code}` });
    }
  }
  return { given, faults };
}

/** For the commands that need one secret and nothing else. Throws where its file cannot be used. */
export function readSecret(env: Environment, name: string): string | undefined {
  const { given, faults } = readSecretFiles(env, [name]);
  if (faults.length > 0) throw new Error(faults.map((fault) => `${fault.name} ${fault.message}`).join('\n'));
  return given[name];
}
