import {
  getNamedType,
  type GraphQLField,
  type GraphQLInterfaceType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
} from 'graphql';
import { RedeployError } from '../domain/errors.ts';
import { linkRules, objectRules, parts, rootRules, type Rule } from './access.ts';
import type { Context } from './context.ts';

type Outputs = GraphQLObjectType<unknown, Context> | GraphQLInterfaceType<unknown, Context>;
type Field = GraphQLField<unknown, Context>;

/**
 * The schema with its rules: they are told in the descriptions, and what roles decide is decided before the field is
 * resolved. Throws where something has no rule, and where a rule is of something that there is not.
 */
export function guardedSchema(schema: GraphQLSchema): GraphQLSchema {
  const missing: string[] = [];
  const used = new Set<string>();
  const take = <R>(rules: Readonly<Record<string, R>>, name: string, what = name): R | undefined => {
    if (Object.hasOwn(rules, name)) used.add(what);
    else missing.push(what);
    return rules[name];
  };
  for (const [operation, rules] of Object.entries(rootRules)) {
    for (const field of fieldsOf(schema.getType(operation) as Outputs)) {
      const rule = take(rules, field.name, `${operation}.${field.name}`);
      if (rule) guard(field, rule, operation);
    }
  }
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isOutput(type) || type.name.startsWith('__') || type.name in rootRules) continue;
    if (parts.includes(type.name)) used.add(type.name);
    else if (!type.getInterfaces().some(({ name }) => name === 'AuditRecord')) {
      const readers = take(objectRules, type.name);
      if (readers) type.description = `${type.description} Read by ${readers}.`;
    }
    for (const field of fieldsOf(type)) {
      if (/(Connection|Edge)$/.test(type.name) || !hasOwnRule(field)) continue;
      const declaring = type.getInterfaces().find((one) => field.name in one.getFields()) ?? type;
      const readers = take(linkRules, `${declaring.name}.${field.name}`);
      if (readers) field.description = `${field.description} For ${readers}.`;
    }
  }
  const roots = Object.entries(rootRules).flatMap(([type, rules]) =>
    Object.keys(rules).map((name) => `${type}.${name}`),
  );
  const astray = [...roots, ...Object.keys(objectRules), ...Object.keys(linkRules), ...parts].filter(
    (name) => !used.has(name),
  );
  if (missing.length > 0) throw new Error(`access.ts says of nobody that they may have ${missing.join(', ')}`);
  if (astray.length > 0) throw new Error(`access.ts has rules for what there is not: ${astray.join(', ')}`);
  return schema;
}

function guard(field: Field, rule: Rule, operation: string): void {
  field.description = `${field.description} For ${rule.for}.`;
  if (!rule.may) return;
  const { may, refusal, advice } = rule;
  const step = operation === 'Subscription' ? 'subscribe' : 'resolve';
  const { [step]: answer } = field;
  if (!answer) throw new Error(`${operation}.${field.name} has nothing to guard`);
  field[step] = (source, args, ctx, info) => {
    if (may(ctx.actor)) return answer(source, args, ctx, info);
    const error = new RedeployError('FORBIDDEN', refusal, advice === undefined ? {} : { advice });
    if (operation === 'Mutation') return ctx.refuse(field.name, error);
    throw error;
  };
}

const isOutput = (type: GraphQLNamedType): type is Outputs => isObjectType(type) || isInterfaceType(type);
const fieldsOf = (type: Outputs): Field[] => Object.values(type.getFields());

/** Leads to an object that not everybody may read who may read what leads there; through a page too. */
function hasOwnRule(field: Field): boolean {
  const type = getNamedType(field.type) as GraphQLNamedType;
  if (!isOutput(type)) return false;
  const edges = type.getFields()['edges'];
  const edge = edges && getNamedType(edges.type);
  const node = isObjectType(edge) ? getNamedType(edge.getFields()['node']!.type) : type;
  return !parts.includes(node.name);
}
