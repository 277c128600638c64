/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** The guide's detail object as it stands. The registry is the authority on tags. */
export type ApplicationDetailInput = {
  /** A registered application. */
  applicationName: string;
  /** Tags that the caller believes to stand; one that differs from the registry is INVALID_INPUT naming both values. */
  businessTags?: Array<DetailTagInput> | null | undefined;
  /** The application's number in the caller's own books; not used. */
  id?: number | null | undefined;
  /** The same as applicationName, where given. */
  name?: string | null | undefined;
};

/** An approval of a ticket. */
export type ApproveInput = {
  /** For the record; at most 2,000 characters. */
  comment?: string | null | undefined;
  /** The ticket's number for people. */
  ticketNo: string;
};

/** What a record is about. */
export type AuditLevel =
  /** One entry of a ticket. */
  | 'ENTRY'
  /** A Kubernetes object, from what the watch saw. */
  | 'KUBERNETES'
  /** A redeployment. */
  | 'OPERATION'
  /** The service itself: its registry, requests that it refused, and the record. */
  | 'SERVICE'
  /** A ticket as a whole. */
  | 'TICKET'
  /** A redeploy token. */
  | 'TOKEN';

/** A tag of an application. */
export type BusinessTagInput = {
  /** For example env; at most 63 characters. */
  tagKey: string;
  /** For example production; at most 253 characters. */
  tagValue: string;
};

/** An image for a container of the Deployment. */
export type ContainerImageInput = {
  /** The container's name; INVALID_INPUT where there is none. */
  container: string;
  /** repository[:tag][@digest]; FORBIDDEN for a repository that the container has not now and the application does not list. */
  image: string;
};

/** A request to redeploy. */
export type CreateTicketInput = {
  /** Why. */
  category: TicketCategory;
  /** One per application; 1 to 20, no application twice. */
  entries: Array<TicketEntryInput>;
  /** What happened, for the people who decide; at most 2,000 characters. */
  reason: string;
  /** APPLICATION_REDEPLOY. */
  workOrderKey: WorkOrderKey;
};

/** One person's decision on a ticket. */
export type Decision =
  /** Yes. */
  | 'APPROVED'
  /** No; one is enough. */
  | 'REJECTED';

/** One element of the guide's businessTags. */
export type DetailTagInput = {
  /** The tag. */
  tag: BusinessTagInput;
};

/** Who may redeploy the application: at least one user or group. */
export type OwnersInput = {
  /** Groups of the groups claim; none when left out. */
  groups?: Array<string> | null | undefined;
  /** Usernames; none when left out. */
  users?: Array<string> | null | undefined;
};

/** What to redeploy: a restart, or with images or rollbackTo (not both) an image update or a rollback. The target may be left out as far as the application has only one. */
export type RedeployInput = {
  /** The application; the viewer must have a valid token for it. */
  applicationName: string;
  /** The name of a kubeconfig context. */
  cluster?: string | null | undefined;
  /** The Deployment. */
  deploymentName?: string | null | undefined;
  /** The containers that get another image, each once. */
  images?: Array<ContainerImageInput> | null | undefined;
  /** The namespace. */
  namespace?: string | null | undefined;
  /** Why, for the record; at most 2,000 characters. */
  reason?: string | null | undefined;
  /** The caller's own key for this request, at most 128 characters: sent again, it answers with the same operation and restarts nothing. */
  requestId?: string | null | undefined;
  /** Back to an older revision; an empty object: the last. */
  rollbackTo?: RollbackInput | null | undefined;
  /** What the caller believes the Deployment's strategy to be; CONFLICT where it is another. */
  strategy?: RolloutStrategy | null | undefined;
};

/** What a redeploy changes. */
export type RedeployType =
  /** The missing Deployment is created from the approved manifest. */
  | 'CREATE'
  /** The images of named containers, which restarts the pods. */
  | 'IMAGE_UPDATE'
  /** Nothing but the pods: kubectl rollout restart. */
  | 'RESTART'
  /** The whole pod template, to an older revision's: kubectl rollout undo. */
  | 'ROLLBACK';

/** An application as it shall stand in the registry. */
export type RegisterApplicationInput = {
  /** Each key once; none when left out. critical:true asks for two approvals. */
  businessTags?: Array<BusinessTagInput> | null | undefined;
  /** Repositories that an image may be changed to, beside the one that it has, as written in the image; none when left out, at most 50. */
  imageRepositories?: Array<string> | null | undefined;
  /** A Deployment (apps/v1) to create where a target is missing, at most 100,000 characters; its name and namespace those of every target, or left out. None when left out. */
  manifest?: Record<string, unknown> | null | undefined;
  /** A DNS label. Registering a known name replaces its registration. */
  name: string;
  /** Who may redeploy it. */
  owners: OwnersInput;
  /** Where it runs; 1 to 20. */
  targets: Array<TargetInput>;
};

