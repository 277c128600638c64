import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

const head = Buffer.from('{"id":');
const middle = Buffer.from(',"type":"next","payload":');
const tail = Buffer.from('}');

type Client = {
  socket: WebSocket;
  /** What it runs on. */
  transport: Socket;
};

/**
 * Sends results that are written already: the same bytes to everybody but for the id, which is written into one buffer
 * again and again, so that no client needs a copy of its own.
 */
export class NextMessages {
  /** What stands in the message; null where the message may not be written to any more. */
  private json: Buffer | null = null;
  private idBytes = 0;
  private message: Buffer = tail;

  /** `id` as it stands in JSON. A promise of when it has left where it did not leave at once. */
  send({ socket, transport }: Client, id: Buffer, json: Buffer): Promise<void> | null {
    if (json !== this.json || id.length !== this.idBytes) {
      this.message = Buffer.concat([head, id, middle, json, tail]);
      this.json = json;
      this.idBytes = id.length;
    } else this.message.set(id, head.length);
    socket.send(this.message, { binary: false });
    if (socket.bufferedAmount === 0) return null;
    this.json = null; // it is still to be read: nobody else's id may come into it
    // An empty write is called back once everything before it has left.
    return new Promise((resolve) => transport.write('', () => resolve()));
  }
}
