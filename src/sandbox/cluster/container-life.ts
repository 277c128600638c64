import { createHash } from 'node:crypto';
import { probeFailure, pullTrouble, troubleOf } from './container-troubles.ts';
import type { Report } from './event-recorder.ts';
import { type Container, type ContainerState, type ContainerStatus, type Pod, instant } from './objects.ts';
import { playOf } from './pod-plays.ts';

/** What happens to a container next if nobody ends its pod, and when. */
export type Turn = {
  afterMilliseconds: number;
  /** Where the same is to happen again, and again. */
  everyMilliseconds?: number;
  become: (status: ContainerStatus) => ContainerStatus;
  reports: Report[];
};

/** Between two reports of the same trouble. */
export const repeatMilliseconds = 2_000;
const slowMilliseconds = 5_000;
const cacheSyncMilliseconds = 3_000;
const pullAgainMilliseconds = 3_000;
const failureThreshold = 3;
const exitCodes = { crash: 1, oom: 137, unlive: 137 };
export const podIP = '10.1.0.1';

/** The first back-off takes 1 s here and 10 s in Kubernetes; each is twice as long as the one before, up to 5 min. */
const backOffSeconds = (restarts: number): number => Math.min(2 ** Math.max(0, restarts - 1), 300);

const stays = (status: ContainerStatus): ContainerStatus => status;

/** One container on its way: the words of one kubelet about it, and its next turn. */
export class ContainerLife {
  readonly #pod: Pod;
  readonly #container: Container;
  readonly #status: ContainerStatus;
  readonly #isInit: boolean;
  /** How long a container takes to start, to become ready, and to end. */
  readonly #milliseconds: number;

  constructor(pod: Pod, container: Container, status: ContainerStatus, isInit: boolean, readyMilliseconds: number) {
    this.#pod = pod;
    this.#container = container;
    this.#status = status;
    this.#isInit = isInit;
    this.#milliseconds = readyMilliseconds;
  }

