import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadApplications } from '../../src/settings/applications-file.ts';
import { ConfigError } from '../../src/settings/config.ts';
import { openTestServices, type TestServices } from '../support/service.ts';
import { Story } from '../support/story.ts';
import { until } from '../support/wait.ts';

let services: TestServices;
let folder: string;
beforeAll(async () => {
  services = await openTestServices();
  folder = await mkdtemp(join(tmpdir(), 'applications-'));
});
afterAll(async () => {
  await services.close();
  await rm(folder, { recursive: true });
});

let lastFile = 0;
const inFile = async (text: string): Promise<string> => {
  const file = join(folder, `${(lastFile += 1)}.yaml`);
  await writeFile(file, text);
  return file;
};
const load = async (text: string) => (await loadApplications(await inFile(text), ['one', 'two'])).registrations;
const faultsOf = (text: string) =>
  load(text).then(
    (applications) => [`no fault but ${JSON.stringify(applications)}`],
    ({ name, message }: Error) => [name, ...message.split('\n').slice(1)],
  );

const yaml = `
applications:
  - name: web-service
    businessTags: [{ tagKey: critical, tagValue: 'true' }]
    owners: { groups: [backend] }
    targets:
      - { cluster: one, namespace: production, deploymentName: web-service-deployment }
`;

describe('a file of applications', () => {
  const webService = {
    name: 'web-service',
    businessTags: [{ tagKey: 'critical', tagValue: 'true' }],
    owners: { users: [], groups: ['backend'] },
    targets: [{ cluster: 'one', namespace: 'production', deploymentName: 'web-service-deployment' }],
    manifest: null,
    imageRepositories: [],
  };

  test('is YAML, or JSON', async () => {
    expect(await load(yaml)).toEqual([webService]);
    expect(await load(JSON.stringify({ applications: [webService] }, null, 2))).toEqual([webService]);
    expect(await load('applications: []')).toEqual([]);
  });

  test('is refused with every fault at once, each with where it stands', async () => {
    const text = `
applications:
  - name: Web_Service
    owners: { users: [alice] }
    targets: [{ cluster: one, namespace: production, deploymentName: web }]
  - name: web
    owners: {}
    targets: [{ cluster: three, namespace: production, deploymentName: web }, { cluster: one, namespace: production, deploymentName: web }]
  - name: web
    ownerz: { users: [alice] }
    owners: { users: [alice] }
    businessTags: [{ tagKey: env, tagValue: a }, { tagKey: env, tagValue: b }]
    targets: [{ namespace: production, deploymentName: api }]
`;
    expect((await faultsOf(text)).toSorted()).toEqual([
      'ConfigError',
      'applications.0.name: must be a DNS label: a–z, 0–9 and "-", at most 63 characters',
      'applications.1.owners: must name at least one user or group',
      'applications.1.targets.0.cluster: there is no cluster three (the clusters are one, two)',
      'applications.1.targets.1: names target one/production/web once more',
      'applications.2.businessTags: must not name the same tag twice',
      'applications.2.name: names application web once more',
      'applications.2.targets.0.cluster: a target must name its cluster (the clusters are one, two)',
      'applications.2: Unrecognized key: "ownerz"',
    ]);
  });

  test.each([
    ['empty', '', /expected object/],
    ['without applications', 'application: []', /applications: /],
    ['no YAML', 'applications: [', /at line 1/],
    ['with a tag that YAML takes for no text', yaml.replace(`'true'`, 'true'), /tagValue: .*expected string/],
    ['with a key twice', `${yaml}applications: []`, /unique/],
  ])('that is %s is refused', async (_, text, fault) => {
    const [name, ...faults] = await faultsOf(text);
    expect(name).toBe('ConfigError');
    expect(faults.join('\n')).toMatch(fault);
  });

  test('that is not there is refused', async () => {
    await expect(loadApplications(join(folder, 'none.yaml'), ['one'])).rejects.toThrow(/^APPLICATIONS_FILE .*\nENOENT/);
  });
});

describe('a service with a file of applications', () => {
  const query = 'query ($name: String!) { application(name: $name) { owners { groups } targets { cluster } } }';

  test('does not start where the file has a fault', async () => {
    const APPLICATIONS_FILE = await inFile(yaml.replace('cluster: one', 'cluster: elsewhere'));
    await expect(services.start({ APPLICATIONS_FILE })).rejects.toThrow(/there is no cluster elsewhere/);
  });

  const here = () => yaml.replace('cluster: one', `cluster: ${services.cluster.contextName}`);
  const register = (story: Story, name: string, deploymentName: string) =>
    story.get('grace', 'mutation ($input: RegisterApplicationInput!) { registerApplication(input: $input) { name } }', {
      input: { name, owners: { users: ['alice'] }, targets: [{ namespace: 'production', deploymentName }] },
    });

  test('does not start where the registry has given targets to others, and names every one of them', async () => {
    const story = await Story.open(services, await services.start());
    await register(story, 'first', 'first-deployment');
    await register(story, 'second', 'second-deployment');
    const [, entry] = here().split('applications:\n');
    const both = ['first', 'second'].map((name) => entry!.replaceAll('web-service', name).replace(name, `my-${name}`));
    const APPLICATIONS_FILE = await inFile(`applications:\n${both.join('')}`);
    const error = await services.start({ APPLICATIONS_FILE }).then(
      () => new Error('it started'),
      (reason: Error) => reason,
    );
    expect(error).toBeInstanceOf(ConfigError);
    const { contextName } = services.cluster;
    expect(error.message.split('\n').slice(1)).toEqual([
      `target ${contextName}/production/first-deployment of my-first belongs to first`,
      `target ${contextName}/production/second-deployment of my-second belongs to second`,
    ]);
  });

  test('tries less and less often what cannot be registered, and says why', async () => {
    const lines: { msg: string; err: { message: string }; retryAfterSeconds: number }[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    const APPLICATIONS_FILE = await inFile(here());
    await services.cluster.relay.close();
    try {
      await services.start({ APPLICATIONS_FILE }, log);
      const tries = () => lines.filter(({ msg }) => msg === 'applications not registered yet');
      await until('it has tried three times', () => tries().length >= 3);
      expect(tries().map(({ retryAfterSeconds }) => retryAfterSeconds)).toEqual([0.5, 1, 2]);
      for (const { err } of tries()) expect(err.message).toMatch(/cannot be identified: cluster .* is away/);
    } finally {
      await services.cluster.relay.serve();
    }
  });

  test('starts while its cluster is away, and registers what the file names as soon as it is back', async () => {
    const APPLICATIONS_FILE = await inFile(here());
    await services.cluster.relay.close();
    const service = await services.start({ APPLICATIONS_FILE });
    const story = await Story.open(services, service);
    expect(await story.refusal('grace', query, { name: 'web-service' })).toMatchObject({ code: 'NOT_FOUND' });
    await services.cluster.relay.serve();
    await until(
      'it is registered',
      async () => (await story.ask('grace', query, { name: 'web-service' })).errors.length === 0,
    );
    expect(await story.get('grace', query, { name: 'web-service' })).toEqual({
      application: { owners: { groups: ['backend'] }, targets: [{ cluster: services.cluster.contextName }] },
    });
  });
});
