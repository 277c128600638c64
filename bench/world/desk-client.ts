import {
  ApproveDocument,
  CreateTicketDocument,
  RedeployDocument,
  RegisterApplicationDocument,
  type TypedDocumentString,
} from '../../src/documents/generated/graphql.ts';
import type { ContainerImage } from '../../src/domain/images.ts';

/** Asks one service for what a redeploy needs, as its users do. */
export class DeskClient {
  private readonly url: string;
  private readonly tokens: Record<string, string>;
  private readonly deployer: string;

  constructor({ url }: { url: string }, { tokens }: { tokens: Record<string, string> }, deployer = 'alice') {
    this.url = url;
    this.tokens = tokens;
    this.deployer = deployer;
  }

  async ask<Data, Variables>(
    username: string,
    query: TypedDocumentString<Data, Variables>,
    variables: Variables,
  ): Promise<Data> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.tokens[username]}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] };
    if (!data || errors) throw new Error(errors?.map(({ message }) => message).join('; ') ?? 'no data');
    return data;
  }

  /** An application of the deployer's that is registered for one Deployment. */
  async register(name: string, target: { namespace: string; deploymentName: string }): Promise<void> {
    const input = { name, businessTags: [], owners: { users: [this.deployer] }, targets: [target] };
    await this.ask('grace', RegisterApplicationDocument, { input });
  }

  /** The deployer holds the tokens of these applications, of which a ticket takes twenty. */
  async authorize(...applications: string[]): Promise<void> {
    const { createTicket } = await this.ask(this.deployer, CreateTicketDocument, {
      input: {
        workOrderKey: 'APPLICATION_REDEPLOY',
        reason: 'it answers 500',
        category: 'BUG_FIX',
        entries: applications.map((applicationName) => ({ detail: { applicationName } })),
      },
    });
    await this.ask('carol', ApproveDocument, { input: { ticketNo: createTicket.ticketNo, comment: null } });
  }

  /** Answers with the operation's id. */
  async redeploy(applicationName: string, images: ContainerImage[] | null = null): Promise<string> {
    const { redeploy } = await this.ask(this.deployer, RedeployDocument, { input: { applicationName, images } });
    return redeploy.id;
  }
}
