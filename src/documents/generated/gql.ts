/* eslint-disable */
import * as types from './graphql.ts';



/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "query Token($applicationName: String!) {\n  token(applicationName: $applicationName) {\n    valid\n    desc\n    expires\n    secondsRemaining\n  }\n}\n\nmutation Redeploy($input: RedeployInput!) {\n  redeploy(input: $input) {\n    id\n    rolloutStatus\n    errorMessage\n  }\n}\n\nsubscription RolloutStatus($operationId: ID!, $after: Int) {\n  rolloutStatus(operationId: $operationId, after: $after) {\n    sequence\n    status\n    message\n    replicas {\n      desired\n      updated\n      ready\n      available\n      old\n    }\n    newPods\n    terminatedPods\n    failures {\n      pod\n      reason\n      message\n    }\n  }\n}\n\nquery Operation($id: ID!) {\n  operation(id: $id) {\n    ticketId\n    ticketEntryId\n    username\n    applicationName\n    namespace\n    deploymentName\n    previousImage\n    currentImage\n    previousReplicas\n    currentReplicas\n    rolloutStrategy\n    operationStartTime\n    operationEndTime\n    durationSeconds\n    success\n    errorMessage\n    rolloutStatus\n    newPods\n    terminatedPods\n  }\n}": typeof types.TokenDocument,
    "query Viewer {\n  viewer {\n    username\n    roles\n    groups\n  }\n}\n\nquery Application($name: String!) {\n  application(name: $name) {\n    name\n    businessTags {\n      tagKey\n      tagValue\n    }\n    targets {\n      cluster\n      namespace\n      deploymentName\n    }\n  }\n}\n\nmutation RegisterApplication($input: RegisterApplicationInput!) {\n  registerApplication(input: $input) {\n    name\n  }\n}": typeof types.ViewerDocument,
    "mutation CreateTicket($input: CreateTicketInput!) {\n  createTicket(input: $input) {\n    ticketNo\n    status\n    approvalsRequired\n  }\n}\n\nmutation Approve($input: ApproveInput!) {\n  approve(input: $input) {\n    ticketNo\n    status\n    approvals {\n      approver\n      decision\n    }\n  }\n}\n\nmutation Reject($input: RejectInput!) {\n  reject(input: $input) {\n    ticketNo\n    status\n  }\n}\n\nquery AuditTrail($ticketNo: String!) {\n  ticket(ticketNo: $ticketNo) {\n    auditTrail(first: 100) {\n      edges {\n        node {\n          at\n          level\n          username\n          message\n        }\n      }\n    }\n  }\n}\n\nsubscription TicketChanged($ticketNo: String) {\n  ticketChanged(ticketNo: $ticketNo) {\n    ticketNo\n    status\n    result\n    username\n    reason\n  }\n}": typeof types.CreateTicketDocument,
};
const documents: Documents = {
    "query Token($applicationName: String!) {\n  token(applicationName: $applicationName) {\n    valid\n    desc\n    expires\n    secondsRemaining\n  }\n}\n\nmutation Redeploy($input: RedeployInput!) {\n  redeploy(input: $input) {\n    id\n    rolloutStatus\n    errorMessage\n  }\n}\n\nsubscription RolloutStatus($operationId: ID!, $after: Int) {\n  rolloutStatus(operationId: $operationId, after: $after) {\n    sequence\n    status\n    message\n    replicas {\n      desired\n      updated\n      ready\n      available\n      old\n    }\n    newPods\n    terminatedPods\n    failures {\n      pod\n      reason\n      message\n    }\n  }\n}\n\nquery Operation($id: ID!) {\n  operation(id: $id) {\n    ticketId\n    ticketEntryId\n    username\n    applicationName\n    namespace\n    deploymentName\n    previousImage\n    currentImage\n    previousReplicas\n    currentReplicas\n    rolloutStrategy\n    operationStartTime\n    operationEndTime\n    durationSeconds\n    success\n    errorMessage\n    rolloutStatus\n    newPods\n    terminatedPods\n  }\n}": types.TokenDocument,
    "query Viewer {\n  viewer {\n    username\n    roles\n    groups\n  }\n}\n\nquery Application($name: String!) {\n  application(name: $name) {\n    name\n    businessTags {\n      tagKey\n      tagValue\n    }\n    targets {\n      cluster\n      namespace\n      deploymentName\n    }\n  }\n}\n\nmutation RegisterApplication($input: RegisterApplicationInput!) {\n  registerApplication(input: $input) {\n    name\n  }\n}": types.ViewerDocument,
    "mutation CreateTicket($input: CreateTicketInput!) {\n  createTicket(input: $input) {\n    ticketNo\n    status\n    approvalsRequired\n  }\n}\n\nmutation Approve($input: ApproveInput!) {\n  approve(input: $input) {\n    ticketNo\n    status\n    approvals {\n      approver\n      decision\n    }\n  }\n}\n\nmutation Reject($input: RejectInput!) {\n  reject(input: $input) {\n    ticketNo\n    status\n  }\n}\n\nquery AuditTrail($ticketNo: String!) {\n  ticket(ticketNo: $ticketNo) {\n    auditTrail(first: 100) {\n      edges {\n        node {\n          at\n          level\n          username\n          message\n        }\n      }\n    }\n  }\n}\n\nsubscription TicketChanged($ticketNo: String) {\n  ticketChanged(ticketNo: $ticketNo) {\n    ticketNo\n    status\n    result\n    username\n    reason\n  }\n}": types.CreateTicketDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Token($applicationName: String!) {\n  token(applicationName: $applicationName) {\n    valid\n    desc\n    expires\n    secondsRemaining\n  }\n}\n\nmutation Redeploy($input: RedeployInput!) {\n  redeploy(input: $input) {\n    id\n    rolloutStatus\n    errorMessage\n  }\n}\n\nsubscription RolloutStatus($operationId: ID!, $after: Int) {\n  rolloutStatus(operationId: $operationId, after: $after) {\n    sequence\n    status\n    message\n    replicas {\n      desired\n      updated\n      ready\n      available\n      old\n    }\n    newPods\n    terminatedPods\n    failures {\n      pod\n      reason\n      message\n    }\n  }\n}\n\nquery Operation($id: ID!) {\n  operation(id: $id) {\n    ticketId\n    ticketEntryId\n    username\n    applicationName\n    namespace\n    deploymentName\n    previousImage\n    currentImage\n    previousReplicas\n    currentReplicas\n    rolloutStrategy\n    operationStartTime\n    operationEndTime\n    durationSeconds\n    success\n    errorMessage\n    rolloutStatus\n    newPods\n    terminatedPods\n  }\n}"): typeof import('./graphql.ts').TokenDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Viewer {\n  viewer {\n    username\n    roles\n    groups\n  }\n}\n\nquery Application($name: String!) {\n  application(name: $name) {\n    name\n    businessTags {\n      tagKey\n      tagValue\n    }\n    targets {\n      cluster\n      namespace\n      deploymentName\n    }\n  }\n}\n\nmutation RegisterApplication($input: RegisterApplicationInput!) {\n  registerApplication(input: $input) {\n    name\n  }\n}"): typeof import('./graphql.ts').ViewerDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateTicket($input: CreateTicketInput!) {\n  createTicket(input: $input) {\n    ticketNo\n    status\n    approvalsRequired\n  }\n}\n\nmutation Approve($input: ApproveInput!) {\n  approve(input: $input) {\n    ticketNo\n    status\n    approvals {\n      approver\n      decision\n    }\n  }\n}\n\nmutation Reject($input: RejectInput!) {\n  reject(input: $input) {\n    ticketNo\n    status\n  }\n}\n\nquery AuditTrail($ticketNo: String!) {\n  ticket(ticketNo: $ticketNo) {\n    auditTrail(first: 100) {\n      edges {\n        node {\n          at\n          level\n          username\n          message\n        }\n      }\n    }\n  }\n}\n\nsubscription TicketChanged($ticketNo: String) {\n  ticketChanged(ticketNo: $ticketNo) {\n    ticketNo\n    status\n    result\n    username\n    reason\n  }\n}"): typeof import('./graphql.ts').CreateTicketDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
