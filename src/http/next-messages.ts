import type { Socket } from 'node:net';
import * as ws from 'ws';
import type { Recipient } from '../graphql/audiences.ts';

const beforeId = '{"id":';
/** What stands before a message that is longer than 64 KiB. */
const longestBegin = 10;
const empty = Buffer.alloc(0);

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
  private frame: Buffer = empty;
  /** What the frame is part of: used again for the next one, once the sockets have taken this one. */
  private space: Buffer = empty;

  /** The subscription with this id. */
  to({ socket, transport }: Client, id: string): Recipient {
    return new Subscription(this, socket, transport, JSON.stringify(id));
  }

  send(transport: Socket, id: string, json: string): Promise<void> | null {
    const idBytes = Buffer.byteLength(id);
    if (json !== this.json || idBytes !== this.idBytes) this.write(idBytes, json);
    this.frame.write(id, this.idAt);
    transport.write(this.frame);
    if (transport.writableLength === 0) return null;
    this.json = null; // it is still to be read: nobody else's id may come into it
    this.space = empty;
    // An empty write is called back once everything before it has left.
    return new Promise((resolve) => transport.write('', () => resolve()));
  }

  /** All but the id. */
  private write(idBytes: number, json: string): void {
    const afterId = `,"type":"next","payload":${json}}`;
    const end = longestBegin + beforeId.length + idBytes + Buffer.byteLength(afterId);
    // Not of Buffer's pool: a slow client would keep 64 KiB of that.
    if (this.space.length < end) this.space = Buffer.allocUnsafeSlow(end);
    const text = this.space.subarray(longestBegin, end);
    const [begin] = Sender.frame(text, wholeText);
    this.frame = this.space.subarray(longestBegin - begin.length, end);
    this.frame.set(begin);
    text.write(beforeId);
    text.write(afterId, beforeId.length + idBytes);
    this.json = json;
    this.idAt = begin.length + beforeId.length;
    this.idBytes = idBytes;
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
