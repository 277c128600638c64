import type { ContainerState, ContainerStatus, Pod } from './objects.ts';
import { type Play, playOf } from './pod-plays.ts';
import { type Cause, badRequest, invalidOptions } from './refusals.ts';

const lastWords: { [Name in Play]?: string[] } = {
  crash: [
    'connecting to database at db.production.svc:5432',
    'FATAL: password authentication failed for user "app"',
    'Error: the database refused the connection',
    '    at connect (/app/database.js:42:11)',
    '    at start (/app/main.js:7:3)',
    'exiting with code 1',
  ],
  oom: ['loading the cache into memory', 'cache: 25 % loaded, heap 118 MiB', 'cache: 50 % loaded, heap 241 MiB'],
  unready: ['listening on :8080', 'GET /ready 503: waiting for the message broker'],
  unlive: ['listening on :8080', 'GET /health 503: worker thread does not answer'],
  slow: ['warming up'],
};

/** What a container may have written from its start to its end, or to now. */
function linesOf(
  pod: Pod,
  name: string,
  { startedAt, finishedAt }: { startedAt: string; finishedAt?: string },
): string[] {
  const container = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((one) => one.name === name);
  const play = container && playOf(pod, container);
  const words = (play && lastWords[play]) ?? (finishedAt === undefined ? ['listening on :8080'] : ['done']);
  return [`${startedAt} starting ${name} (${container?.image})`, 'reading configuration', ...words];
}

/** The run whose log is asked for, by the rules and with the words of the kubelet. */
function runOf(pod: Pod, { name, state, lastState }: ContainerStatus, previous: boolean) {
  const place = `container "${name}" in pod "${pod.metadata.name}"`;
  if (previous) {
    if (lastState.terminated === undefined) throw badRequest(`previous terminated ${place} not found`);
    return lastState.terminated;
  }
  const run: (ContainerState['running'] & { finishedAt?: string }) | undefined =
    state.running ?? state.terminated ?? lastState.terminated;
  if (run !== undefined) return run;
  const why: Record<string, string> = {
    ErrImagePull: "image can't be pulled",
    ImagePullBackOff: 'trying and failing to pull image',
  };
  const reason = state.waiting?.reason ?? 'ContainerCreating';
  throw badRequest(`${place} is waiting to start: ${why[reason] ?? reason}`);
}

function containerOf({ metadata, spec }: Pod, wanted: string | null): string {
  const [containers, init] = [spec.containers, spec.initContainers ?? []].map((list) =>
    list.map(({ name }) => name),
  ) as [string[], string[]];
  if (wanted !== null && wanted !== '') {
    if ([...containers, ...init].includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${metadata.name}`);
  }
  if (containers.length === 1) return containers[0] ?? '';
  const also = init.length > 0 ? ` or one of the init containers: [${init.join(' ')}]` : '';
  throw badRequest(
    `a container name must be specified for pod ${metadata.name}, choose one of: [${containers.join(' ')}]${also}`,
  );
}

function amount(query: URLSearchParams, field: string): number | undefined {
  const text = query.get(field);
  return text === null || text === '' ? undefined : Number(text);
}

/** The text of `GET …/pods/{name}/log`; undefined where no node has taken the pod and there is nothing to ask. */
export function logOf(pod: Pod, query: URLSearchParams): string | undefined {
  const [tail, limit] = [amount(query, 'tailLines'), amount(query, 'limitBytes')];
  const faults: Cause[] = [];
  const fault = (field: string, value: number, message: string): void =>
    void faults.push({ reason: 'FieldValueInvalid', message: `Invalid value: ${value}: ${message}`, field });
  if (tail !== undefined && tail < 0) fault('tailLines', tail, 'must be greater than or equal to 0');
  if (limit !== undefined && limit < 1) fault('limitBytes', limit, 'must be greater than 0');
  if (faults.length > 0) throw invalidOptions('PodLogOptions', pod.metadata.name, faults);
  const name = containerOf(pod, query.get('container'));
  if (pod.spec.nodeName === undefined) return undefined;
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status;
  const status = [...initContainerStatuses, ...containerStatuses].find((one) => one.name === name);
  const place = `container "${name}" in pod "${pod.metadata.name}"`;
  if (status === undefined) throw badRequest(`${place} is not available`);
  const lines = linesOf(pod, name, runOf(pod, status, query.get('previous') === 'true'));
  const shown = tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail));
  const text = shown.map((line) => `${line}\n`).join('');
  return limit === undefined ? text : Buffer.from(text).subarray(0, limit).toString();
}
