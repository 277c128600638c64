import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { ConfigError } from './config.ts';
import { RedeployError } from './domain/errors.ts';
import type { Registration } from './operations/applications.ts';
import { readApplicationsFile } from './operations/inputs.ts';

/**
 * The applications of a YAML or JSON file, `applications:` with the fields of RegisterApplicationInput. Taken whole or
 * not at all: throws ConfigError with every fault.
 */
export async function loadApplications(file: string, clusters: readonly string[]): Promise<Registration[]> {
  try {
    return readApplicationsFile(clusters)(parse(await readFile(file, 'utf8'))).applications;
  } catch (error) {
    const faults = error instanceof RedeployError ? error.message.replaceAll('; ', '\n') : (error as Error).message;
    throw new ConfigError(`APPLICATIONS_FILE ${file} cannot be used:\n${faults}`, { cause: error });
  }
}
