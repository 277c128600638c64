import { Agent, request } from 'node:http';
import type { ReaderOrder, Reading } from './page-reader.ts';

/** Asks over connections that it keeps for a round, each of which waits for an answer before it asks again. */
const connections = 4;
const agent = new Agent({ keepAlive: true, maxSockets: connections });
let reading: Reading;
let asked = 0;

function ask(): Promise<string> {
  const { url, request: document, variables, tokens } = reading;
  const authorization = `Bearer ${tokens[asked % tokens.length]}`;
  asked += 1;
  return new Promise((resolve, reject) => {
    const headers = { authorization, 'content-type': 'application/json', accept: 'application/json' };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200 && !text.includes('"errors"')) resolve(text);
        else reject(new Error(`${response.statusCode} ${text.slice(0, 500)}`));
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ ...document, variables }));
  });
}

async function carryOut(order: ReaderOrder): Promise<string> {
  if ('open' in order) {
    reading = order.open;
    return '';
  }
  let left = order.read;
  let last = '';
  const one = async (): Promise<void> => {
    for (; left > 0;) {
      left -= 1;
      last = await ask();
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  agent.destroy(); // between rounds a server may close what it kept at the very moment that it is asked again
  return last;
}

process.on('message', (order: ReaderOrder) => {
  carryOut(order).then(
    (done) => process.send!({ done }),
    (error: unknown) => process.send!({ failed: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
