import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { rootRules } from '../src/graphql/access.ts';

const root = join(import.meta.dirname, '..');

/** Which room may import which; a room may import itself. A file at the top of src is a room of its own. */
const rooms: Record<string, readonly string[]> = {
  domain: [],
  operations: ['domain'],
  graphql: ['domain', 'operations', 'documents'],
  rest: ['domain', 'operations'],
  adapters: ['domain'],
  logger: [],
  documents: [],
  graphiql: ['documents'],
  metrics: ['domain', 'operations'],
  http: ['domain', 'operations', 'graphiql', 'graphql', 'rest'],
  settings: ['domain', 'operations', 'adapters', 'graphiql', 'http', 'metrics'],
  service: ['domain', 'operations', 'graphql', 'adapters', 'settings', 'http', 'metrics'],
  main: ['settings', 'logger', 'service', 'adapters'],
  migrate: ['settings', 'adapters'],
  'verify-audit': ['domain', 'operations', 'adapters', 'settings'],
  'prune-audit': ['operations', 'adapters', 'settings'],
  sandbox: ['settings', 'logger', 'service', 'documents'],
};

/** Where a technology is known; nowhere else. The sandbox, which plays the outside, may know all of them. */
const technologies: Record<string, readonly string[]> = {
  '@graphql-yoga/render-graphiql': ['graphiql'],
  '@kubernetes/client-node': ['adapters/kubernetes'],
  '@mikro-orm/core': ['adapters/database', 'domain'],
  '@mikro-orm/migrations': ['adapters/database'],
  '@mikro-orm/postgresql': ['adapters/database', 'operations'],
  '@opentelemetry': ['adapters/opentelemetry'],
  '@pothos': ['graphql'],
  '@prometheus-io/client': ['metrics'],
  dataloader: ['adapters/database', 'graphql'],
  graphql: ['graphql', 'http'],
  'graphql-jit': ['graphql'],
  'graphql-ws': ['http'],
  'graphql-yoga': ['http'],
  ioredis: ['adapters/redis'],
  jose: ['adapters/oidc'],
  undici: ['adapters/kubernetes', 'adapters/webhook'],
  ws: ['http'],
};

const filesUnder = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((file) => !file.includes('/generated/') && !file.includes('/node_modules/'));

const sources = filesUnder('src');
const files = [...sources, ...filesUnder('test'), ...filesUnder('bench')];
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

const importsOf = (file: string): string[] =>
  Array.from(
    textOf(file).matchAll(/^(?:import|export) (?:[^'";]*? from )?'([^']+)'|\bimport\('([^']+)'\)/gm),
    ([, named, dynamic]) => (named ?? dynamic)!,
  );

/** src/graphql/ticket.ts → graphql; src/service.ts → service. */
const roomOf = (file: string): string => file.split('/')[1]!.replace(/\.ts$/, '');

const ownImports = sources.flatMap((from) =>
  importsOf(from)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => ({ from, to: join(dirname(from), specifier) })),
);
const libraryImports = sources.flatMap((from) =>
  importsOf(from)
    .filter((specifier) => !specifier.startsWith('.'))
    .map((library) => ({ from, library })),
);

describe('imports run one way', () => {
  test('every import is seen', () => {
    const written = sources.flatMap(
      (file) => textOf(file).match(/^.* from '.*'(?: with .*)?;$|^import '|\bimport\('/gm) ?? [],
    );
    expect(ownImports.length + libraryImports.length).toBe(written.length);
  });

  test.for(Object.entries(rooms))('%s imports itself and %j', ([room, allowed]) => {
    const astray = ownImports.filter(
      ({ from, to }) => roomOf(from) === room && roomOf(to) !== room && !allowed.includes(roomOf(to)),
    );
    expect(astray).toEqual([]);
  });

  test('every room stands in the table', () => {
    expect(sources.filter((file) => !(roomOf(file) in rooms))).toEqual([]);
  });

  test('an adapter does not know another one', () => {
    const adapterOf = (file: string) => file.split('/')[2];
    const astray = ownImports.filter(
      ({ from, to }) => roomOf(from) === 'adapters' && roomOf(to) === 'adapters' && adapterOf(from) !== adapterOf(to),
    );
    expect(astray).toEqual([]);
  });

  test('nothing reaches out of src', () => {
    expect(ownImports.filter(({ to }) => !to.startsWith('src/'))).toEqual([]);
  });
});

test('operations whose roles the schema asks for are called by it alone', () => {
  const guarded = Object.entries({ ...rootRules.Mutation, listAuditRecords: rootRules.Query['auditRecords'] }).flatMap(
    ([name, rule]) => (rule?.may ? [name] : []),
  );
  expect(guarded.length).toBeGreaterThan(5);
  const calls = new RegExp(`^import [^;]*\\b(${guarded.join('|')})\\b[^;]* from '[^']*/operations/`, 'm');
  const callers = sources.filter((file) => calls.test(textOf(file)));
  expect(new Set(callers.map(roomOf))).toEqual(new Set(['graphql']));
});

describe('each technology is known in its own place', () => {
  test.for(Object.entries(technologies))('%s in %j', ([library, places]) => {
    const astray = libraryImports.filter(
      ({ from, library: name }) =>
        (name === library || name.startsWith(`${library}/`)) &&
        roomOf(from) !== 'sandbox' &&
        !places.some((place) => from === `src/${place}` || from.startsWith(`src/${place}/`)),
    );
    expect(astray).toEqual([]);
  });
});

test('only the commands read the environment, and only they exit', () => {
  const commands = [
    'src/main.ts',
    'src/migrate.ts',
    'src/verify-audit.ts',
    'src/prune-audit.ts',
    'src/sandbox/main.ts',
    'src/sandbox/story.ts',
  ];
  const astray = sources.filter((file) => /\bprocess\.(env|exit)\b|'(node:)?process'/.test(textOf(file)));
  expect(astray.filter((file) => !commands.includes(file))).toEqual([]);
});

test('no file is named for having no subject, and none only passes on others', () => {
  expect(files.filter((file) => /^(utils?|helpers?|common|shared|misc|types?|index)\b/.test(basename(file)))).toEqual(
    [],
  );
});

test('every file name is in kebab case', () => {
  expect(files.filter((file) => !/^[a-z0-9-]+(\.contract)?(\.test)?\.ts$/.test(basename(file)))).toEqual([]);
});

test.for([
  ['src', 300],
  ['test', 450],
  ['bench', 300],
] as const)('no file of %s is longer than %i lines', ([folder, longest]) => {
  const lengths = files.map((file) => ({ file, lines: textOf(file).split('\n').length - 1 }));
  expect(lengths.filter(({ file, lines }) => file.startsWith(`${folder}/`) && lines > longest)).toEqual([]);
});

test('no import leaves out the extension', () => {
  const relativeImports = files.flatMap((file) =>
    importsOf(file)
      .filter((specifier) => specifier.startsWith('.'))
      .map((specifier) => ({ file, specifier })),
  );
  expect(relativeImports.filter(({ specifier }) => !/\.(ts|json|sql|md)$/.test(specifier))).toEqual([]);
});
