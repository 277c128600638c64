import type { MikroORM } from '../adapters/database/database.ts';
import type { KubernetesClusters } from '../adapters/kubernetes/kubernetes-clusters.ts';
import type { OidcSignIn } from '../adapters/oidc/oidc-sign-in.ts';
import { type Check, NotReady } from '../http/health.ts';

type Asked = {
  /** Beside the pool that requests wait for: one that is busy is not away. */
  probe: MikroORM;
  redis: { ping: () => Promise<unknown> };
  signIn: OidcSignIn;
  clusters: KubernetesClusters;
};

/** Watches break off and are taken up again; a shorter outage tells nothing. */
const outageMs = 5_000;

/**
 * Only what this replica is of no use without keeps clients from it: PostgreSQL, and the issuer's keys until it has
 * had them, so that while the issuer is away no rollout replaces a replica that knows them by one that does not. Without
 * Redis or a cluster tickets are still read, asked for and followed, and other clusters redeployed in: to take all
 * replicas away from everybody would be worse than the codes that say what is wrong.
 */
export function dependencyChecks({ probe, redis, signIn, clusters }: Asked): Check[] {
  return [
    { name: 'postgresql', without: () => null, look: () => probe.em.fork().execute('select 1') },
    {
      name: 'redis',
      without: () => 'tokens and redeploys are UNAVAILABLE, the rest goes on',
      look: () => redis.ping(),
    },
    {
      name: 'issuer-keys',
      without: () => (signIn.hadKeys() ? 'the keys of before may have gone stale' : null),
      look: () => signIn.reachKeys(),
    },
    // By number, in the order of KUBE_CONTEXTS: contexts are named after addresses and accounts.
    ...clusters.all.map((cluster, index) => ({
      name: `cluster-${index + 1}`,
      without: () => 'redeploys in it are UNAVAILABLE or wait, the rest goes on',
      look: () => {
        const { name, longestOutage: outage, isListed } = cluster;
        const why = (message: string) => ({ cause: new Error(`cluster ${name}: ${message}`) });
        if (outage && (!isListed || outage.milliseconds >= outageMs)) {
          throw new NotReady('its watches are interrupted', why(outage.message));
        }
        if (!isListed) throw new NotReady('its objects have not been listed yet', why('not listed'));
      },
    })),
  ];
}