/** A rejection of a ticket. */
export type RejectInput = {
  /** For the record; at most 2,000 characters. */
  comment?: string | null | undefined;
  /** The ticket's number for people. */
  ticketNo: string;
};

/** What a person may do, as the roles claim of the sign-in token says. Other values of the claim are ignored. */
export type Role =
  /** May register applications, read everything and do what APPLICATION_DEPLOYER may for every application. Does not imply APPROVER. */
  | 'ADMIN'
  /** May ask for tickets and redeploy, for applications that the person or a group of theirs owns. */
  | 'APPLICATION_DEPLOYER'
  /** May approve and reject other people's tickets, and read everything but auditRecords; a ticket's records are in its auditTrail. */
  | 'APPROVER'
  /** May read everything. */
  | 'AUDITOR'
  /** Beside APPLICATION_DEPLOYER: may take the tokens of an own ticket that nobody decides, where its policy allows that; somebody else reviews it afterwards. */
  | 'BREAK_GLASS';

/** Which revision to go back to. */
export type RollbackInput = {
  /** As rolloutHistory lists it; the one before the present when left out. */
  revision?: number | null | undefined;
};

/** Where a rollout stands. COMPLETED, FAILED, TIMED_OUT and SUPERSEDED are final. */
export type RolloutStatus =
  /** Done and verified. */
  | 'COMPLETED'
  /** Kubernetes refused it, every new pod is doomed, or the object was deleted. */
  | 'FAILED'
  /** Kubernetes has the change and replaces pods. */
  | 'PROGRESSING'
  /** Stored; the change is on its way to Kubernetes. */
  | 'STARTED'
  /** A newer change of the pod template replaced it. */
  | 'SUPERSEDED'
  /** Kubernetes' progress deadline passed, or the service's own. */
  | 'TIMED_OUT'
  /** Kubernetes says done; the new pods must all be ready and the old ones gone. */
  | 'VERIFYING';

/** The Deployment's own spec.strategy.type; it is never changed here. */
export type RolloutStrategy =
  /** All old pods end before new ones start: the application is down meanwhile. */
  | 'Recreate'
  /** Pods are replaced step by step. */
  | 'RollingUpdate';

/** One Deployment. */
export type TargetInput = {
  /** The name of a kubeconfig context of the service; may be left out where there is one. */
  cluster?: string | null | undefined;
  /** The Deployment's name; it need not exist yet. */
  deploymentName: string;
  /** A Kubernetes namespace. */
  namespace: string;
};

/** Why an emergency redeploy is asked for. Not for planned releases, functional tests, performance tests, routine maintenance, or scaling. */
export type TicketCategory =
  /** A severe fault in production is mended. Planned releases do not belong here. */
  | 'BUG_FIX'
  /** A changed configuration takes effect with a restart. Routine maintenance does not belong here. */
  | 'CONFIG_CHANGE'
  /** A leak is relieved by a restart. A change of the number of replicas does not belong here. */
  | 'MEMORY_LEAK'
  /** An urgent performance problem is mended. Functional and performance tests do not belong here. */
  | 'PERFORMANCE'
  /** Back to a version that worked. */
  | 'ROLLBACK'
  /** An urgent vulnerability is closed. */
  | 'SECURITY_PATCH';

/** One application to redeploy. */
export type TicketEntryInput = {
  /** The application. */
  detail: ApplicationDetailInput;
  /** What will be better afterwards; at most 2,000 characters. */
  expectedEffect?: string | null | undefined;
  /** What will be done if it goes wrong; at most 2,000 characters. */
  rollbackPlan?: string | null | undefined;
};

/** Which tickets; what is left out does not narrow the list. */
export type TicketFilter = {
  /** With an entry for this application. */
  applicationName?: string | null | undefined;
  /** With true: pending ones to which the viewer's approval would add something that is missing. None for those who are no APPROVER, none of one's own, and none of somebody of the same username. */
  awaitingMyDecision?: boolean | null | undefined;
  /** Of one of these categories. */
  category?: Array<TicketCategory> | null | undefined;
  /** Created then or later. */
  createdAfter?: string | null | undefined;
  /** Created before. */
  createdBefore?: string | null | undefined;
  /** With true: those whose glass was broken and that nobody else has reviewed yet, in whatever status. */
  openReview?: boolean | null | undefined;
  /** In one of these statuses. */
  status?: Array<TicketStatus> | null | undefined;
  /** Of this requester. */
  username?: string | null | undefined;
};

