import { pino } from 'pino';
import { readConfig } from '../../src/settings/config.ts';
import { startService } from '../../src/service.ts';

/** A service in a process of its own that never calls process.exit: it ends when nothing of it is left. */
const service = await startService(readConfig(process.env), pino({ level: 'silent' }));
process.stdout.write(`${JSON.stringify({ url: service.url, subscriptionsUrl: service.subscriptionsUrl })}\n`);
process.once('SIGTERM', () => void service.stop());
