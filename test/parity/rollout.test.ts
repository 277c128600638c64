import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { operationAnnotation, restartedAtAnnotation } from '../../src/domain/cluster.ts';
import { rolloutAnnouncer } from '../../src/operations/rollout-announcements.ts';
import { rolloutHistory } from '../../src/operations/rollout-history.ts';
import { alice, untilRolledOut } from '../support/desk.ts';
import { compareLines, distinct, kubectl } from '../support/kubectl.ts';
import { ParityWorld, type Placed, unnamed } from './parity-world.ts';

// kubectl rollout beside ours: KUBECONFIG=… npm run test:parity. Prints what both say.

let parity: ParityWorld;
beforeAll(async () => {
  parity = await ParityWorld.open();
});
const shown: string[] = [];
afterAll(async () => {
  process.stdout.write(`${shown.toSorted().join('\n\n')}\n`);
  await parity?.close();
});

const show = (title: string, ...lines: string[]) => void shown.push([title, ...lines].join('\n'));
const revert = (revision: number | null = null) => ({ rollbackTo: { revision } });

describe.concurrent('status', () => {
  const update = { images: [{ container: 'app', image: 'web:slow-v2' }] };
  test.each([
    ['a restart', ['web:slow-v1'], {}],
    ['a new image', ['web:v1'], update],
    ['a rollback', ['web:slow-v1', 'web:v2'], revert()],
  ] as const)(
    'what kubectl says of %s we say in its words and order, to the last line',
    async (what, images, input) => {
      const placed = await parity.placed({ images: [...images], replicas: 3 });
      const operation = await parity.start(placed, input);
      const said = await parity.rollout('status', placed);
      expect(await parity.ended(operation)).toMatchObject({ rolloutStatus: 'COMPLETED' });
      const ours = distinct(await parity.messages(operation));
      const { shown, missing } = compareLines(distinct(said.lines), ours);
      show(`status of ${what}`, shown);
      expect(said.code).toBe(0);
      // A count that was passed between two looks is not told: whoever watches is told the latest.
      expect(missing.filter((line) => ours.includes(line) || !/ \d+ (out of|old replicas)/.test(line))).toEqual([]);
      expect(ours.at(-1)).toBe(said.lines.at(-1));
    },
  );

  test.each([
    ['an image that cannot be pulled', 'web:bad-image', 45],
    ['a container that crashes', 'web:crash', 20],
  ])('%s: we say FAILED and why before kubectl reports the passed deadline', async (what, image, seconds) => {
    const placed = await parity.placed();
    const patch = JSON.stringify({ spec: { progressDeadlineSeconds: seconds } });
    await kubectl(placed.namespace, 'patch', 'deployment', placed.name, '--patch', patch);
    const operation = await parity.start(placed, { images: [{ container: 'app', image }] });
    const inOrder: string[] = [];
    const [said, ended] = await Promise.all([
      parity.rollout('status', placed).finally(() => inOrder.push('kubectl')),
      parity.ended(operation).finally(() => inOrder.push('ours')),
    ]);
    show(
      `${what}, progress deadline ${seconds} s`,
      `  kubectl after ${said.seconds.toFixed(0)} s: ${said.error}`,
      `  ours    after ${ended.durationSeconds} s: ${ended.rolloutStatus}: ${ended.errorMessage}`,
    );
    expect(inOrder).toEqual(['ours', 'kubectl']);
    expect(said).toMatchObject({ code: 1, error: `error: deployment "${placed.name}" exceeded its progress deadline` });
    expect(ended.rolloutStatus).toBe('FAILED');
    expect(ended.errorMessage).toMatch(/^every new pod fails: /);
  });
});

describe.concurrent('restart', () => {
  test('changes what kubectl changes, and adds our annotations to it', async () => {
    const twins = await parity.twins();
    const before = await Promise.all(twins.map((twin) => parity.deployment(twin)));
    await parity.rollout('restart', twins[0]);
    const ours = await parity.start(twins[1]);
    const after = await Promise.all(twins.map((twin) => parity.deployment(twin)));
    const added = after.map(({ template }) => template.metadata!.annotations!);
    show('restart, annotations of the pod template', `  kubectl ${text(added[0])}`, `  ours    ${text(added[1])}`);
    for (const [index, { template, rest }] of after.entries()) {
      expect(rest).toEqual(before[index]!.rest);
      delete template.metadata!.annotations;
      expect(template).toEqual(before[index]!.template);
    }
    const wholeSeconds = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/);
    expect(added[0]).toEqual({ [restartedAtAnnotation]: wholeSeconds });
    expect(added[1]).toEqual({ [restartedAtAnnotation]: wholeSeconds, [operationAnnotation]: ours.id });
    const own = Object.keys(after[1]!.annotations).filter((name) => !(name in after[0]!.annotations));
    expect(own.filter((name) => !name.startsWith('redeploy.cratos.dev/'))).toEqual(['kubernetes.io/change-cause']);
    expect(await parity.ended(ours)).toMatchObject({ rolloutStatus: 'COMPLETED' });
  });

  test('of a paused Deployment is refused in the same words', async () => {
    const placed = await parity.placed();
    await parity.rollout('pause', placed);
    const { said, words } = await refusals('restart of a paused Deployment', placed, ['restart'], {});
    expect(said).toContain(words);
  });
});

