import type { RolloutEvent } from '../../src/domain/rollout.ts';

const podOf = (index: number, template: string): string => `web-service-deployment-${template}-x7k${index}p`;
const pods = (template: string): string[] => [0, 1, 2, 3, 4, 5].map((index) => podOf(index, template));

/** A rollout in trouble, as the service publishes it to other replicas: 1.6 KB as a client gets it. */
export const rolloutEvent = (operationId: string, sequence: number): Omit<RolloutEvent, 'at'> & { at: string } => ({
  operationId,
  sequence,
  at: '2026-01-01T00:00:00.000Z',
  status: 'PROGRESSING',
  message: `Waiting for deployment "web-service-deployment" rollout to finish: ${sequence} out of 6 new replicas have been updated...`,
  replicas: { desired: 6, updated: 6, ready: 3, available: 3, old: 0 },
  newPods: pods('6d4cf56db6'),
  newPodCount: 6,
  terminatedPods: pods('5fd87bb8cd'),
  terminatedPodCount: 6,
  failures: [0, 1].map((index) => ({
    pod: podOf(index, '6d4cf56db6'),
    container: 'web-service',
    reason: 'ImagePullBackOff',
    message: 'Back-off pulling image "registry.example.com/backend/web-service:v2.1.1": not found',
    exitCode: null,
    restarts: 0,
    isDoomed: false,
    since: '2026-01-01T00:00:00Z',
    log: null,
  })),
});

/** What a client gets of it that has asked with the project's own document. */
export function rolloutMessage(id: string, operationId: string, sequence: number): string {
  const { status, message, replicas, newPods, terminatedPods, failures } = rolloutEvent(operationId, sequence);
  const shown = failures.map(({ isDoomed, since: _since, log, ...failure }) => ({
    ...failure,
    doomed: isDoomed,
    advice: 'Check the image name and tag, and whether the cluster may pull from that registry.',
    log,
  }));
  const rolloutStatus = { sequence, status, message, replicas, newPods, terminatedPods, failures: shown };
  return JSON.stringify({ id, type: 'next', payload: { data: { rolloutStatus } } });
}
