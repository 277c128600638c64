import type { DeploymentReading } from './cluster.ts';

/** Something risky about a redeploy that does not forbid it, with what to do about it. */
export type RedeployWarning = { reason: string; message: string; advice: string };

/** What the guide sets for every Deployment; Kubernetes' own defaults. */
const guide = { maxSurge: '25%', maxUnavailable: '25%', progressDeadlineSeconds: 600, revisionHistoryLimit: 10 };

/** What is risky about redeploying this Deployment, from what stands in it. */
export function deploymentWarnings(deployment: DeploymentReading): RedeployWarning[] {
  const { replicas, strategy, maxSurge, maxUnavailable } = deployment;
  const { progressDeadlineSeconds, revisionHistoryLimit } = deployment;
  const warnings: RedeployWarning[] = [];
  const warn = (reason: string, message: string, advice: string) => warnings.push({ reason, message, advice });
  if (strategy === 'Recreate') {
    warn('Recreate', 'every old pod ends before a new one starts', 'Expect the application to be down meanwhile.');
  }
  if (replicas === 0) warn('NoReplica', 'it has zero replicas', 'No pod will be restarted; scale it up first.');
  if (replicas === 1) {
    warn('SingleReplica', 'it has one replica', 'Expect a gap where the new pod is slow, or scale it up first.');
  }
  const without = (probe: 'readinessProbe' | 'livenessProbe') =>
    deployment.template.spec.containers.filter((container) => !container[probe]).map(({ name }) => name);
  const unready = without('readinessProbe');
  if (unready.length > 0) {
    warn(
      'NoReadinessProbe',
      `without a readiness probe: ${unready.join(', ')}`,
      'Kubernetes calls these ready as soon as they run: check by hand that the application answers.',
    );
  }
  const unlive = without('livenessProbe');
  if (unlive.length > 0) {
    warn(
      'NoLivenessProbe',
      `without a liveness probe: ${unlive.join(', ')}`,
      'A process that hangs is not restarted: watch it after the rollout.',
    );
  }
  if (maxUnavailable !== null && maxUnavailable !== guide.maxUnavailable) {
    warn('MaxUnavailable', `maxUnavailable is ${maxUnavailable}`, `The guide asks for ${guide.maxUnavailable}.`);
  }
  if (maxSurge !== null && maxSurge !== guide.maxSurge) {
    warn('MaxSurge', `maxSurge is ${maxSurge}`, `The guide asks for ${guide.maxSurge}.`);
  }
  if (progressDeadlineSeconds !== guide.progressDeadlineSeconds) {
    warn(
      'ProgressDeadline',
      `progressDeadlineSeconds is ${progressDeadlineSeconds}`,
      `The guide asks for ${guide.progressDeadlineSeconds}: Kubernetes gives up earlier or later than people expect.`,
    );
  }
  if (revisionHistoryLimit !== guide.revisionHistoryLimit) {
    warn(
      'RevisionHistoryLimit',
      `revisionHistoryLimit is ${revisionHistoryLimit}`,
      `The guide asks for ${guide.revisionHistoryLimit}: check that there is a revision to roll back to.`,
    );
  }
  const manager = outsideManager(deployment);
  if (manager !== null) {
    warn('ManagedElsewhere', `${manager} manages it`, `Make the change there too: ${manager} may undo it.`);
  }
  return warnings;
}

/** By the marks that they leave on what they manage. */
const marks: readonly [manager: string, pattern: RegExp][] = [
  ['Argo CD', /^argocd\.argoproj\.io\/(tracking-id|instance)$|^argocd-(controller|application-controller)$/],
  ['Flux', /^(kustomize|helm)\.toolkit\.fluxcd\.io\/name$|^(kustomize|helm)-controller$/],
  ['Helm', /^meta\.helm\.sh\/release-name$|^helm$/i],
];

function outsideManager({ labels, annotations, managers }: DeploymentReading): string | null {
  const signs = [
    ...Object.keys(labels),
    ...Object.keys(annotations),
    ...managers,
    labels['app.kubernetes.io/managed-by'] ?? '',
  ];
  return marks.find(([, pattern]) => signs.some((sign) => pattern.test(sign)))?.[0] ?? null;
}

/** The token may end while the rollout goes on; what it started goes on, but nothing can follow it. */
export function tokenWarning(expires: Date, now: Date, longestSeconds: number): RedeployWarning[] {
  const left = Math.floor((expires.getTime() - now.getTime()) / 1000);
  if (left >= longestSeconds) return [];
  return [
    {
      reason: 'TokenExpiresSoon',
      message: `the token is valid for ${left} s more, a rollout may take ${longestSeconds} s`,
      advice: 'A rollback after that needs a new ticket: ask for it now.',
    },
  ];
}

export const permissionWarning = (namespace: string, missing: readonly string[]): RedeployWarning => ({
  reason: 'MissingPermission',
  message: `this service may not ${missing.join(', ')} in namespace ${namespace}`,
  advice: "Have the service's Role completed.",
});
