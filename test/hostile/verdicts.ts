import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import { errorStatus } from '../../src/domain/errors.ts';

/** What somebody heard: the status, or the code with which a WebSocket was closed, and all that was said. */
export type Heard = { status: number; text: string; contentType?: string };

type Result = {
  data?: Record<string, unknown> | null;
  errors?: { message: string; extensions?: Record<string, unknown> }[];
};

/** UNAVAILABLE is not among them: nothing is away, but for a moment on a machine that is busy. */
const refusals = new Set(
  Object.keys(errorStatus)
    .filter((code) => code !== 'UNAVAILABLE')
    .map((code) => JSON.stringify(code)),
);

const root = fileURLToPath(new URL('../..', import.meta.url));
const internals = new RegExp(
  [
    '\\n\\s+at .+:\\d+',
    'node_modules',
    'node:internal',
    '[\\w-]\\.[tj]s:\\d',
    RegExp.escape(root.replace(/\/$/, '')),
    `${RegExp.escape(tmpdir())}/(?:test|cratos)-`,
    '\\b(?:from|into|update|join) "?(?:ticket|application|operation|redeploy_grant|audit_record|refusal_tally)\\b',
    'syntax error at or near',
    'invalid byte sequence',
    'violates .* constraint',
    'relation "',
    'ECONN|EPIPE|ENOENT|UND_ERR',
    'TypeError|RangeError|ReferenceError|SyntaxError',
    'Cannot read propert',
    'is not a function',
    'is not iterable',
    'Unexpected error',
    'INTERNAL_SERVER_ERROR',
  ].join('|'),
);

/** No answer is much larger than what asked for it, and none needs to be. */
const longestAnswer = 64 * 1024;

/** What must not be found anywhere outside. */
export class Verdicts {
  readonly #secrets: readonly string[];

  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** What is wrong with a text, whoever reads it; null where nothing is. */
  ofText(text: string): string | null {
    const [internal] = internals.exec(text) ?? [];
    if (internal !== undefined) return `tells internals: ${JSON.stringify(internal)}`;
    if (this.#tellsSecret(text)) return 'tells a secret';
    return text.length > longestAnswer ? `is ${text.length} characters long` : null;
  }

  ofLine(line: string): string | null {
    const isControl = /[\p{Cc}\u2028\u2029]/u.test(line);
    if (isControl) return 'has a control character';
    try {
      const { msg, level, event } = JSON.parse(line) as { msg?: string; level: string; event?: string };
      if (msg === 'forged') return 'is forged';
      // On a busy machine a dependency may seem away for a moment, and the log may tell of what that comes.
      if (line.includes('away')) return this.#tellsSecret(line) ? 'tells a secret' : null;
      // A fact of the record is logged as what it is.
      if (!['debug', 'info'].includes(level) && event === undefined) return 'is a warning';
    } catch {
      return 'is no JSON';
    }
    return this.ofText(line);
  }

  #tellsSecret(text: string): boolean {
    return this.#secrets.some((secret) => text.includes(secret));
  }

  ofAnswer(heard: Heard, isSignedIn: boolean): { code: string; fault: string | null } {
    const results = resultsIn(heard);
    if (results === null) return { code: '', fault: 'is no JSON, though it says so' };
    const codes = results.flatMap(codesOf);
    const [code = ''] = codes;
    const unknown = codes.find((one) => !refusals.has(one));
    if (heard.status === 0) return { code, fault: `has no answer` };
    if (heard.status >= 500) return { code, fault: `is ${heard.status}` };
    if (unknown !== undefined) return { code, fault: `has the code ${unknown}` };
    if (!isSignedIn && results.some(({ data }) => data))
      return { code, fault: 'lets somebody in who is not signed in' };
    return { code, fault: this.ofText(heard.text) };
  }
}

/** No answer, or UNAVAILABLE: what the same request may well be sent again for. */
export const isAway = ({ status, text }: Heard): boolean =>
  status === 0 || status === 503 || text.includes('"code":"UNAVAILABLE"');

/** A problem of the REST API has its code at its top. */
type Told = Result & { code?: unknown };

const codesOf = ({ errors = [], code }: Told): string[] => [
  ...errors.map(({ extensions }) => JSON.stringify(extensions?.['code'] ?? null)),
  ...(code === undefined ? [] : [JSON.stringify(code)]),
];

function resultsIn({ text, contentType = '' }: Heard): Told[] | null {
  try {
    if (text === '') return [];
    if (contentType.startsWith('text/event-stream')) {
      return [...text.matchAll(/^data: ?(\{.*\})$/gm)].map(([, data]) => JSON.parse(data!) as Told);
    }
    return /json/.test(contentType) ? [JSON.parse(text) as Told] : [];
  } catch {
    return null;
  }
}
