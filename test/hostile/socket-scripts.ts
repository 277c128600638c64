import type { Chance } from '../support/chance.ts';
import type { HostileRequests } from './hostile-requests.ts';
import { nastyText, nastyValue, toJson } from './nasty-values.ts';

/** What one client sends over one connection, one after the other. */
export type SocketScript = {
  /** A text, or the bytes of a binary message. */
  frames: (string | Buffer)[];
  /** Bytes that follow without being a frame of anybody's making. */
  bytes?: Buffer;
  /** What must be answered, unless the connection is closed. */
  awaited: ReadonlySet<string>;
  isSignedIn: boolean;
  /** Its first frame signs in, and the others wait for the answer. */
  isPatient: boolean;
};

const longest = 40;

/** Draws what no sensible client of graphql-transport-ws sends. */
export class SocketScripts {
  readonly #chance: Chance;
  readonly #requests: HostileRequests;

  constructor(chance: Chance, requests: HostileRequests) {
    this.#chance = chance;
    this.#requests = requests;
  }

  next(): SocketScript {
    const fate = this.#chance.fraction();
    if (fate < 0.5) return this.#operations();
    return fate < 0.95 ? this.#disorder() : this.#noise();
  }

  /** In order, but for what they ask. */
  #operations(): SocketScript {
    const payloads = Array.from({ length: 1 + this.#chance.below(longest) }, () => this.#requests.payload());
    const { isSignedIn, init } = this.#init(payloads[0]!.field);
    const awaited = new Set<string>();
    const frames = [init];
    for (const [place, { isSubscription, sent: payload }] of payloads.entries()) {
      const id = `${place}${nastyText(this.#chance).slice(0, 100)}`;
      if (!isSubscription) awaited.add(id);
      frames.push(toJson({ id, type: 'subscribe', payload }));
      if (isSubscription) frames.push(toJson({ id, type: 'complete' }));
    }
    return { frames, awaited, isSignedIn, isPatient: true };
  }

  /** Of the protocol itself: the wrong messages, in any order, again and again. */
  #disorder(): SocketScript {
    const { isSignedIn, init } = this.#init();
    const begin = this.#chance.is(0.6) ? [init] : [];
    const frames = Array.from({ length: 1 + this.#chance.below(8) }, () => this.#frame());
    const isPatient = begin.length > 0 && this.#chance.is(0.7);
    return { frames: [...begin, ...frames], awaited: new Set(), isSignedIn, isPatient };
  }

  /** Not even frames. */
  #noise(): SocketScript {
    const bytes = Buffer.from(Array.from({ length: 2 + this.#chance.below(200) }, () => this.#chance.below(256)));
    const { isSignedIn, init } = this.#init();
    return { frames: [init], bytes, awaited: new Set(), isSignedIn, isPatient: false };
  }

  #init(field?: string): { isSignedIn: boolean; init: string } {
    const { value, isSignedIn } = this.#requests.authorization(field);
    const payload = value === null ? undefined : { authorization: value };
    return { isSignedIn, init: toJson({ type: 'connection_init', payload }) };
  }

  #frame(): string | Buffer {
    const chance = this.#chance;
    const message = toJson(this.#message());
    const at = chance.below(message.length);
    const frames: (() => string | Buffer)[] = [
      () => message.slice(0, at),
      () => message.slice(0, at) + nastyText(chance) + message.slice(at),
      () => `[${message}]`,
      () => Buffer.from(message),
      () => Buffer.from(Array.from({ length: chance.below(100) }, () => chance.below(256))),
      () => toJson(nastyValue(chance)),
      () => (chance.is(0.2) ? 'x'.repeat(300_000) : ''),
      () => '['.repeat(chance.below(100_000)),
    ];
    return chance.is(0.6) ? message : chance.oneOf(frames)();
  }

  #message(): Record<string, unknown> {
    const chance = this.#chance;
    const types = ['connection_init', 'subscribe', 'complete', 'ping', 'pong', 'next', 'error', 'connection_ack'];
    const type = chance.is(0.9) ? chance.oneOf(types) : nastyValue(chance);
    const id = chance.is(0.7) ? chance.oneOf(['1', '1', '2', '__proto__', 'constructor']) : nastyValue(chance);
    const { sent } = this.#requests.payload();
    const message = { id, type, payload: chance.is(0.7) ? sent : nastyValue(chance) };
    if (chance.is(0.05)) return { ...message, [nastyText(chance)]: nastyValue(chance) };
    return message;
  }
}
