import type { Container, Pod } from './objects.ts';

/**
 * What a pod can be asked to play, by a word in the image of any of its containers, init containers too:
 *
 * | word | what is seen |
 * | --- | --- |
 * | bad-image | ErrImagePull and ImagePullBackOff in turn |
 * | invalid-name | InvalidImageName |
 * | never-pull | ErrImageNeverPull |
 * | crash | ends with exit code 1 again and again: CrashLoopBackOff |
 * | oom | the same, OOMKilled with exit code 137 |
 * | config-error | CreateContainerConfigError: a Secret that does not exist |
 * | cache-sync | CreateContainerConfigError for 3 s, while the kubelet's cache of Secrets fills; then well |
 * | create-error | CreateContainerError |
 * | run-error | RunContainerError |
 * | unready | runs, its readiness probe fails: Unhealthy |
 * | unlive | runs, its liveness probe fails: Unhealthy, Killing, restarts |
 * | unschedulable | no node takes the pod |
 * | mount-error | ContainerCreating, FailedMount |
 * | sandbox-error | ContainerCreating, FailedCreatePodSandBox |
 * | evicted | the ReplicaSet's first pod ends as Failed, Evicted; those after it are well |
 * | slow | takes 5 s to become Ready |
 *
 * The annotation `sandbox.redeploy.cratos.dev/plays` asks for the same without another image, of the pod's first
 * container: in the pod template, or on the Deployment itself, where it tells all pods that are created from then
 * on and changes no template, so that a restart can be made to fail and a rollback after it to succeed. `crash@1`
 * asks it of one pod of each ReplicaSet; the others are well.
 */
export const plays = [
  'unschedulable',
  'mount-error',
  'sandbox-error',
  'evicted',
  'bad-image',
  'invalid-name',
  'never-pull',
  'config-error',
  'cache-sync',
  'create-error',
  'run-error',
  'crash',
  'oom',
  'unready',
  'unlive',
  'slow',
] as const;
export type Play = (typeof plays)[number];

export const playsAnnotation = 'sandbox.redeploy.cratos.dev/plays';
const well = 'well';

const isNamedIn = (text: string, play: Play): boolean => new RegExp(`(?<![a-z])${play}(?![a-z])`).test(text);
const named = (text: string): Play | undefined => plays.find((play) => isNamedIn(text, play));

/** Undefined where all goes well. */
export function playOf({ metadata, spec }: Pod, { name, image }: Container): Play | undefined {
  const asked = metadata.annotations?.[playsAnnotation];
  if (asked === undefined) return named(image);
  return spec.containers[0]?.name === name ? named(asked) : undefined;
}

/** Whether any container of the pod plays this, which then concerns the whole pod. */
export const isPlayed = (pod: Pod, play: Play): boolean =>
  [...(pod.spec.initContainers ?? []), ...pod.spec.containers].some((container) => playOf(pod, container) === play);

/**
 * The part of a pod that is about to be placed, given what its Deployment asks and the other pods of its ReplicaSet.
 * It is written into the pod's annotation, so that it stays the same for the pod's life.
 */
export function withPart(pod: Pod, askedOfAll: string | undefined, siblings: () => Pod[]): Pod {
  const ofPod = pod.metadata.annotations?.[playsAnnotation];
  const asked = ofPod ?? askedOfAll ?? (isPlayed(pod, 'evicted') ? 'evicted' : undefined);
  if (asked === undefined) return pod;
  const [play = well, count] = asked.split('@');
  const most = count === undefined ? (play === 'evicted' ? 1 : Infinity) : Number(count);
  const cast = siblings().filter(({ metadata }) => metadata.annotations?.[playsAnnotation] === play).length;
  const part = cast < most ? play : well;
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations: { ...pod.metadata.annotations, [playsAnnotation]: part } },
  };
}
