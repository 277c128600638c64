import { randomUUID } from 'node:crypto';
import type { Service } from '../../src/service.ts';
import { untilRolledOut } from './desk.ts';
import type { DeploymentWish } from './cluster.ts';
import { until } from './wait.ts';
import { ask, type GraphQLAnswer, type TestServices } from './service.ts';

const roles = {
  alice: ['APPLICATION_DEPLOYER'],
  bob: ['APPLICATION_DEPLOYER'],
  carol: ['APPROVER'],
  dave: ['APPROVER'],
  frank: ['AUDITOR'],
  grace: ['ADMIN'],
};
export type Name = keyof typeof roles;

export type Placed = { applicationName: string; namespace: string; deploymentName: string };

type Serving = Pick<Service, 'url' | 'subscriptionsUrl'>;

/** The people of a story, who speak GraphQL to one service. */
export class Story {
  readonly service: Serving;
  readonly tokens: Record<Name, string>;
  private readonly services: TestServices;

  private constructor(services: TestServices, service: Serving, tokens: Record<Name, string>) {
    this.services = services;
    this.service = service;
    this.tokens = tokens;
  }

  static async open(services: TestServices, service: Serving): Promise<Story> {
    const signed = Object.entries(roles).map(async ([name, has]) => [name, await services.signIn(name, ...has)]);
    return new Story(services, service, Object.fromEntries(await Promise.all(signed)) as Record<Name, string>);
  }

  ask(name: Name, query: string, variables: object = {}): Promise<GraphQLAnswer> {
    return ask(this.service, this.tokens[name], query, variables);
  }

  /** The data of an answer that must be one. */
  async get<Data>(name: Name, query: string, variables: object = {}): Promise<Data> {
    const { data, errors } = await this.ask(name, query, variables);
    if (errors.length > 0 || !data) throw new Error(`${name} is refused: ${JSON.stringify(errors)}`);
    return data as Data;
  }

  /** Code and message of an answer that must be a refusal. */
  async refusal(name: Name, query: string, variables: object = {}): Promise<{ code: unknown; message: string }> {
    const { data, errors } = await this.ask(name, query, variables);
    const [error] = errors;
    if (!error) throw new Error(`${name} is not refused but answered: ${JSON.stringify(data)}`);
    return { code: error.extensions['code'], message: error.message };
  }

  /** An application of alice's, running in a namespace of its own. */
  async place(wish: Partial<DeploymentWish> & { tags?: Record<string, string>; isUp?: boolean } = {}): Promise<Placed> {
    const { tags = {}, isUp = true, replicas = 2, image = 'web:v1', ...more } = wish;
    const applicationName = `app-${randomUUID().slice(0, 8)}`;
    const { cluster } = this.services;
    const namespace = await cluster.createNamespace();
    const placed = { applicationName, namespace, deploymentName: applicationName };
    await cluster.createDeployment(namespace, { name: applicationName, image, replicas, ...more });
    if (isUp) await untilRolledOut({ cluster }, namespace, applicationName);
    await this.register(placed, tags);
    return placed;
  }

  async register(placed: Placed, tags: Record<string, string> = {}): Promise<void> {
    const { applicationName: name, ...target } = placed;
    const businessTags = Object.entries(tags).map(([tagKey, tagValue]) => ({ tagKey, tagValue }));
    const input = { name, businessTags, owners: { users: ['alice'] }, targets: [target] };
    await this.get('grace', registerApplication, { input });
  }

  /** A ticket of alice's for one application, not decided yet. */
  async requested(applicationName: string): Promise<string> {
    const input = {
      workOrderKey: 'APPLICATION_REDEPLOY',
      category: 'BUG_FIX',
      reason: 'it answers 500',
      entries: [{ detail: { applicationName } }],
    };
    type Created = { createTicket: { ticketNo: string } };
    return (await this.get<Created>('alice', createTicket, { input })).createTicket.ticketNo;
  }