  /** Undefined where nothing more happens. */
  next(): Turn | undefined {
    const play = playOf(this.#pod, this.#container);
    const { state, ready } = this.#status;
    if (state.terminated !== undefined)
      return this.#isInit && state.terminated.exitCode === 0 ? undefined : this.#restart();
    if (state.running !== undefined) {
      if (play === 'crash' || play === 'oom') return this.#end(exitCodes[play], play === 'oom' ? 'OOMKilled' : 'Error');
      if (this.#isInit) return this.#end(0, 'Completed', play === 'slow' ? slowMilliseconds : this.#milliseconds);
      if (play === 'unready') return this.#repeat([this.#unhealthy('readinessProbe')]);
      if (play === 'unlive') return this.#kill();
      return ready ? undefined : this.#becomeReady(play === 'slow' ? slowMilliseconds : this.#milliseconds);
    }
    const reason = state.waiting?.reason;
    if (reason === 'CrashLoopBackOff') return this.#start(backOffSeconds(this.#status.restartCount) * 1000);
    if (play === 'bad-image') return this.#pull(reason);
    const trouble = troubleOf(this.#container, play);
    if (trouble === undefined) return this.#start(this.#milliseconds);
    const reports = trouble.warnings.map((warning) => this.#report('Warning', warning.reason, warning.message));
    if (reason !== trouble.reason) return this.#wait(this.#milliseconds, trouble.reason, trouble.message, reports);
    return play === 'cache-sync' ? this.#start(cacheSyncMilliseconds) : this.#repeat(reports);
  }

  #report(type: Report['type'], reason: string, message: string): Report {
    const list = this.#isInit ? 'initContainers' : 'containers';
    return { type, reason, message, component: 'kubelet', fieldPath: `spec.${list}{${this.#container.name}}` };
  }

  #unhealthy(probe: 'readinessProbe' | 'livenessProbe'): Report {
    return this.#report('Warning', 'Unhealthy', probeFailure(this.#container, probe, podIP));
  }

  #repeat(reports: Report[]): Turn {
    return { afterMilliseconds: this.#milliseconds, everyMilliseconds: repeatMilliseconds, become: stays, reports };
  }

  #wait(afterMilliseconds: number, reason: string, message: string, reports: Report[]): Turn {
    const become = (status: ContainerStatus): ContainerStatus => ({
      ...status,
      ready: false,
      started: false,
      state: { waiting: { reason, message } },
      lastState: status.state.terminated === undefined ? status.lastState : status.state,
    });
    return { afterMilliseconds, become, reports };
  }

  #pull(reason: string | undefined): Turn {
    const { image } = this.#container;
    if (reason === 'ErrImagePull') {
      const message = `Back-off pulling image "${image}"`;
      return this.#wait(this.#milliseconds * 2, 'ImagePullBackOff', message, [
        this.#report('Normal', 'BackOff', message),
        this.#report('Warning', 'Failed', 'Error: ImagePullBackOff'),
      ]);
    }
    const { message, warnings } = pullTrouble(this.#container);
    const isAgain = reason === 'ImagePullBackOff';
    return this.#wait(isAgain ? pullAgainMilliseconds : this.#milliseconds, 'ErrImagePull', message, [
      this.#report('Normal', 'Pulling', `Pulling image "${image}"`),
      this.#report('Warning', 'Failed', `Failed to pull image "${image}": ${message}`),
      ...warnings.slice(1).map((warning) => this.#report('Warning', warning.reason, warning.message)),
    ]);
  }

  #start(afterMilliseconds: number): Turn {
    const { name, image } = this.#container;
    const become = (status: ContainerStatus): ContainerStatus => {
      const ended = status.state.terminated === undefined ? status.lastState : status.state;
      const restartCount = status.restartCount + (ended.terminated === undefined ? 0 : 1);
      const state = { running: { startedAt: instant() } };
      const started = !this.#isInit;
      return {
        ...status,
        ready: false,
        started,
        restartCount,
        state,
        lastState: ended,
        containerID: this.#id(restartCount),
      };
    };
    const reports = [
      this.#report('Normal', 'Pulled', `Container image "${image}" already present on machine`),
      this.#report('Normal', 'Created', `Created container ${name}`),
      this.#report('Normal', 'Started', `Started container ${name}`),
    ];
    return { afterMilliseconds, become, reports };
  }

  #id(restartCount: number): string {
    const seed = `${this.#pod.metadata.uid} ${this.#container.name} ${restartCount}`;
    return `containerd://${createHash('sha256').update(seed).digest('hex')}`;
  }

  #becomeReady(afterMilliseconds: number): Turn {
    return { afterMilliseconds, become: (status) => ({ ...status, ready: true }), reports: [] };
  }

  #end(exitCode: number, reason: string, afterMilliseconds = this.#milliseconds, reports: Report[] = []): Turn {
    const become = (status: ContainerStatus): ContainerStatus => {
      const { containerID = '' } = status;
      const startedAt = status.state.running?.startedAt ?? instant();
      const state: ContainerState = { terminated: { exitCode, reason, startedAt, finishedAt: instant(), containerID } };
      return { ...status, ready: this.#isInit && exitCode === 0, started: false, state };
    };
    return { afterMilliseconds, become, reports };
  }

  #kill(): Turn {
    const message = `Container ${this.#container.name} failed liveness probe, will be restarted`;
    const unhealthy = Array.from({ length: failureThreshold }, () => this.#unhealthy('livenessProbe'));
    const killing = this.#report('Normal', 'Killing', message);
    return this.#end(exitCodes.unlive, 'Error', repeatMilliseconds, [...unhealthy, killing]);
  }

  /** The first restart comes at once; where it ends as fast as it came, nobody sees more of it than its count. */
  #restart(): Turn {
    const { name } = this.#container;
    const { restartCount } = this.#status;
    if (restartCount === 0 && playOf(this.#pod, this.#container) === 'unlive') return this.#start(this.#milliseconds);
    const { metadata } = this.#pod;
    const restarts = Math.max(1, restartCount);
    const place = `container=${name} pod=${metadata.name}_${metadata.namespace}(${metadata.uid})`;
    const message = `back-off ${backOffSeconds(restarts)}s restarting failed ${place}`;
    const turn = this.#wait(this.#milliseconds, 'CrashLoopBackOff', message, [
      this.#report('Warning', 'BackOff', 'Back-off restarting failed container'),
    ]);
    return { ...turn, become: (status) => ({ ...turn.become(status), restartCount: restarts }) };
  }
}
