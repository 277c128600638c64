import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parse } from 'yaml';
import { ConfigError } from './config.ts';
import { RedeployError } from '../domain/errors.ts';
import { registerApplications, type Registration } from '../operations/applications.ts';
import type { Dependencies } from '../operations/dependencies.ts';
import { readApplicationsFile } from '../operations/inputs.ts';

/** What a file asks to be registered. */
export type ApplicationsFile = { file: string; registrations: Registration[] };

/**
 * The applications of a YAML or JSON file, `applications:` with the fields of RegisterApplicationInput. Taken whole or
 * not at all: throws ConfigError with every fault.
 */
export async function loadApplications(file: string, clusters: readonly string[]): Promise<ApplicationsFile> {
  try {
    const { applications } = readApplicationsFile(clusters)(parse(await readFile(file, 'utf8')));
    return { file, registrations: applications };
  } catch (error) {
    throw unusable(file, error as Error);
  }
}

/**
 * Registers them. Throws ConfigError with every fault that the registry has with them; answers with what is away
 * where that cannot be known yet, null when it is done.
 */
export async function register(
  deps: Dependencies,
  { file, registrations }: ApplicationsFile,
): Promise<RedeployError | null> {
  try {
    await registerApplications(deps, registrations);
    return null;
  } catch (error) {
    if (!(error instanceof RedeployError)) throw error;
    if (error.code === 'UNAVAILABLE') return error;
    throw unusable(file, error);
  }
}

const longestPauseSeconds = 60;

/** Goes on trying, less and less often, until they are registered. */
export async function registerLater(
  deps: Dependencies,
  applications: ApplicationsFile,
  away: Error,
  signal: AbortSignal,
): Promise<void> {
  let seconds = 0.5;
  for (let why: Error | null = away; why; seconds = Math.min(2 * seconds, longestPauseSeconds)) {
    deps.log.warn({ err: why, retryAfterSeconds: seconds }, 'applications not registered yet');
    await pause(seconds * 1000, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    why = await register(deps, applications).catch((error: Error) => error);
  }
  deps.log.info({ file: applications.file }, 'applications registered');
}

function unusable(file: string, error: Error): ConfigError {
  const faults = error instanceof RedeployError ? error.message.replaceAll('; ', '\n') : error.message;
  return new ConfigError(`APPLICATIONS_FILE ${file} cannot be used:\n${faults}`, { cause: error });
}
