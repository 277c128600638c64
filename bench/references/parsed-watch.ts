import { request } from 'undici';

/** The least that anybody would do: read, cut into lines, parse; nothing is kept. */
export async function startParsedWatch(url: string, onChange: () => void): Promise<{ stop: () => void }> {
  const aborting = new AbortController();
  const { body } = await request(`${url}/api/v1/pods?watch=true`, { signal: aborting.signal });
  void (async () => {
    let rest = '';
    body.setEncoding('utf8');
    for await (const chunk of body as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if ((JSON.parse(line) as { type: string }).type === 'MODIFIED') onChange();
    }
  })().catch(() => {}); // it ends by being stopped
  return { stop: () => aborting.abort() };
}
