import { Agent } from 'undici';

/** One GraphQL request for each of these. */
export type Asked = { url: string; query: string; requests: readonly { token: string; variables: object }[] };

const atOnce = 4;
const agent = new Agent({ connections: atOnce });

/** Sends requests, some at once, and is content with nothing but answers without errors. */
export async function askAll({ url, query, requests }: Asked, onAnswer: () => void = () => undefined): Promise<void> {
  const { origin, pathname } = new URL(url);
  const waiting = requests.toReversed();
  const work = async (): Promise<void> => {
    for (let request = waiting.pop(); request; request = waiting.pop()) {
      const { body } = await agent.request({
        origin,
        path: pathname,
        method: 'POST',
        headers: { authorization: `Bearer ${request.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables: request.variables }),
      });
      const answer = await body.text();
      if (!answer.startsWith('{"data":') || answer.includes('"errors":')) throw new Error(answer.slice(0, 500));
      onAnswer();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
