import { createClient } from 'graphql-ws';
import {
  RolloutStatusDocument,
  type RolloutStatusSubscription,
  type TypedDocumentString,
} from '../documents/generated/graphql.ts';
import type { Session } from './sandbox.ts';

type Errors = readonly { message: string; extensions?: { code?: unknown } }[];
type Answer = { data?: unknown; errors?: Errors };

/** What the service answered instead of data. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const refusal = ([error]: Errors): Refused => new Refused(String(error?.extensions?.code), String(error?.message));

/** One person at a terminal: GraphQL over HTTP and graphql-ws, nothing else. */
export class StoryClient {
  private readonly session: Session;
  private readonly authorization: string;

  constructor(session: Session, username: string) {
    const persona = session.personas.find((person) => person.username === username);
    if (!persona) throw new Error(`the session has no persona ${username}`);
    this.session = session;
    this.authorization = `Bearer ${persona.token}`;
  }

  async ask<Data, Variables>(query: TypedDocumentString<Data, Variables>, variables: Variables): Promise<Data> {
    const response = await fetch(this.session.url, {
      method: 'POST',
      headers: { authorization: this.authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as Answer;
    if (errors) throw refusal(errors);
    return data as Data;
  }

  /** A rollout's events behind `after`, in order; where the connection breaks it goes on behind the last one. */
  async *watchRollout(operationId: string, after = 0): AsyncGenerator<RolloutStatusSubscription['rolloutStatus']> {
    const query = RolloutStatusDocument.toString();
    const { authorization } = this;
    for (let attempt = 0; attempt < 30; attempt += 1) {
      const client = createClient({
        url: this.session.subscriptionsUrl,
        connectionParams: { authorization },
        retryAttempts: 0,
      });
      try {
        const results = client.iterate<RolloutStatusSubscription>({ query, variables: { operationId, after } });
        for await (const { data, errors } of results) {
          if (errors) throw refusal(errors);
          if (!data) continue;
          after = data.rolloutStatus.sequence;
          yield data.rolloutStatus;
        }
        return;
      } catch (error) {
        if (error instanceof Error) throw error;
        if (Array.isArray(error)) throw refusal(error as Errors);
        await new Promise((resolve) => setTimeout(resolve, 500)); // a CloseEvent: the socket is gone
      } finally {
        await client.dispose();
      }
    }
    throw new Error('the connection broke again and again');
  }
}
