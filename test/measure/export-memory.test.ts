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
test.for(formats)('a second million as $format takes no more memory than the first', async ({ format, header }) => {
  const replica = await ChildReplica.start(services);
  const token = await services.signIn('frank', 'AUDITOR');
  const peaks = [await replica.peakMebibytes()];
  for (const time of ['first', 'second']) {
    const began = performance.now();
    const { lines, bytes } = await download(new URL(`/v1/audit-records.${format}`, replica.url).toString(), token);
    const seconds = Math.round((performance.now() - began) / 1000);
    peaks.push(await replica.peakMebibytes());
    process.stdout.write(
      `${format}, ${time}: ${lines} lines, ${Math.round(bytes / 2 ** 20)} MiB in ${seconds} s; peak RSS ${peaks.at(-2)} MiB before, ${peaks.at(-1)} MiB after\n`,
    );
    expect(lines).toBeGreaterThanOrEqual(count + header);
  }
  expect(peaks[2]! - peaks[1]!).toBeLessThan(mostMebibytes);
  await replica.close();
});
