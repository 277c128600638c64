import { compileQuery, isCompiledQuery } from 'graphql-jit';
import {
  execute as executeOrdinarily,
  type ExecutionArgs,
  type ExecutionResult,
  executeSubscriptionEvent,
  getOperationAST,
  GraphQLError,
  type OperationDefinitionNode,
  type Source,
  validateExecutionArgs,
  type ValidatedSubscriptionArgs,
} from 'graphql';
import documents from '../documents/generated/persisted-documents.json' with { type: 'json' };
import { RedeployError } from '../domain/errors.ts';

/*
 * The project's own documents are trusted: a client may name one by its hash instead of sending it, and but for mutations
 * they are compiled to code, which is much cheaper to carry out. Nothing else is compiled: that takes far longer than one
 * request, runs what it makes, and keeps it. Everybody's rights and limits are the same with them.
 */

const texts = new Map(Object.entries(documents).map(([id, text]) => [id.replace('sha256:', ''), text]));
const trusted: ReadonlySet<string> = new Set(texts.values());

/** What a request says beside its document, as Apollo's clients send it. */
type Extensions = { persistedQuery?: { sha256Hash?: unknown } | null } | null;

/** The text of a document that is only named; undefined where none is. Throws NOT_FOUND for what is none of ours. */
export function namedDocument(query: unknown, extensions: unknown): string | undefined {
  const hash = (extensions as Extensions | undefined)?.persistedQuery?.sha256Hash;
  if (hash === undefined || query) return undefined;
  const text = typeof hash === 'string' ? texts.get(hash) : undefined;
  if (text !== undefined) return text;
  // Clients know this message, and send the document itself.
  throw new RedeployError('NOT_FOUND', 'PersistedQueryNotFound', { advice: 'Send the document itself.' });
}

type Execute = (root: unknown, context: unknown, variables: ExecutionArgs['variableValues']) => unknown;
const compiled = new Map<string, Execute | null>();

export const isTrusted = ({ loc }: OperationDefinitionNode): boolean =>
  loc !== undefined && trusted.has(loc.source.body);

type Answer = ExecutionResult | Promise<ExecutionResult>;

/** Carries a document out; what is not ours, or is asked for with wrong variables, as it is done ordinarily. */
export function execute(args: ExecutionArgs, ordinarily: (args: ExecutionArgs) => Answer = executeOrdinarily): Answer {
  const carryOut = compiledOf(args);
  return carryOut && 'schema' in validateExecutionArgs(args) ? carryOut(args.rootValue) : ordinarily(args);
}

/** What a subscription, whose arguments were found to be right, tells of each event. */
export function eventsToResults(args: ExecutionArgs, validated: ValidatedSubscriptionArgs): (event: unknown) => Answer {
  return compiledOf(args) ?? ((event) => executeSubscriptionEvent({ ...validated, rootValue: event }));
}

/** Null where the document is not ours. */
function compiledOf(args: ExecutionArgs): ((root: unknown) => Answer) | null {
  const source = args.document.loc?.source;
  const carryOut = source && trusted.has(source.body) ? codeOf(args, source.body) : null;
  if (!carryOut) return null;
  const finish = (done: unknown) => withGraphqlErrors(done as ExecutionResult, source!);
  return (root) => {
    const result = carryOut(root, args.contextValue, args.variableValues);
    return result instanceof Promise ? result.then(finish) : finish(result);
  };
}

/** Null of a mutation: of what changes something the executor is the least part. */
function codeOf({ schema, document }: ExecutionArgs, text: string): Execute | null {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const query = getOperationAST(document)?.operation === 'mutation' ? null : compileQuery(schema, document, '');
  const carryOut = query && isCompiledQuery(query) ? (query.query as Execute) : null;
  compiled.set(text, carryOut);
  return carryOut;
}

/** Its errors know lines and columns, but not of what. */
function withGraphqlErrors(result: ExecutionResult, source: Source): ExecutionResult {
  if (!result.errors) return result;
  const lines = source.body.split('\n');
  const errors = result.errors.map(
    ({ message, locations = [], path, originalError }) =>
      new GraphQLError(message, {
        source,
        positions: locations.map(
          ({ line, column }) => lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0) + column - 1,
        ),
        path,
        originalError,
      }),
  );
  return { errors, data: result.data };
}
