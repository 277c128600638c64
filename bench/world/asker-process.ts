import { Agent } from 'undici';
import type { Asked } from './asker.ts';

/** Sends requests, some at once, and is content with nothing but answers without errors. */
const atOnce = 4;
const agent = new Agent({ connections: atOnce });

async function send({ url, token, query }: Asked, variables: object): Promise<void> {
  const { origin, pathname } = new URL(url);
  const { body } = await agent.request({
    origin,
    path: pathname,
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await body.text();
  if (!answer.startsWith('{"data":') || answer.includes('"errors":')) throw new Error(answer.slice(0, 500));
}

async function carryOut(asked: Asked): Promise<void> {
  const waiting = [...asked.variables];
  const work = async (): Promise<void> => {
    for (let variables = waiting.pop(); variables; variables = waiting.pop()) await send(asked, variables);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

process.on('message', (asked: Asked) => {
  carryOut(asked).then(
    () => process.send!({ done: null }),
    (error: unknown) => process.send!({ failed: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
