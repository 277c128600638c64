import { Agent } from 'undici';

/** One GraphQL request for each of these, so many at once. */
export type Asked = {
  url: string;
  query: string;
  requests: readonly { token: string; variables: object }[];
  atOnce: number;
};

const agent = new Agent();

/** Is content with nothing but answers without errors, and tells of each how many milliseconds it took. */
export async function askAll(
  { url, query, requests, atOnce }: Asked,
  onAnswer: (milliseconds: number) => void,
): Promise<void> {
  const { origin, pathname } = new URL(url);
  const waiting = requests.toReversed();
  const work = async (): Promise<void> => {
    for (let request = waiting.pop(); request; request = waiting.pop()) {
      const sentAt = performance.now();
      const { body } = await agent.request({
        origin,
        path: pathname,
        method: 'POST',
        headers: { authorization: `Bearer ${request.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables: request.variables }),
      });
      const answer = await body.text();
      if (!answer.startsWith('{"data":') || answer.includes('"errors":')) throw new Error(answer.slice(0, 500));
      onAnswer(performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}
