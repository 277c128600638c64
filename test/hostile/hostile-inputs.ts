import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildSchema,
  getNamedType,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  parse,
  print,
  typeFromAST,
} from 'graphql';
import type { Chance } from '../support/chance.ts';
import type { HostilePlace } from './hostile-world.ts';
import { nastyText, nastyValue } from './nasty-values.ts';

const root = join(import.meta.dirname, '../..');
const schema = buildSchema(readFileSync(join(root, 'schema.graphql'), 'utf8'));

type OperationType = 'query' | 'mutation' | 'subscription';
type Variable = { name: string; type: GraphQLInputType; path: string };

/** One operation with its variables' types, to be asked with values that fit it or with ones that do not. */
export type Asked = { type: OperationType; field: string; document: string; variables: Variable[] };

const textOf = (field: GraphQLField<unknown, unknown>): string => {
  const type = getNamedType(field.type);
  if (isLeafType(type)) return field.name;
  return `${field.name} { __typename ${leavesOf(type)} }`;
};

const leavesOf = (type: GraphQLOutputType): string =>
  isObjectType(type)
    ? Object.values(type.getFields())
        .filter((field) => isLeafType(getNamedType(field.type)) && field.args.length === 0)
        .map(({ name }) => name)
        .join(' ')
    : '';

/** Every root field of the schema with all its arguments: what is added to it is attacked without a word here. */
function wholeFields(type: OperationType, object: GraphQLObjectType): Asked[] {
  return Object.values(object.getFields()).map((field) => {
    const variables = field.args.map((arg) => ({ name: arg.name, type: arg.type, path: `${field.name}.${arg.name}` }));
    const declared = variables.map(({ name, type: of }) => `$${name}: ${String(of)}`).join(', ');
    const given = variables.map(({ name }) => `${name}: $${name}`).join(', ');
    const arguments_ = variables.length === 0 ? '' : `(${given})`;
    const selected = textOf(field).replace(field.name, `${field.name}${arguments_}`);
    return {
      type,
      field: field.name,
      variables,
      document: `${type} Whole${declared ? `(${declared})` : ''} { ${selected} }`,
    };
  });
}

/** The project's own documents, each operation with the fragments of its file. */
function ownDocuments(): Asked[] {
  const folder = join(root, 'src/documents');
  const files = readdirSync(folder).filter((file) => file.endsWith('.graphql'));
  return files.flatMap((file) => {
    const { definitions } = parse(readFileSync(join(folder, file), 'utf8'));
    const fragments = definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION).map(print);
    return definitions.flatMap((node) => {
      if (node.kind !== Kind.OPERATION_DEFINITION) return [];
      const [selected] = node.selectionSet.selections;
      const field = selected?.kind === Kind.FIELD ? selected.name.value : '';
      const variables = (node.variableDefinitions ?? []).map(({ variable, type }) => ({
        name: variable.name.value,
        type: typeFromAST(schema, type) as GraphQLInputType,
        path: `${field}.${variable.name.value}`,
      }));
      return [{ type: node.operation, field, variables, document: [print(node), ...fragments].join('\n') }];
    });
  });
}

export const documents: readonly Asked[] = ownDocuments();
export const rootFields: readonly Asked[] = [
  ...wholeFields('query', schema.getQueryType()!),
  ...wholeFields('mutation', schema.getMutationType()!),
  ...wholeFields('subscription', schema.getSubscriptionType()!),
];

/** Values of the right shape, with which a mutation is refused whoever sends it, but as late as can be. */
export class FittingInputs {
  readonly #place: HostilePlace;
  readonly #chance: Chance;

  constructor(place: HostilePlace, chance: Chance) {
    this.#place = place;
    this.#chance = chance;
  }

  of({ variables }: Asked): Record<string, unknown> {
    return Object.fromEntries(variables.map(({ name, type, path }) => [name, this.#valueOf(type, name, path)]));
  }

  #valueOf(type: GraphQLInputType, name: string, path: string): unknown {
    if (isNonNullType(type)) return this.#valueOf(type.ofType, name, path);
    const standing = this.#standing(path);
    if (standing !== undefined) return standing;
    if (isListType(type)) return [this.#valueOf(type.ofType, name, path)];
    if (isEnumType(type)) return this.#chance.oneOf(type.getValues()).name;
    if (!isInputObjectType(type)) return this.#leafOf(type.name, name);
    const fields = Object.values(type.getFields()).filter((field) => isNonNullType(field.type) || this.#chance.is(0.5));
    return Object.fromEntries(
      fields.map((field) => [field.name, this.#valueOf(field.type, field.name, `${path}.${field.name}`)]),
    );
  }

  /** Where it takes several parts, so that one that is exchanged leaves another by which the whole is refused. */
  #standing(path: string): unknown {
    const { paused, other } = this.#place;
    const targetOf = ({ namespace, deploymentName }: typeof paused) => ({ namespace, deploymentName });
    const standing: Record<string, unknown> = {
      'createTicket.input.entries': [paused.applicationName, 'nothing-of-this-name'].map((applicationName) => ({
        detail: { applicationName },
        expectedEffect: 'it answers again',
      })),
      'registerApplication.input.name': 'hostile-application',
      'registerApplication.input.targets': [targetOf(paused), targetOf(other)],
      'unregisterApplication.input.name': 'nothing-of-this-name',
      'revokeToken.input.username': 'nobody-of-this-name',
      // Together with images it would be refused as soon as it is read.
      'redeploy.input.rollbackTo': null,
      'preflight.input.rollbackTo': null,
      'redeploy.input.strategy': 'RollingUpdate',
      'preflight.input.strategy': 'RollingUpdate',
    };
    return standing[path];
  }

  #leafOf(type: string, name: string): unknown {
    if (type === 'Int') return 1 + this.#chance.below(20);
    if (type === 'Boolean') return this.#chance.is(0.5);
    if (type === 'DateTime') return '2026-11-23T03:00:00.000Z';
    if (type === 'JSONObject') return structuredClone(this.#place.manifest);
    const { paused, endedTicketNo, operationId, cluster } = this.#place;
    const texts: Record<string, string> = {
      ticketNo: endedTicketNo,
      applicationName: paused.applicationName,
      name: paused.applicationName,
      namespace: paused.namespace,
      deploymentName: paused.deploymentName,
      cluster,
      username: 'alice',
      id: operationId,
      operationId,
      image: 'web:v2',
      container: 'app',
    };
    return texts[name] ?? 'nobody of the on-call rota answers any more';
  }
}

/** Exchanges one part of the variables, wherever it lies, for what does not belong there. */
export function spoil(variables: Record<string, unknown>, chance: Chance): Record<string, unknown> {
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const walk = (holder: Record<string, unknown>): void => {
    for (const [key, value] of Object.entries(holder)) {
      places.push({ holder, key });
      if (typeof value === 'object' && value !== null) walk(value as Record<string, unknown>);
    }
  };
  walk(variables);
  if (places.length === 0 || chance.is(0.03)) return { ...variables, [nastyText(chance)]: nastyValue(chance) };
  const { holder, key } = chance.oneOf(places);
  const value = holder[key];
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && chance.is(0.5)) {
    const odd = chance.oneOf(['__proto__', 'constructor', 'id', nastyText(chance)]);
    Object.defineProperty(value, odd, {
      value: nastyValue(chance),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else if (chance.is(0.05)) delete holder[key];
  else holder[key] = typeof value === 'string' && chance.is(0.7) ? nastyText(chance) : nastyValue(chance);
  return variables;
}
