import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { useServer } from 'graphql-ws/use/ws';
import { createPubSub, createSchema, createYoga } from 'graphql-yoga';
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';
import type { RolloutEvent } from '../../src/domain/rollout.ts';

const typeDefs = /* GraphQL */ `
  type Query {
    hello: String
  }
  type Replicas {
    desired: Int!
    updated: Int!
    ready: Int!
    available: Int!
    old: Int!
  }
  type PodFailure {
    pod: String
    container: String
    reason: String!
    message: String!
    exitCode: Int
    restarts: Int!
    doomed: Boolean!
    advice: String!
    log: String
  }
  type RolloutStatusEvent {
    sequence: Int!
    status: String!
    message: String!
    replicas: Replicas!
    newPods: [String!]!
    terminatedPods: [String!]!
    failures: [PodFailure!]!
  }
  type Subscription {
    rolloutStatus(operationId: ID!, after: Int): RolloutStatusEvent!
  }
`;

/** Yoga, graphql-ws and createPubSub, put together as their documentation has it; Redis brings the events. */
export async function startUsualSubscriptions(redisUrl: string, channel: string) {
  const pubSub = createPubSub<{ rolloutStatus: [operationId: string, event: RolloutEvent] }>();
  const schema = createSchema({
    typeDefs,
    resolvers: {
      PodFailure: {
        doomed: ({ isDoomed }: { isDoomed: boolean }) => isDoomed,
        advice: () => 'Check the image name and tag, and whether the cluster may pull from that registry.',
      },
      Subscription: {
        rolloutStatus: {
          subscribe: (_: unknown, { operationId }: { operationId: string }) =>
            pubSub.subscribe('rolloutStatus', operationId),
          resolve: (event: RolloutEvent) => event,
        },
      },
    },
  });
  const yoga = createYoga({ schema, logging: false });
  const server = createServer((request, response) => void yoga(request, response));
  const sockets = new WebSocketServer({ server, path: yoga.graphqlEndpoint });
  type Root = { execute: (args: unknown) => never; subscribe: (args: unknown) => never };
  useServer(
    {
      execute: (args) => (args.rootValue as Root).execute(args),
      subscribe: (args) => (args.rootValue as Root).subscribe(args),
      onSubscribe: async (ctx, _id, params) => {
        const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
          ...ctx,
          req: ctx.extra.request,
          socket: ctx.extra.socket,
          params,
        });
        const document = parse(params.query);
        const errors = validate(schema, document);
        if (errors.length > 0) return errors;
        return {
          schema,
          operationName: params.operationName,
          document,
          variableValues: params.variables,
          contextValue: await contextFactory(),
          rootValue: { execute, subscribe },
        };
      },
    },
    sockets,
  );
  const redis = new Redis(redisUrl);
  await redis.subscribe(channel);
  redis.on('message', (_channel: string, message: string) => {
    const event = JSON.parse(message) as RolloutEvent;
    pubSub.publish('rolloutStatus', event.operationId, event);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}${yoga.graphqlEndpoint}`,
    stop: async () => {
      redis.disconnect();
      for (const socket of sockets.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