describe.concurrent('undo', () => {
  test.each([
    ['to the revision before', [], null],
    ['to a given revision', ['--to-revision=1'], 1],
  ] as const)('%s brings back the same template under the same number', async (what, args, revision) => {
    const twins = await parity.twins({ images: ['web:v1', 'web:v2', 'web:v3'] });
    const said = await parity.rollout('undo', twins[0], ...args);
    const outcome = await parity.outcome(twins[1], revert(revision));
    for (const { namespace, name } of twins) await untilRolledOut(parity.world, namespace, name);
    const [theirs, ours] = await Promise.all(
      twins.map(async (twin) => {
        const { template, annotations } = await parity.deployment(twin);
        return JSON.parse(
          unnamed(JSON.stringify({ template, revision: annotations['deployment.kubernetes.io/revision'] }), twin),
        ) as unknown;
      }),
    );
    show(`undo ${what}`, `  kubectl ${said.lines[0]}`, `  ours    ${outcome}`);
    expect(ours).toEqual(theirs);
    expect(ours).toMatchObject({ revision: '4' });
    expect(outcome).toMatch(/^COMPLETED: /);
  });

  test('to the template that stands there is skipped, in the same words', async () => {
    const placed = await parity.placed({ images: ['web:v1', 'web:v2'] });
    const said = await parity.rollout('undo', placed, '--to-revision=2');
    const outcome = await parity.outcome(placed, revert(2));
    show('undo to the present template', `  kubectl ${said.lines[0]}`, `  ours    ${outcome}`);
    const skipped = /skipped rollback \(current template already matches revision 2\)/;
    expect([said.code, said.lines[0]]).toEqual([0, expect.stringMatching(skipped)]);
    expect(outcome).toMatch(skipped);
    expect(outcome).toMatch(/^COMPLETED: /);
  });

  const unknown = ['--to-revision=9'];
  test.each<[string, { images: [string, ...string[]]; isPaused: boolean }, string[], number | null]>([
    ['to an unknown revision', { images: ['web:v1', 'web:v2'], isPaused: false }, unknown, 9],
    ['without a history', { images: ['web:v1'], isPaused: false }, [], null],
    ['of a paused Deployment', { images: ['web:v1', 'web:v2'], isPaused: true }, [], null],
    ['of a paused Deployment to an unknown revision', { images: ['web:v1', 'web:v2'], isPaused: true }, unknown, 9],
    ['of a paused Deployment without a history', { images: ['web:v1'], isPaused: true }, [], null],
    ['of a paused Deployment to the present one', { images: ['web:v1'], isPaused: true }, ['--to-revision=1'], 1],
  ])('%s is refused in the same words', async (what, { images, isPaused }, args, revision) => {
    const placed = await parity.placed({ images });
    if (isPaused) await parity.rollout('pause', placed);
    const { said, words } = await refusals(`undo ${what}`, placed, ['undo', ...args], revert(revision));
    expect(said).toContain(words);
  });
});

test.concurrent('history lists the same revisions with the same causes', async () => {
  const placed = await parity.placed({ images: ['web:v1', 'web:v2'] });
  await kubectl(placed.namespace, 'annotate', 'deployment', placed.name, 'kubernetes.io/change-cause=by hand');
  await parity.outcome(placed);
  await parity.outcome(placed, revert(1));
  const { lines } = await parity.rollout('history', placed);
  const theirs = lines.flatMap((line) => {
    const [, revision, cause] = /^(\d+) +(.*)$/.exec(line) ?? [];
    return revision ? [{ revision: Number(revision), cause }] : [];
  });
  const history = await rolloutHistory(parity.replica.desk, alice, { applicationName: placed.name });
  const ours = history.map(({ revision, changeCause }) => ({ revision, cause: changeCause ?? '<none>' })).toReversed();
  show('history', ...theirs.map(text).map((row) => `  kubectl ${row}`), ...ours.map((row) => `  ours    ${text(row)}`));
  expect(ours).toEqual(theirs);
  expect(ours.map(({ revision }) => revision)).toEqual([2, 3, 4]);
});

test.concurrent('describe tells who restarted it, why and how it ended, without this service', async () => {
  const placed = await parity.placed();
  const operation = await parity.start(placed, { reason: 'the pool is stuck' });
  const ended = await parity.ended(operation);
  await rolloutAnnouncer()(parity.replica.desk);
  const { lines } = await kubectl(placed.namespace, 'describe', 'deployment', placed.name);
  show('describe', ...lines.filter((line) => /redeploy|cratos|change-cause|Redeploy/.test(line)));
  const described = lines.join('\n');
  expect(described).toMatch(/change-cause: emergency redeploy by alice, ticket \w{8}: the pool is stuck\n/);
  expect(described).toMatch(new RegExp(`Normal +RedeployStarted .*RESTART by alice, .*${ended.id}: the pool is stuck`));
  expect(described).toMatch(new RegExp(`Normal +RedeployCompleted .*${ended.id}`));
});

/** What kubectl says in refusing, and our words for it; neither may have changed anything. */
async function refusals(what: string, placed: Placed, [command, ...args]: [string, ...string[]], input: object) {
  const before = await parity.deployment(placed);
  const { code, error } = await parity.rollout(command, placed, ...args);
  const outcome = await parity.outcome(placed, input);
  show(what, `  kubectl ${error}`, `  ours    ${outcome}`);
  expect(code).toBe(1);
  expect(await parity.deployment(placed)).toEqual(before);
  const [, words] = /^(?:CONFLICT|NOT_FOUND): (.+)$/.exec(outcome) ?? [];
  return { said: error, words: words ?? outcome };
}

const text = (value: unknown): string => JSON.stringify(value);
