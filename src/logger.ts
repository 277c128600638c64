import { type DestinationStream, type Logger, pino } from 'pino';

const redacted = '[redacted]';

/** What a secret looks like, wherever in a line it stands: in a message, an error's text or stack. */
const secretTexts: [pattern: RegExp, replacement: string][] = [
  [/\b(bearer) +[\w.~+/=-]{16,}/gi, `$1 ${redacted}`],
  // A JWT, of a sign-in or a service account.
  [/(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, redacted],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"]*):[^\s/"]+@/gi, `$1:${redacted}@`],
  [/\bwhsec_[A-Za-z0-9+/=]+/g, redacted],
];

/**
 * JSON lines on standard output; whatever could hold a secret is cut out even where somebody logs too much: by name, by
 * its looks, and `secrets` themselves. Every line has the `fields` of its moment.
 */
export const createLogger = (
  level: string,
  secrets: readonly string[] = [],
  destination?: DestinationStream,
  fields?: () => object,
): Logger =>
  pino(
    {
      level,
      ...(fields && { mixin: fields }),
      base: { service: 'cratos-redeploy' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['authorization', 'token', 'password', 'secret', 'headers', 'connectionParams'].flatMap((name) => [
          name,
          `*.${name}`,
        ]),
        censor: redacted,
      },
      hooks: { streamWrite: (line) => withoutSecrets(line, secrets) },
    },
    destination ?? pino.destination(1),
  );

function withoutSecrets(line: string, secrets: readonly string[]): string {
  let clean = line;
  for (const secret of secrets) clean = clean.replaceAll(JSON.stringify(secret).slice(1, -1), redacted);
  for (const [pattern, replacement] of secretTexts) clean = clean.replace(pattern, replacement);
  return clean;
}