/** What a completed ticket led to. */
export type TicketResult =
  /** No operation was COMPLETED. */
  | 'FAILED'
  /** Some were, some were not. */
  | 'MIXED'
  /** Every operation was COMPLETED. */
  | 'SUCCEEDED'
  /** Nothing was redeployed. */
  | 'UNUSED';

/** Where a ticket stands. */
export type TicketStatus =
  /** Decided; the tokens are being issued, for 30 seconds at most. */
  | 'APPROVED'
  /** Its tokens are live: the requester may redeploy. */
  | 'AUTHORIZED'
  /** The requester took it back. */
  | 'CANCELLED'
  /** No token is live and nothing is unfinished; see result. */
  | 'COMPLETED'
  /** Nobody decided in time. */
  | 'EXPIRED'
  /** Approved, but its tokens could not be issued; they are void. */
  | 'FAILED'
  /** Waits for the people who decide. */
  | 'PENDING_APPROVAL'
  /** An operation of it is unfinished. */
  | 'REDEPLOYING'
  /** Somebody said no. */
  | 'REJECTED';

/** The kind of work order. */
export type WorkOrderKey =
  /** Emergency redeploy of applications; business type APPLICATION. */
  | 'APPLICATION_REDEPLOY';

export type TokenQueryVariables = Exact<{
  applicationName: string;
}>;


export type TokenQuery = { token: { valid: boolean, desc: string, expires: string | null, secondsRemaining: number } };

export type RedeployMutationVariables = Exact<{
  input: RedeployInput;
}>;


export type RedeployMutation = { redeploy: { id: string, rolloutStatus: RolloutStatus, errorMessage: string | null } };

export type RolloutStatusSubscriptionVariables = Exact<{
  operationId: string | number;
  after?: number | null | undefined;
}>;


export type RolloutStatusSubscription = { rolloutStatus: { sequence: number, status: RolloutStatus, message: string, newPods: Array<string>, terminatedPods: Array<string>, replicas: { desired: number, updated: number, ready: number, available: number, old: number }, failures: Array<{ pod: string | null, container: string | null, reason: string, message: string, exitCode: number | null, restarts: number, doomed: boolean, advice: string, log: string | null }> } };

export type OperationQueryVariables = Exact<{
  id: string | number;
}>;


export type OperationQuery = { operation: { ticketId: number, ticketEntryId: number, username: string, applicationName: string, namespace: string, deploymentName: string, previousImage: string, currentImage: string | null, previousReplicas: number, currentReplicas: number | null, rolloutStrategy: string, operationStartTime: string, operationEndTime: string | null, durationSeconds: number | null, success: boolean | null, errorMessage: string | null, rolloutStatus: RolloutStatus, newPods: Array<string>, terminatedPods: Array<string> } | null };

export type PreflightQueryVariables = Exact<{
  input: RedeployInput;
}>;


export type PreflightQuery = { preflight: { type: RedeployType | null, message: string, refusal: { code: string, message: string, advice: string | null, retryAfterSeconds: number | null } | null, warnings: Array<{ reason: string, message: string, advice: string }> } };

export type RolloutHistoryQueryVariables = Exact<{
  applicationName: string;
}>;


export type RolloutHistoryQuery = { rolloutHistory: Array<{ revision: number, isCurrent: boolean, createdAt: string, changeCause: string | null, images: Array<{ container: string, image: string }> }> };

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { username: string, roles: Array<Role>, groups: Array<string> } };

export type ApplicationQueryVariables = Exact<{
  name: string;
}>;


export type ApplicationQuery = { application: { name: string, businessTags: Array<{ tagKey: string, tagValue: string }>, targets: Array<{ cluster: string, namespace: string, deploymentName: string }> } | null };

export type RegisterApplicationMutationVariables = Exact<{
  input: RegisterApplicationInput;
}>;


export type RegisterApplicationMutation = { registerApplication: { name: string } };

export type CreateTicketMutationVariables = Exact<{
  input: CreateTicketInput;
}>;


export type CreateTicketMutation = { createTicket: { ticketNo: string, status: TicketStatus, approvalsRequired: number } };

export type ApproveMutationVariables = Exact<{
  input: ApproveInput;
}>;


export type ApproveMutation = { approve: { ticketNo: string, status: TicketStatus, approvals: Array<{ approver: string, decision: Decision }> } };

