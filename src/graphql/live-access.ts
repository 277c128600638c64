import { setTimeout as pause } from 'node:timers/promises';
import { RedeployError } from '../domain/errors.ts';
import { mayFollow, seesEverything } from '../domain/permissions.ts';
import type { Actor } from '../domain/person.ts';
import { ownersOfApplications } from '../operations/application-reads.ts';
import type { Desk } from '../operations/dependencies.ts';
import type { LiveStream } from './live-stream.ts';

/** A subscription that its person has as an owner of these applications. */
type Watcher = { actor: Actor; applications: readonly string[]; lost: RedeployError | null; end: () => void };

/**
 * Ends subscriptions whose person loses the ownership that they needed. It is decided when a subscription begins and
 * again when the registry has changed, for all of them here with one statement: by hint from Redis and, where hints
 * were lost, every few seconds. Roles are not looked at: they hold as long as the sign-in token does.
 */
export class LiveAccess {
  private readonly desk: Desk;
  private readonly watchers = new Set<Watcher>();
  private listening: { opened: Promise<void>; leave: () => void } | null = null;
  private isLooking = false;
  private isDue = false;

  constructor(desk: Desk) {
    this.desk = desk;
  }

  /** A stream of what belongs to this person and concerns these applications. Throws FORBIDDEN, and so does the stream later. */
  async follow<S extends LiveStream<unknown>>(
    actor: Actor,
    applications: readonly string[],
    open: () => Promise<S>,
  ): Promise<S> {
    if (seesEverything(actor)) return open();
    const watcher: Watcher = { actor, applications, lost: null, end: () => undefined };
    this.watchers.add(watcher); // before the registry is read, so that no change falls in between
    try {
      this.listening ??= this.listen();
      await this.listening.opened;
      await this.decide([watcher]);
      const stream = watcher.lost ? null : await open();
      if (!stream || watcher.lost) {
        await stream?.return();
        throw watcher.lost!;
      }
      watcher.end = () => stream.fail(watcher.lost!);
      stream.onReturn(() => this.leave(watcher));
      return stream;
    } catch (error) {
      this.leave(watcher);
      throw error;
    }
  }

  async run(signal: AbortSignal, everyMs = 3_000): Promise<void> {
    const stopResuming = this.desk.registryChanges.onResume(() => void this.look());
    while (!signal.aborted) {
      await pause(everyMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await this.look();
    }
    stopResuming();
  }

  private listen(): NonNullable<LiveAccess['listening']> {
    const listening = { opened: Promise.resolve(), leave: () => undefined as void };
    const subscribe = async () => {
      listening.leave = await this.desk.registryChanges.subscribe((name) => this.hear(name));
      // Nobody was left to end it while it was being opened.
      if (this.listening !== listening) listening.leave();
    };
    listening.opened = subscribe();
    return listening;
  }

  private leave(watcher: Watcher): void {
    this.watchers.delete(watcher);
    if (this.watchers.size > 0) return;
    this.listening?.leave();
    this.listening = null;
  }

  private hear(applicationName: string): void {
    for (const { applications } of this.watchers) {
      if (applications.includes(applicationName)) return void this.look();
    }
  }

  /** Once at a time, and once more for what was heard of meanwhile. */
  private async look(): Promise<void> {
    this.isDue = true;
    if (this.isLooking) return;
    this.isLooking = true;
    try {
      while (this.isDue) {
        this.isDue = false;
        if (this.watchers.size > 0) await this.decide([...this.watchers]);
      }
    } catch (error) {
      this.desk.log.warn({ err: error }, 'ownership not looked at: the next look does');
    } finally {
      this.isLooking = false;
    }
  }

  private async decide(watchers: readonly Watcher[]): Promise<void> {
    const names = new Set(watchers.flatMap(({ applications }) => applications));
    const owners = await ownersOfApplications(this.desk, [...names]);
    for (const watcher of watchers) {
      const { actor, applications } = watcher;
      const lost = applications.filter((name) => !mayFollow(actor, actor, [owners.get(name) ?? null]));
      if (lost.length === 0) continue;
      watcher.lost = notAnOwner(actor, lost);
      watcher.end();
    }
  }
}

const notAnOwner = ({ username }: Actor, applications: readonly string[]): RedeployError =>
  new RedeployError('FORBIDDEN', `${username} is no owner of ${applications.join(', ')} and may not follow it live`, {
    advice: 'Ask one of its owners; what stands in the record can still be read.',
  });
