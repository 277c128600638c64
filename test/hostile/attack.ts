import { ask } from '../support/service.ts';
import { until } from '../support/wait.ts';
import type { HostileRequests } from './hostile-requests.ts';
import type { HostileWorld } from './hostile-world.ts';
import { HttpSender } from './http-sender.ts';
import type { SocketScript, SocketScripts } from './socket-scripts.ts';
import { heardOf, play } from './socket-sender.ts';
import { Tally } from './tally.ts';
import { type Heard, isAway, type Verdicts } from './verdicts.ts';

const atOnce = 16;
/** With which a service may close a connection that is misused. */
const closeCodes = [1000, 1002, 1003, 1007, 1009, 1013, 4400, 4401, 4403, 4409, 4429];

/** Sends what is drawn, and writes down what came of it. */
export class Attack {
  readonly tally = new Tally();
  readonly #world: HostileWorld;
  readonly #verdicts: Verdicts;

  constructor(world: HostileWorld, verdicts: Verdicts) {
    this.#world = world;
    this.#verdicts = verdicts;
  }

  async overHttp(requests: HostileRequests, count: number): Promise<void> {
    const sender = new HttpSender(this.#world.service.url);
    const draw = upTo(count, () => requests.next());
    await inTurns(draw, async (request) => {
      const heard = await this.#served(
        () => sender.send(request),
        (answer) => [answer],
      );
      const { code, fault } = this.#verdicts.ofAnswer(heard, request.isSignedIn);
      this.tally.count(request.transport, `${heard.status} ${code}`);
      if (fault !== null) this.tally.blame(fault, { request, heard: heard.text.slice(0, 300) });
    });
    sender.close();
  }

  async withBytes(bytes: () => string, count: number): Promise<void> {
    const sender = new HttpSender(this.#world.service.url);
    await inTurns(upTo(count, bytes), async (sent) => {
      const answers = await sender.sendRaw(sent);
      const [first = 'closed', second] = answers.map(({ status }) => status);
      this.tally.count('bytes', second === undefined ? `${first}` : `${first} then ${second}`);
      for (const heard of answers) {
        const { fault } = this.#verdicts.ofAnswer(heard, false);
        if (fault !== null) this.tally.blame(fault, { sent, heard: heard.text.slice(0, 300) });
      }
    });
    sender.close();
  }

  async overWebSockets(scripts: SocketScripts, count: number): Promise<void> {
    let left = count;
    const draw = (): SocketScript | undefined => {
      if (left <= 0) return undefined;
      const script = scripts.next();
      left -= script.frames.length;
      return script;
    };
    await inTurns(draw, (script) => this.#play(script));
  }

  async #play(script: SocketScript): Promise<void> {
    const { messages, code, fault } = await this.#served(
      () => play(this.#world.service.subscriptionsUrl, script),
      (outcome) => [...outcome.messages.map(heardOf), { status: outcome.fault === null ? 200 : 0, text: '' }],
    );
    const about = { ...script, awaited: [...script.awaited], bytes: script.bytes?.toString('hex') };
    if (fault !== null) this.tally.blame(fault, about);
    if (code !== null && !closeCodes.includes(code) && !script.bytes) this.tally.blame(`is closed with ${code}`, about);
    const answered = new Set<string>();
    for (const message of messages) {
      const { code: told, fault: wrong } = this.#verdicts.ofAnswer(heardOf(message), script.isSignedIn);
      if (wrong !== null) this.tally.blame(wrong, { message, script: about });
      if (message.id === undefined || answered.has(message.id)) continue;
      answered.add(message.id);
      this.tally.count('WebSocket', `${message.type} ${told}`);
    }
    const unanswered = code === null ? 'not answered' : `closed with ${code}`;
    for (let place = answered.size; place < script.frames.length; place += 1) this.tally.count('WebSocket', unanswered);
  }

  /** Once more, where somebody seemed to be away: whoever is so each time is kept away by what was sent. */
  async #served<T>(send: () => Promise<T>, heardIn: (outcome: T) => Heard[]): Promise<T> {
    const outcome = await send();
    if (!heardIn(outcome).some(isAway)) return outcome;
    const { service, story } = this.#world;
    const isBack = async (): Promise<boolean> =>
      (await ask(service, story.tokens.frank, '{ tickets { edges { cursor } } }')).errors.length === 0;
    await until('everybody is back', isBack, 60);
    return send();
  }
}

const upTo = <T>(count: number, draw: () => T): (() => T | undefined) => {
  let left = count;
  return () => {
    left -= 1;
    return left < 0 ? undefined : draw();
  };
};

/** As many at a time as is well for both sides; drawn in one order, whoever is done first. */
async function inTurns<T>(draw: () => T | undefined, send: (item: T) => Promise<void>): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let item = draw(); item !== undefined; item = draw()) await send(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
