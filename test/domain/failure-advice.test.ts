import { expect, test } from 'vitest';
import { warningReasons } from '../../src/domain/cluster.ts';
import { advisedReasons, adviceOn } from '../../src/domain/failure-advice.ts';

const adviceFor = (reason: string, message = '', pod: string | null = 'web-1') => adviceOn({ pod, reason, message });
const general = adviceFor('SomethingNew');

const reasons = `ErrImagePull ImagePullBackOff ErrImageNeverPull InvalidImageName CrashLoopBackOff
  CreateContainerConfigError CreateContainerError RunContainerError FailedCreate Unschedulable Evicted Preempting`;

test.for([...reasons.split(/\s+/), ...warningReasons])('%s has an advice of its own', (reason) => {
  expect(advisedReasons).toContain(reason);
  expect(adviceFor(reason)).not.toBe(general);
});

test.for(advisedReasons)('the advice on %s is one sentence', (reason) => {
  expect(adviceFor(reason)).toMatch(/^[A-Z].*[^.]\.$/);
});

test('a crash loop out of memory is about the memory limit', () => {
  const message = 'back-off restarting failed container (OOMKilled, exit code 137)';
  expect(adviceFor('CrashLoopBackOff', message)).toBe(adviceFor('OOMKilled'));
  expect(adviceFor('CrashLoopBackOff', 'back-off (Error, exit code 137)')).toContain('log');
});

test('what has no advice of its own has a general one, by whether there is a pod to look at', () => {
  expect(general).toContain('kubectl describe');
  expect(adviceFor('constructor')).toBe(general);
  expect(adviceFor('SomethingNew', '', null)).toBe(adviceFor('FailedCreate'));
});
