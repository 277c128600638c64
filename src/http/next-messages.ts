import type { Socket } from 'node:net';
import * as ws from 'ws';
import type { Recipient } from '../graphql/audiences.ts';

const beforeId = '{"id":';

type Client = {
  socket: ws.WebSocket;
  /** What it runs on. */
  transport: Socket;
};

/**
 * Sends results that are written already: the same frame to everybody but for the id, which is written into one buffer
 * again and again. It goes to the socket as it is: ws would make two pieces and six objects of it for each client, which
 * costs half as much again. So nothing here knows of compression or fragments.
 */
export class NextMessages {
  /** What stands in the frame; null where the frame may not be written to any more. */
  private json: string | null = null;
  private idAt = 0;
  private idBytes = 0;
  private frame = Buffer.alloc(0);

  /** The subscription with this id. */
  to({ socket, transport }: Client, id: string): Recipient {
    return new Subscription(this, socket, transport, JSON.stringify(id));
  }

  send(transport: Socket, id: string, json: string): Promise<void> | null {
    if (json === this.json && Buffer.byteLength(id) === this.idBytes) this.frame.write(id, this.idAt);
    else this.write(id, json);
    transport.write(this.frame);
    if (transport.writableLength === 0) return null;
    this.json = null; // it is still to be read: nobody else's id may come into it
    // An empty write is called back once everything before it has left.
    return new Promise((resolve) => transport.write('', () => resolve()));
  }

  private write(id: string, json: string): void {
    const text = Buffer.from(`${beforeId}${id},"type":"next","payload":${json}}`);
    const [begin] = Sender.frame(text, wholeText);
    // Not of Buffer's pool: a slow client would keep 64 KiB of that.
    this.frame = Buffer.allocUnsafeSlow(begin.length + text.length);
    this.frame.set(begin);
    this.frame.set(text, begin.length);
    this.json = json;
    this.idAt = begin.length + beforeId.length;
    this.idBytes = Buffer.byteLength(id);
  }
}

class Subscription implements Recipient {
  private readonly messages: NextMessages;
  private readonly socket: ws.WebSocket;
  private readonly transport: Socket;
  private readonly id: string;

  constructor(messages: NextMessages, socket: ws.WebSocket, transport: Socket, id: string) {
    this.messages = messages;
    this.socket = socket;
    this.transport = transport;
    this.id = id;
  }

  send(json: string): Promise<void> | null {
    return this.socket.readyState === this.socket.OPEN ? this.messages.send(this.transport, this.id, json) : null;
  }
}

type FrameOptions = { fin: boolean; opcode: number; mask: boolean; rsv1: boolean; readOnly: boolean };
/** Its types do not know it. */
const { Sender } = ws as unknown as {
  Sender: { frame: (text: Buffer, options: FrameOptions) => [Buffer, ...Buffer[]] };
};
const wholeText: FrameOptions = { fin: true, opcode: 1, mask: false, rsv1: false, readOnly: true };