  /** And approved by carol. */
  async authorized(applicationName: string): Promise<string> {
    const ticketNo = await this.requested(applicationName);
    await this.get('carol', approve, { input: { ticketNo, comment: 'seen' } });
    return ticketNo;
  }

  async redeployed(applicationName: string): Promise<string> {
    type Redeployed = { redeploy: { id: string } };
    return (await this.get<Redeployed>('alice', redeploy, { input: { applicationName } })).redeploy.id;
  }

  /** And to its end, which must be a good one. */
  async completed(applicationName: string): Promise<string> {
    const id = await this.redeployed(applicationName);
    await until('the operation is completed', async () => (await this.operation(id))['success'] === true);
    return id;
  }

  async operation(id: string): Promise<Operation> {
    return (await this.get<{ operation: Operation }>('frank', operation, { id })).operation;
  }

  async trail(name: Name, ticketNo: string): Promise<Trail> {
    type Read = { ticket: { ticketId: number; status: string; auditTrail: { edges: { node: AuditRecord }[] } } };
    const { ticket } = await this.get<Read>(name, auditTrail, { ticketNo });
    const { ticketId, status } = ticket;
    return { ticketId, status, records: ticket.auditTrail.edges.map(({ node }) => node) };
  }
}

type Operation = Record<string, unknown> & {
  newPods: string[];
  terminatedPods: string[];
  failures: { reason: string; doomed: boolean }[];
  events: { edges: { node: { sequence: number; status: string } }[] };
};
type AuditRecord = { level: string; kind: string; username: string | null; message: string; sequence: number };
type Trail = { ticketId: number; status: string; records: AuditRecord[] };

export const registerApplication = /* GraphQL */ `
  mutation ($input: RegisterApplicationInput!) {
    registerApplication(input: $input) {
      name
      businessTags {
        tagKey
        tagValue
      }
      targets {
        cluster
        namespace
        deploymentName
      }
    }
  }
`;
export const createTicket = /* GraphQL */ `
  mutation ($input: CreateTicketInput!) {
    createTicket(input: $input) {
      ticketId
      ticketNo
      workOrderKey
      status
      emergency
      username
      approvalsRequired
      entries {
        applicationName
        businessTags {
          tagKey
          tagValue
        }
        success
        completed
      }
    }
  }
`;
export const approve = /* GraphQL */ `
  mutation ($input: ApproveInput!) {
    approve(input: $input) {
      status
      approvals {
        approver
        decision
        comment
      }
      entries {
        success
        completed
        token {
          valid
          expires
        }
      }
    }
  }
`;
export const reject = /* GraphQL */ `
  mutation ($input: RejectInput!) {
    reject(input: $input) {
      status
      endedAt
      approvals {
        approver
        decision
        comment
      }
    }
  }
`;
export const redeploy = /* GraphQL */ `
  mutation ($input: RedeployInput!) {
    redeploy(input: $input) {
      id
      rolloutStatus
      success
      errorMessage
    }
  }
`;
const operation = /* GraphQL */ `
  query ($id: ID!) {
    operation(id: $id) {
      ticketId
      ticketEntryId
      username
      applicationName
      namespace
      deploymentName
      previousImage
      currentImage
      previousReplicas
      currentReplicas
      rolloutStrategy
      operationStartTime
      operationEndTime
      durationSeconds
      success
      errorMessage
      rolloutStatus
      newPods
      terminatedPods
      cluster
      reason
      revision
      lastUpdateTime
      failures {
        pod
        reason
        message
        doomed
      }
      events(first: 100) {
        edges {
          node {
            sequence
            status
          }
        }
      }
    }
  }
`;
const auditTrail = /* GraphQL */ `
  query ($ticketNo: String!) {
    ticket(ticketNo: $ticketNo) {
      ticketId
      status
      auditTrail(first: 100) {
        edges {
          node {
            level
            kind
            at
            username
            ticketNo
            applicationName
            operationId
            message
            sequence
          }
        }
      }
    }
  }
`;
