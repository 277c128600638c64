import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Logger } from 'pino';

/** A client that takes nothing for so long has gone away without saying so. */
const longestStallMs = 60_000;

/**
 * Sends a text as fast as the client takes it: a piece or two are in memory. What breaks off stays without its end, so
 * that nobody takes it for the whole.
 */
export async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<string> | Iterable<string>,
  log: Logger,
  stallMs = longestStallMs,
): Promise<void> {
  const watch = (): void => {
    response.setTimeout(stallMs, () => {
      // Nothing may have been found to send for a while.
      if (response.writableLength > 0) response.destroy();
      else watch();
    });
  };
  watch();
  await pipeline(Readable.from(pieces, { highWaterMark: 1 }), response).catch((error: NodeJS.ErrnoException) => {
    const isClient = error.code === 'ERR_STREAM_PREMATURE_CLOSE';
    log[isClient ? 'debug' : 'warn']({ err: error }, 'an answer broke off');
  });
}
