/**
 * The port that tells replicas that an application was registered anew or taken out of the registry. Messages are
 * hints: they may be lost, never wrong; whoever listens reads the registry.
 */
export interface RegistryChanges {
  /** Never throws; a change that could not be published is found in the registry. */
  publish(applicationName: string): Promise<void>;
  /** Resolves once the subscription stands (or is known to stand as soon as the carrier is back). The listener neither throws nor waits. */
  subscribe(listener: (applicationName: string) => void): Promise<() => void>;
  /** Calls back when the carrier was away and is back: messages may be missing. Answers with what ends it. */
  onResume(listener: () => void): () => void;
}
