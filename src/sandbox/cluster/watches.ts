import type { ServerResponse } from 'node:http';
import { type KubernetesObject, type Resource, type ResourceName, apiVersionOf } from './objects.ts';
import { Refusal, expired, statusBody } from './refusals.ts';
import { type Matches, matcherOf } from './selectors.ts';
import type { Change, Store } from './store.ts';

const bookmarkMilliseconds = 2_000;
const longestWatchSeconds = 1_800;
/** A client that takes nothing for so long is cut off, as Kubernetes does. */
const mostUnsentBytes = 16 * 1024 * 1024;

type WatchEvent = { type: string; object: object };

/** Seen through a selector, an object that starts to match is added, and one that stops is deleted as it last matched. */
function seen({ type, object, previous }: Change, matches: Matches): WatchEvent | undefined {
  const hasMatched = previous !== undefined && matches(previous);
  if (type !== 'DELETED' && matches(object)) return { type: hasMatched ? 'MODIFIED' : 'ADDED', object };
  if (!hasMatched) return undefined;
  const { resourceVersion } = object.metadata;
  return { type: 'DELETED', object: { ...previous, metadata: { ...previous.metadata, resourceVersion } } };
}

/** Go's zero values, which a bookmark's object carries. */
const emptyParts: { [Name in ResourceName]: object } = {
  namespaces: { spec: {}, status: {} },
  deployments: {
    spec: {
      selector: null,
      template: { metadata: { creationTimestamp: null }, spec: { containers: null } },
      strategy: {},
    },
    status: {},
  },
  replicasets: {
    spec: { selector: null, template: { metadata: { creationTimestamp: null }, spec: { containers: null } } },
    status: { replicas: 0 },
  },
  pods: { spec: { containers: null }, status: {} },
  resourcequotas: { spec: {}, status: {} },
  events: {
    involvedObject: {},
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: null,
    reportingComponent: '',
    reportingInstance: '',
  },
};

const bookmark = (resource: Resource, version: number): WatchEvent => ({
  type: 'BOOKMARK',
  object: {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: { resourceVersion: String(version), creationTimestamp: null },
    ...emptyParts[resource.name],
  },
});

function startVersion(text: string): number | undefined {
  if (text === '' || text === '0') return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  const why = `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`;
  throw new Refusal(500, 'InternalError', why);
}

/** Streams changes until the client leaves or its time is over; answers with what ends it at once. */
export function watch(
  store: Store,
  resource: Resource,
  namespace: string,
  query: URLSearchParams,
  response: ServerResponse,
): () => void {
  const byQuery = matcherOf(resource, query);
  const since = startVersion(query.get('resourceVersion') ?? '');
  const matches = (object: KubernetesObject) =>
    (namespace === '' || object.metadata.namespace === namespace) && byQuery(object);
  const send = (event: WatchEvent) => {
    if (response.writableLength > mostUnsentBytes) response.destroy();
    else response.write(`${JSON.stringify(event)}\n`);
  };
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();

  if (since !== undefined && since < store.oldestVersion) {
    send({ type: 'ERROR', object: statusBody(expired(since, store.oldestVersion)) });
    response.end();
    return () => {};
  }
  if (since === undefined) {
    for (const object of store.list(resource.name)) if (matches(object)) send({ type: 'ADDED', object });
  }
  const onChange = (change: Change) => {
    if (change.resource !== resource.name) return;
    const event = seen(change, matches);
    if (event !== undefined) send(event);
  };
  for (const change of since === undefined ? [] : store.changesAfter(since)) onChange(change);

  const unsubscribe = store.subscribe(onChange);
  const sendsBookmarks = query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1';
  const mark = () => send(bookmark(resource, store.version));
  const marks = sendsBookmarks ? setInterval(mark, bookmarkMilliseconds) : undefined;
  const asked = Number(query.get('timeoutSeconds') ?? 0);
  const end = setTimeout(
    () => {
      if (sendsBookmarks) mark();
      response.end();
    },
    (asked > 0 ? Math.min(asked, longestWatchSeconds) : longestWatchSeconds) * 1000,
  );
  const stop = () => {
    unsubscribe();
    clearInterval(marks);
    clearTimeout(end);
  };
  response.on('close', stop);
  return stop;
}