export type RejectMutationVariables = Exact<{
  input: RejectInput;
}>;


export type RejectMutation = { reject: { ticketNo: string, status: TicketStatus } };

export type AuditTrailQueryVariables = Exact<{
  ticketNo: string;
}>;


export type AuditTrailQuery = { ticket: { auditTrail: { edges: Array<{ node:
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
          | { at: string, level: AuditLevel, username: string | null, message: string }
         }> } } | null };

export type TicketChangedSubscriptionVariables = Exact<{
  ticketNo?: string | null | undefined;
}>;


export type TicketChangedSubscription = { ticketChanged: { ticketNo: string, status: TicketStatus, result: TicketResult | null, username: string, reason: string } };

export type TicketsQueryVariables = Exact<{
  first?: number | null | undefined;
  after?: string | null | undefined;
  filter?: TicketFilter | null | undefined;
}>;


export type TicketsQuery = { tickets: { edges: Array<{ node: { ticketNo: string, status: TicketStatus, result: TicketResult | null, category: TicketCategory, username: string, reason: string, createdAt: string, entries: Array<{ applicationName: string, success: boolean | null, completed: boolean, errorMessage: string | null, businessTags: Array<{ tagKey: string, tagValue: string }>, application: { name: string, updatedAt: string, owners: { users: Array<string>, groups: Array<string> } } | null, token: { expires: string | null, valid: boolean } | null }>, approvals: Array<{ approver: string, decision: Decision, comment: string | null, at: string }>, operations: { edges: Array<{ node: { applicationName: string, rolloutStatus: RolloutStatus, previousImage: string, currentImage: string | null, operationStartTime: string, operationEndTime: string | null, durationSeconds: number | null, success: boolean | null, errorMessage: string | null, newPods: Array<string> } }> } } }>, pageInfo: { hasNextPage: boolean, endCursor: string | null } } };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}

export const TokenDocument = new TypedDocumentString(`
    query Token($applicationName: String!) {
  token(applicationName: $applicationName) {
    valid
    desc
    expires
    secondsRemaining
  }
}
    `, {"hash":"sha256:1af1e9287ca8f5fa4c888b449dd73a40fa2c4483d69c7d31284cc61c7123ac43"}) as unknown as TypedDocumentString<TokenQuery, TokenQueryVariables>;
export const RedeployDocument = new TypedDocumentString(`
    mutation Redeploy($input: RedeployInput!) {
  redeploy(input: $input) {
    id
    rolloutStatus
    errorMessage
  }
}
    `, {"hash":"sha256:27ab4727a5d224bd8bb6edd0c2dbe00b85bcb8024edd36e4b60f51b49f2fcda4"}) as unknown as TypedDocumentString<RedeployMutation, RedeployMutationVariables>;
export const RolloutStatusDocument = new TypedDocumentString(`
    subscription RolloutStatus($operationId: ID!, $after: Int) {
  rolloutStatus(operationId: $operationId, after: $after) {
    sequence
    status
    message
    replicas {
      desired
      updated
      ready
      available
      old
    }
    newPods
    terminatedPods
    failures {
      pod
      container
      reason
      message
      exitCode
      restarts
      doomed
      advice
      log
    }
  }
}
    `, {"hash":"sha256:6e9b7dbd1ebb3d2c0380fad3af2685f6864cc6d48069a17692a04569f4b8ebec"}) as unknown as TypedDocumentString<RolloutStatusSubscription, RolloutStatusSubscriptionVariables>;
export const OperationDocument = new TypedDocumentString(`
    query Operation($id: ID!) {
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
  }
}
    `, {"hash":"sha256:d26cb7ebc8207b1c80d8a80808a9857cc9bc243416bda9d9b5be9c878174067e"}) as unknown as TypedDocumentString<OperationQuery, OperationQueryVariables>;
export const PreflightDocument = new TypedDocumentString(`
    query Preflight($input: RedeployInput!) {
  preflight(input: $input) {
    type
    message
    refusal {
      code
      message
      advice
      retryAfterSeconds
    }
    warnings {
      reason
      message
      advice
    }
  }
}
    `, {"hash":"sha256:d034f7a98785d80d88fa1417ca852382a147d14021e58b389f2c6fcf71e63247"}) as unknown as TypedDocumentString<PreflightQuery, PreflightQueryVariables>;
export const RolloutHistoryDocument = new TypedDocumentString(`
    query RolloutHistory($applicationName: String!) {
  rolloutHistory(applicationName: $applicationName) {
    revision
    isCurrent
    images {
      container
      image
    }
    createdAt
    changeCause
  }
}
    `, {"hash":"sha256:7c5abe95a10b1215f28c807153877889eab9448a1343b0e99f2403c23a0ce72c"}) as unknown as TypedDocumentString<RolloutHistoryQuery, RolloutHistoryQueryVariables>;
