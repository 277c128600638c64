import { type Logger, pino } from 'pino';

/** JSON lines on standard output; whatever could hold a secret is cut out even where somebody logs too much. */
export const createLogger = (level: string): Logger =>
  pino({
    level,
    base: { service: 'cratos-redeploy' },
    redact: {
      paths: ['authorization', '*.authorization', '*.headers', 'token', '*.token', '*.password', '*.connectionParams'],
      censor: '[redacted]',
    },
  });
