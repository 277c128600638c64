import { resolve } from 'node:path';
import { createLogger } from '../logger.ts';
import { startSandbox } from './sandbox.ts';

/** `npm run sandbox`: chosen by this command only; everything on loopback, everything ended by Ctrl-C. */
const folder = resolve('.sandbox');
const say = (text: string): void => void process.stdout.write(`${text}\n`);

try {
  const begun = performance.now();
  const { session, notes, stop } = await startSandbox(
    folder,
    createLogger(process.env['LOG_LEVEL'] ?? 'warn'),
    process.env,
  );
  for (const note of notes) say(note);
  say(`Cratos Redeploy, sandbox, up after ${((performance.now() - begun) / 1000).toFixed(1)} s. Ctrl-C ends it.\n`);
  say(`GraphQL        ${session.url} (in a browser: GraphiQL with everybody's tokens)`);
  say(`Subscriptions  ${session.subscriptionsUrl}`);
  say(`Metrics        ${session.metricsUrl}`);
  say(`Kubernetes     KUBECONFIG=${session.kubeconfig}`);
  say(`PostgreSQL     ${session.databaseUrl}`);
  say(`Redis          ${session.redisUrl}`);
  say(`For scripts    ${folder}/session.json\n`);
  say('Bearer tokens, valid for a week:');
  for (const { username, roles, groups, token } of session.personas) {
    say(
      `\n${username} (${roles.join(', ')}${groups.length > 0 ? `; owns what ${groups.join(' and ')} own` : ''})\n${token}`,
    );
  }
  say('\nIn another terminal: npm run story');
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (isStopping) return;
      isStopping = true;
      stop().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`${String(error)}\n`);
          process.exit(1);
        },
      );
    });
  }
} catch (error) {
  process.stderr.write(`The sandbox could not start: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}
