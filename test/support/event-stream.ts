import { type ClientRequest, type IncomingMessage, request as requestOver } from 'node:http';

export type StreamedResult = {
  data?: Record<string, unknown> | null;
  errors?: { message: string; extensions?: Record<string, unknown> }[];
};

/** How a stream ended: completed by the service, or with its connection. */
export type StreamEnd = 'complete' | 'cut';

/** One client of server-sent events, over a connection of its own that is not taken up again. */
export type EventStream = {
  /** Of the answer, once it has begun. */
  begun: Promise<{ status: number; contentType: string | undefined }>;
  results: StreamedResult[];
  /** Comments, by which the connection is kept. */
  pings: () => number;
  ended: Promise<StreamEnd>;
  /** Without a word, as when the cable is pulled. */
  terminate: () => void;
  /** Reads nothing from its socket any more; true goes on. */
  read: (isReading: boolean) => void;
};

export function openEventStream(
  url: string,
  token: string | null,
  body: { query: string; variables?: object },
  method: 'GET' | 'POST' = 'POST',
  onResult: (result: StreamedResult) => void = () => undefined,
): EventStream {
  const begun = Promise.withResolvers<{ status: number; contentType: string | undefined }>();
  const ended = Promise.withResolvers<StreamEnd>();
  const results: StreamedResult[] = [];
  let pings = 0;
  let response: IncomingMessage | undefined;
  const take = (block: string): void => {
    if (block.startsWith(':')) pings += 1;
    const [, event] = /^event: (.*)$/m.exec(block) ?? [];
    const [, data = ''] = /^data: ?(.*)$/m.exec(block) ?? [];
    if (event === 'next') onResult(results[results.push(JSON.parse(data) as StreamedResult) - 1]!);
    if (event === 'complete') ended.resolve('complete');
  };
  const listen = (incoming: IncomingMessage): void => {
    response = incoming;
    begun.resolve({ status: incoming.statusCode ?? 0, contentType: incoming.headers['content-type'] });
    let rest = '';
    incoming.setEncoding('utf8').on('data', (text: string) => {
      const blocks = (rest + text).split('\n\n');
      rest = blocks.pop() ?? '';
      blocks.forEach(take);
    });
    incoming.on('error', () => ended.resolve('cut')).on('close', () => ended.resolve('cut'));
  };
  const asked = ask(url, token, body, method).on('response', listen);
  asked.on('error', (error) => {
    begun.reject(error);
    ended.resolve('cut');
  });
  begun.promise.catch(() => undefined);
  return {
    begun: begun.promise,
    results,
    pings: () => pings,
    ended: ended.promise,
    terminate: () => void (asked.socket?.resetAndDestroy() ?? asked.destroy()),
    read: (isReading) => void (isReading ? response?.resume() : response?.pause()),
  };
}

function ask(url: string, token: string | null, body: { query: string; variables?: object }, method: string) {
  const headers = { accept: 'text/event-stream', ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  const options = { agent: false, method, headers } as const;
  if (method === 'POST') {
    const asked: ClientRequest = requestOver(url, {
      ...options,
      headers: { ...headers, 'content-type': 'application/json' },
    });
    return asked.end(JSON.stringify(body));
  }
  const { query, variables = {} } = body;
  const parameters = new URLSearchParams({ query, variables: JSON.stringify(variables) });
  return requestOver(`${url}?${parameters.toString()}`, options).end();
}
