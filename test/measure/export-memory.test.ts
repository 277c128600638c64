import { once } from 'node:events';
import { type IncomingMessage, request as send } from 'node:http';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fillRecord } from '../support/audit-rows.ts';
import { ChildReplica } from '../support/child-replica.ts';
import { openTestServices, type TestServices } from '../support/service.ts';

const count = Number(process.env['TEST_EXPORT_ROWS'] ?? 1_000_000);
const mostMebibytes = 64;
vi.setConfig({ testTimeout: 3_600_000 });
let services: TestServices;
beforeAll(async () => {
  services = await openTestServices();
  await fillRecord(services.database, count);
}, 3_600_000);
afterAll(() => services.close());

/** Reads to the end, counting. */
async function download(url: string, token: string): Promise<{ lines: number; bytes: number }> {
  const request = send(url, { headers: { authorization: `Bearer ${token}` }, agent: false }).end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let [lines, bytes] = [0, 0];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === 10) lines += 1;
  }
  return { lines, bytes };
}

const formats = [
  { format: 'ndjson', header: 0 },
  { format: 'csv', header: 1 },
];
test.for(formats)('many records as $format take no more memory than some', async ({ format, header }) => {
  const replica = await ChildReplica.start(services);
  const token = await services.signIn('frank', 'AUDITOR');
  const path = `/v1/audit-records.${format}`;
  const idle = await replica.peakMebibytes();
  const some = await download(new URL(`${path}?after=${0.9 * count}`, replica.url).toString(), token);
  const before = await replica.peakMebibytes();
  const began = performance.now();
  const all = await download(new URL(path, replica.url).toString(), token);
  const seconds = Math.round((performance.now() - began) / 1000);
  const after = await replica.peakMebibytes();
  process.stdout.write(
    `${format}: ${all.lines} lines, ${Math.round(all.bytes / 2 ** 20)} MiB in ${seconds} s. Peak RSS ${idle} MiB before, ${before} after ${some.lines} lines, ${after} MiB after all.\n`,
  );
  expect(all.lines).toBeGreaterThanOrEqual(count + header);
  expect(after - before).toBeLessThan(mostMebibytes);
  await replica.close();
});
