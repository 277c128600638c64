import { type DocumentNode, type ExecutionResult, getOperationAST, type GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Measurements, OperationKind } from '../domain/measurements.ts';

type Asked = { since: number; kind?: OperationKind };
type Results = AsyncIterator<ExecutionResult>;
type Execution = { args: { document: DocumentNode; operationName?: string | null; contextValue?: unknown } };

/**
 * Tells of GraphQL operations of what kind they were, how long they took and how they failed; nothing of the names that
 * clients choose. Each is known by its HTTP request, or by the payload that came over a WebSocket.
 */
export class GraphqlMeasures {
  private readonly measurements: Measurements | undefined;
  private readonly asked = new WeakMap<object, Asked>();

  constructor(measurements: Measurements | undefined) {
    this.measurements = measurements;
  }

  begin(request: object): void {
    this.asked.set(request, { since: performance.now() });
  }

  /** It is in order and will be carried out. */
  accept(request: object, document: DocumentNode, operationName: string | null | undefined): void {
    const asked = this.asked.get(request);
    const kind = getOperationAST(document, operationName)?.operation;
    if (asked && kind) asked.kind = kind;
  }

  answer(request: object): void {
    const { kind, since } = this.asked.get(request) ?? {};
    if (kind && since) this.measurements?.graphqlAnswered(kind, (performance.now() - since) / 1000);
  }

  /** With the errors as the client gets them. */
  fail(request: object, errors: readonly GraphQLError[] = []): void {
    const kind = this.asked.get(request)?.kind ?? 'unknown';
    const codes = new Set(errors.map(({ extensions }) => String(extensions['code'])));
    for (const code of codes) this.measurements?.graphqlFailed(kind, code);
  }

  /** For what goes over HTTP; to stand behind the plugins that change results. */
  plugin(): Plugin {
    const accept = ({ args }: Execution): void => {
      this.accept((args.contextValue as { request: Request }).request, args.document, args.operationName);
    };
    return {
      onParams: ({ request }) => this.begin(request),
      onExecute: (execution) => accept(execution),
      onSubscribe: (execution) => accept(execution),
      onExecutionResult: (execution) => {
        const { request, result } = execution;
        if (!result || !(Symbol.asyncIterator in result)) return;
        execution.setResult(this.follow(request, result[Symbol.asyncIterator]() as Results));
      },
      onResultProcess: ({ request, result }) => {
        this.answer(request);
        if ('errors' in result) this.fail(request, result.errors);
      },
    };
  }

  private follow(request: object, results: Results): AsyncIterableIterator<ExecutionResult> {
    const followed: AsyncIterableIterator<ExecutionResult> = {
      next: async () => {
        const result = await results.next();
        if (!result.done) this.fail(request, result.value.errors);
        return result;
      },
      return: async () => (await results.return?.()) ?? { done: true, value: undefined },
      [Symbol.asyncIterator]: () => followed,
    };
    return followed;
  }
}
