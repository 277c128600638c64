import type { DocumentLimits } from '../graphql/documents.ts';
import type { ConnectionLimits } from './open-connections.ts';

/** What is let in from outside, before anything is asked of the desk. */
export type EdgeSettings = {
  documents: DocumentLimits;
  connections: ConnectionLimits;
  /** Sites whose scripts may read answers, beside this host's own; as browsers write them in Origin. */
  corsOrigins: readonly string[];
  /** Addresses and CIDR ranges whose word on where a request comes from is taken. */
  trustedProxies: readonly string[];
};

export const defaultEdge: EdgeSettings = {
  documents: { levels: 12, rootFields: 20, aliases: 200, fields: 1_000, nodes: 20_000, introspection: false },
  connections: {
    subscriptionsPerConnection: 20,
    subscriptionsPerUser: 100,
    connectionsPerUser: 20,
    idleConnectionSeconds: 300,
  },
  corsOrigins: [],
  trustedProxies: [],
};
