import type { PodFailure } from './rollout.ts';

const pull = 'Check that this image and tag exist in the registry and that the imagePullSecrets may pull them.';
const creation =
  "Look into the message: a quota, a LimitRange, pod security or a webhook refuses the ReplicaSet's pods.";
const eviction = 'Look at the node and at what the pod asks for; Kubernetes makes another pod in its place by itself.';

/** What an engineer would check first, by Kubernetes' reason. */
const adviceByReason: Readonly<Record<string, string>> = {
  ErrImagePull: pull,
  ImagePullBackOff: pull,
  ErrImageNeverPull: 'The pull policy is Never and the node lacks the image: bring it there or change imagePullPolicy.',
  InvalidImageName: "Correct the image's name: it is not one that a registry could have.",
  CrashLoopBackOff: "Read the container's last log lines: the process ends again and again after its start.",
  OOMKilled: 'Compare the memory limit with what the container needs at its start; it was killed at its limit.',
  Error: "Read the container's last log lines: the process ended with an error.",
  Completed: 'The process ended by itself: check that its command is one that stays in the foreground.',
  StartError: "Check the container's command and its files: the process could not be started.",
  ContainerCannotRun: "Check the container's command and its files: the process could not be started.",
  CreateContainerConfigError: 'Check that every ConfigMap, Secret and key that the container refers to exists here.',
  CreateContainerError: "Check the container's command, mounts and security context against the message.",
  RunContainerError: "Check the container's command, mounts and security context against the message.",
  FailedCreate: creation,
  Unschedulable: "Compare the pod's requests, node selector, affinity and tolerations with what the nodes have free.",
  Unhealthy: 'Check the path, port and timing of the probe that the message names, and what the application answers.',
  FailedMount: 'Check that the volume, its claim and every ConfigMap and Secret that is mounted exist here.',
  FailedAttachVolume: 'Check whether another node still holds the volume, and the storage driver.',
  FailedCreatePodSandBox: "Look at the node's network plugin and container runtime: it cannot set up the pod.",
  Evicted: eviction,
  Preempting: eviction,
};

/** One sentence for each reason; memory and other causes of a crash loop have their own. */
export function adviceOn({ pod, reason, message }: Pick<PodFailure, 'pod' | 'reason' | 'message'>): string {
  if (reason === 'CrashLoopBackOff') {
    const cause = /\((OOMKilled|Completed|StartError|ContainerCannotRun), exit code/.exec(message)?.[1];
    if (cause) return adviceByReason[cause]!;
  }
  const advice = Object.hasOwn(adviceByReason, reason) ? adviceByReason[reason] : undefined;
  if (advice) return advice;
  return pod === null ? creation : 'Look at the pod with kubectl describe: its Events tell more.';
}

export const advisedReasons = Object.keys(adviceByReason);