export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    username
    roles
    groups
  }
}
    `, {"hash":"sha256:f01e3de38c77b07f31ec1a951381132ba165e3c5decc0aaf3665b8710e48141c"}) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const ApplicationDocument = new TypedDocumentString(`
    query Application($name: String!) {
  application(name: $name) {
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
    `, {"hash":"sha256:ddbcd57d20c2a488e1e2627f48914723283a940b5eff96db6b26aefc2631ee55"}) as unknown as TypedDocumentString<ApplicationQuery, ApplicationQueryVariables>;
export const RegisterApplicationDocument = new TypedDocumentString(`
    mutation RegisterApplication($input: RegisterApplicationInput!) {
  registerApplication(input: $input) {
    name
  }
}
    `, {"hash":"sha256:7f7db40ab15c4e542f291da9b300028b2a1ddc4fc0ebf69178f70044f937dfc2"}) as unknown as TypedDocumentString<RegisterApplicationMutation, RegisterApplicationMutationVariables>;
export const CreateTicketDocument = new TypedDocumentString(`
    mutation CreateTicket($input: CreateTicketInput!) {
  createTicket(input: $input) {
    ticketNo
    status
    approvalsRequired
  }
}
    `, {"hash":"sha256:83d7e34a66746073f67cc2ea2631201af5cc3e669d0e038004f56e43ad638d75"}) as unknown as TypedDocumentString<CreateTicketMutation, CreateTicketMutationVariables>;
export const ApproveDocument = new TypedDocumentString(`
    mutation Approve($input: ApproveInput!) {
  approve(input: $input) {
    ticketNo
    status
    approvals {
      approver
      decision
    }
  }
}
    `, {"hash":"sha256:3b358dd5632c934d8e71798917b744a16fb7d77674487c112b7ff35abca7cfc2"}) as unknown as TypedDocumentString<ApproveMutation, ApproveMutationVariables>;
export const RejectDocument = new TypedDocumentString(`
    mutation Reject($input: RejectInput!) {
  reject(input: $input) {
    ticketNo
    status
  }
}
    `, {"hash":"sha256:98784308836ee4ef4e476324e1e85acf4ce43e4a131e63318ce05341fcc90b01"}) as unknown as TypedDocumentString<RejectMutation, RejectMutationVariables>;
export const AuditTrailDocument = new TypedDocumentString(`
    query AuditTrail($ticketNo: String!) {
  ticket(ticketNo: $ticketNo) {
    auditTrail(first: 100) {
      edges {
        node {
          at
          level
          username
          message
        }
      }
    }
  }
}
    `, {"hash":"sha256:8c176137b026804e349b57c57f84988aaa3029b47fbe3fa9091d713174d01a4a"}) as unknown as TypedDocumentString<AuditTrailQuery, AuditTrailQueryVariables>;
export const TicketChangedDocument = new TypedDocumentString(`
    subscription TicketChanged($ticketNo: String) {
  ticketChanged(ticketNo: $ticketNo) {
    ticketNo
    status
    result
    username
    reason
  }
}
    `, {"hash":"sha256:7576c1a8a6dd00843a504384b570730ccbe107d838f4ab9cb17c8ac0f988230d"}) as unknown as TypedDocumentString<TicketChangedSubscription, TicketChangedSubscriptionVariables>;
export const TicketsDocument = new TypedDocumentString(`
    query Tickets($first: Int, $after: String, $filter: TicketFilter) {
  tickets(first: $first, after: $after, filter: $filter) {
    edges {
      node {
        ticketNo
        status
        result
        category
        username
        reason
        createdAt
        entries {
          applicationName
          businessTags {
            tagKey
            tagValue
          }
          success
          completed
          errorMessage
          application {
            name
            owners {
              users
              groups
            }
            updatedAt
          }
          token {
            expires
            valid
          }
        }
        approvals {
          approver
          decision
          comment
          at
        }
        operations(first: 5) {
          edges {
            node {
              applicationName
              rolloutStatus
              previousImage
              currentImage
              operationStartTime
              operationEndTime
              durationSeconds
              success
              errorMessage
              newPods
            }
          }
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
    `, {"hash":"sha256:227b49b63439adec8111a901bfc977115ab04639f95545e4dd809c3e55dbce59"}) as unknown as TypedDocumentString<TicketsQuery, TicketsQueryVariables>;