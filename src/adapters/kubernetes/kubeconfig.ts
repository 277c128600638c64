import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { KubeConfig, loadYaml } from '@kubernetes/client-node';

type RawUsers = { users?: { name?: string; user?: { tokenFile?: string } }[] };

/** Several files are one, as for kubectl: of equal names the first counts, and so does the first current context. */
export function readKubeconfig(paths: string): KubeConfig {
  const merged = new KubeConfig();
  for (const path of paths.split(delimiter).filter(Boolean)) {
    const { clusters, users, contexts, currentContext } = readOne(path);
    addNew(merged.clusters, clusters);
    addNew(merged.users, users);
    addNew(merged.contexts, contexts);
    merged.currentContext ||= currentContext;
  }
  return merged;
}

const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export function readInCluster(): KubeConfig {
  if (!existsSync(serviceAccountToken)) {
    throw new Error('KUBECONFIG is not set and this process does not run in a cluster');
  }
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
}

/** One KubeConfig for each context. Throws an error that names every fault. */
export function selectContexts(config: KubeConfig, wanted?: readonly string[]): Map<string, KubeConfig> {
  const names = wanted?.length ? wanted : [config.currentContext].filter(Boolean);
  const faults = names.flatMap((name) => faultOf(config, name) ?? []);
  if (names.length === 0) faults.push('the kubeconfig has no current context, and none was chosen');
  if (faults.length > 0) throw new Error(faults.join('; '));
  return new Map(names.map((name) => [name, withContext(config, name)]));
}

function faultOf(config: KubeConfig, name: string): string | undefined {
  const context = config.getContextObject(name);
  if (!context) return `the kubeconfig has no context "${name}"`;
  const cluster = config.getCluster(context.cluster);
  if (!cluster) return `context "${name}" names a cluster that the kubeconfig does not have`;
  if (!URL.canParse(cluster.server)) return `the server of context "${name}" is not a URL`;
  // The library would refuse each request instead.
  if (cluster.server.startsWith('http:') && !cluster.skipTLSVerify) {
    return `the server of context "${name}" is plain http, which needs insecure-skip-tls-verify: true`;
  }
  return undefined;
}

function withContext({ clusters, users, contexts }: KubeConfig, currentContext: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromOptions({ clusters, users, contexts, currentContext });
  return config;
}

/** Its errors tell neither content nor the parser's words, which quote it. */
function readOne(path: string): KubeConfig {
  const config = new KubeConfig();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`kubeconfig ${path} cannot be read: ${code ?? 'unknown'}`, { cause: error });
  }
  try {
    config.loadFromString(text);
    config.makePathsAbsolute(dirname(path));
    useTokenFiles(config, loadYaml<RawUsers>(text), dirname(path));
  } catch {
    throw new Error(`kubeconfig ${path} is not a valid kubeconfig`);
  }
  return config;
}

/** The library overlooks `tokenFile`; its reader of in-cluster tokens, which reads them again every minute, does it. */
function useTokenFiles(config: KubeConfig, raw: RawUsers, directory: string): void {
  for (const { name, user } of raw.users ?? []) {
    if (!user?.tokenFile) continue;
    const tokenFile = resolve(directory, user.tokenFile);
    config.users = config.users.map((one) =>
      one.name === name
        ? { ...one, token: undefined, authProvider: { name: 'tokenFile', config: { tokenFile } } }
        : one,
    );
  }
}

function addNew<T extends { name: string }>(held: T[], more: readonly T[]): void {
  for (const one of more) if (!held.some(({ name }) => name === one.name)) held.push(one);
}
