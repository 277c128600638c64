import type { Container } from './objects.ts';
import type { Play } from './pod-plays.ts';

/** Why a container does not start: the reason and message it waits with, and the kubelet's warnings of it. */
export type Trouble = { reason: string; message: string; warnings: { reason: string; message: string }[] };

function notStarted(reason: string, message: string): Trouble {
  return { reason, message, warnings: [{ reason: 'Failed', message: `Error: ${message}` }] };
}

function noImage(reason: string, message: string, warning: string): Trouble {
  const warnings = [
    { reason: warning, message },
    { reason: 'Failed', message: `Error: ${reason}` },
  ];
  return { reason, message, warnings };
}

const troubles: { [Name in Play]?: (container: Container) => Trouble } = {
  'invalid-name': ({ image }) => {
    const why = `couldn't parse image reference "${image}": invalid reference format`;
    return noImage('InvalidImageName', `Failed to apply default image tag "${image}": ${why}`, 'InspectFailed');
  },
  'never-pull': ({ image }) => {
    const message = `Container image "${image}" is not present with pull policy of Never`;
    return noImage('ErrImageNeverPull', message, 'ErrImageNeverPull');
  },
  'config-error': ({ name }) => notStarted('CreateContainerConfigError', `secret "${name}" not found`),
  'cache-sync': () =>
    notStarted('CreateContainerConfigError', 'failed to sync secret cache: timed out waiting for the condition'),
  'create-error': ({ name }) =>
    notStarted('CreateContainerError', `failed to reserve container name "${name}_0": name "${name}_0" is reserved`),
  'run-error': () =>
    notStarted(
      'RunContainerError',
      'failed to create containerd task: OCI runtime create failed: container_linux.go:370: starting container process caused: exec: "serve": executable file not found in $PATH: unknown',
    ),
};

/** The words of the kubelet of Kubernetes 1.20 with containerd. */
export const troubleOf = (container: Container, play: Play | undefined): Trouble | undefined =>
  play === undefined ? undefined : troubles[play]?.(container);

export const pullTrouble = ({ image }: Container): Trouble => {
  const message = `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`;
  return noImage('ErrImagePull', message, 'Failed');
};

/** What a failing probe of the container answers, as far as its kind tells. */
export function probeFailure(container: Container, probe: 'readinessProbe' | 'livenessProbe', podIP: string): string {
  const { tcpSocket, exec } = (container[probe] ?? {}) as { tcpSocket?: { port: number | string }; exec?: object };
  const what = probe === 'readinessProbe' ? 'Readiness' : 'Liveness';
  if (tcpSocket !== undefined) {
    return `${what} probe failed: dial tcp ${podIP}:${tcpSocket.port}: connect: connection refused`;
  }
  if (exec !== undefined) return `${what} probe failed: cat: can't open '/tmp/healthy': No such file or directory`;
  return `${what} probe failed: HTTP probe failed with statuscode: 503`;
}
