import type { Chance } from '../support/chance.ts';
import { hostileDocument } from './hostile-documents.ts';
import { type Asked, documents, FittingInputs, rootFields, spoil } from './hostile-inputs.ts';
import type { HostilePlace } from './hostile-world.ts';
import { nastyText, nastyTexts, nastyValue, toJson } from './nasty-values.ts';

export type HostileRequest = {
  transport: 'GraphQL' | 'REST' | 'other paths' | 'server-sent events';
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** Nobody may be let in otherwise. */
  isSignedIn: boolean;
  /** Goes on until somebody ends it. */
  isEndless?: boolean;
};

/** Of people who are signed in, and what signs nobody in. */
export type Authorizations = {
  right: readonly string[];
  wrong: readonly string[];
  /** Of who may ask for this root field, so that it is refused late. */
  ableTo: (field: string) => string;
};

/** The payload of one GraphQL operation, over whatever transport; one that was spoilt may be a subscription as well. */
export type Payload = { field: string; isSubscription: boolean; sent: { query: string; variables: unknown } };

const safeInPath = (text: string): string => encodeURIComponent(text.toWellFormed());
/** What Node's own client sends of a text: the rest it refuses to. */
const safeInHeader = (text: string): string =>
  Buffer.from(text)
    .toString('latin1')
    .replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, '?')
    .slice(0, 8_000);

const accepts = ['application/json', 'application/graphql-response+json', '*/*', 'text/html;q=0.1', '', 'image/png'];
const types = [
  'application/json',
  'application/json; charset=utf-16',
  'text/plain',
  'multipart/form-data; boundary=',
  'application/graphql',
  '',
  'application/x-www-form-urlencoded',
  'application/json, text/html',
];
const methods = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY'];
const headerNames = [
  'x-forwarded-for',
  'forwarded',
  'user-agent',
  'referer',
  'origin',
  'cookie',
  'x-http-method-override',
  'traceparent',
  'content-encoding',
  'accept-encoding',
  'range',
  'if-none-match',
  'x-request-id',
  'expect-ct',
  'access-control-request-method',
  'sec-fetch-site',
  'last-event-id',
];
const paths = [
  '/',
  '//',
  '/graphql/',
  '/graphql/../graphql',
  '/GraphQL',
  '/graphql%2f',
  '/graphql;a=b',
  '/v1',
  '/v1/',
  '/v1/..',
  '/livez/../graphql',
  '/.git/config',
  '/.env',
  '/metrics',
  '/health',
  '/healthz',
  '/favicon.ico',
  '/v1/openapi.json/..',
  '/v1/applications',
  '/%00',
  '/%',
  '/proxy?url=http://169.254.169.254/',
];

/** Draws requests that nobody sensible sends; the same chance draws the same ones. */
export class HostileRequests {
  readonly #chance: Chance;
  readonly #place: HostilePlace;
  readonly #fitting: FittingInputs;
  readonly #authorizations: Authorizations;

  constructor(chance: Chance, place: HostilePlace, authorizations: Authorizations) {
    this.#chance = chance;
    this.#place = place;
    this.#fitting = new FittingInputs(place, chance);
    this.#authorizations = authorizations;
  }

  next(): HostileRequest {
    const fate = this.#chance.fraction();
    if (fate < 0.7) return this.#graphql();
    if (fate < 0.86) return this.#rest();
    if (fate < 0.94) return this.#serverSentEvents();
    return this.#path();
  }

  payload(asked: Asked = this.#asked()): Payload {
    const chance = this.#chance;
    const fate = chance.fraction();
    const fitting = this.#fitting.of(asked);
    const query = fate < 0.4 ? hostileDocument(asked.document, chance) : asked.document;
    const variables = fate > 0.35 && fate < 0.96 ? spoil(fitting, chance) : fate < 0.99 ? fitting : nastyValue(chance);
    return {
      field: asked.field,
      sent: { query, variables },
      isSubscription: asked.type === 'subscription' || query.includes('subscription'),
    };
  }

  authorization(field = ''): { value: string | null; isSignedIn: boolean } {
    const { right, wrong, ableTo } = this.#authorizations;
    const fate = this.#chance.fraction();
    if (fate < 0.05) return { value: null, isSignedIn: false };
    if (fate < 0.17) return { value: this.#chance.oneOf(wrong), isSignedIn: false };
    return { value: fate < 0.6 ? ableTo(field) : this.#chance.oneOf(right), isSignedIn: true };
  }

  #asked = (): Asked => this.#chance.oneOf(this.#chance.is(0.3) ? documents : rootFields);

  #request(one: Omit<HostileRequest, 'isSignedIn'>, field?: string): HostileRequest {
    const { value, isSignedIn } = this.authorization(field);
    const headers = { ...one.headers };
    if (value !== null) headers['authorization'] = safeInHeader(value);
    if (this.#chance.is(0.1)) headers[this.#chance.oneOf(headerNames)] = safeInHeader(nastyText(this.#chance));
    return { ...one, headers, isSignedIn };
  }

  #graphql(): HostileRequest {
    const chance = this.#chance;
    const { field, isSubscription, sent } = this.payload();
    const headers = { accept: chance.is(0.95) ? chance.oneOf(accepts.slice(0, 3)) : chance.oneOf(accepts) };
    const one = { transport: 'GraphQL', isEndless: isSubscription } as const;
    const fate = chance.fraction();
    if (fate < 0.08) {
      const given = new URLSearchParams({ query: sent.query, variables: toJson(sent.variables) })
        .toString()
        .slice(0, 12_000);
      const method = chance.is(0.7) ? 'GET' : chance.oneOf(methods);
      return this.#request({ ...one, method, path: `/graphql?${given}`, headers }, field);
    }
    const type = chance.is(0.92) ? 'application/json' : chance.oneOf(types);
    const body = fate < 0.22 ? this.#envelope(sent) : toJson(sent);
    const typed = { ...headers, 'content-type': type };
    return this.#request({ ...one, method: 'POST', path: '/graphql', headers: typed, body }, field);
  }

  /** What is around the document and its variables. */
  #envelope(whole: { query: string; variables: unknown }): string {
    const chance = this.#chance;
    const text = toJson(whole);
    const at = chance.below(text.length);
    const odd = ['operationName', 'extensions', 'query', 'variables', 'id', '__proto__', nastyText(chance)];
    const envelopes = [
      () => text.slice(0, at),
      () => text.slice(0, at) + chance.oneOf(nastyTexts) + text.slice(at),
      () => `\ufeff${text}`,
      () => `${text}${text}`,
      () => `[${Array.from({ length: 1 + chance.below(50) }, () => text.slice(0, 1_000)).join(',')}]`,
      () => '['.repeat(chance.below(50_000)),
      () => `${text.slice(0, -1)},${JSON.stringify(chance.oneOf(odd))}:${toJson(nastyValue(chance))}}`,
      () => `${text.slice(0, -1)},"extensions":{"persistedQuery":{"version":1,"sha256Hash":"${'a'.repeat(64)}"}}}`,
      () => toJson(nastyValue(chance)),
      () => ' '.repeat(chance.below(400_000)),
      () => new URLSearchParams({ query: whole.query }).toString(),
      () => `--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n${text}\r\n--x--`,
    ];
    return chance.oneOf(envelopes)();
  }

  #serverSentEvents(): HostileRequest {
    const chance = this.#chance;
    const subscriptions = [...documents, ...rootFields].filter(({ type }) => type === 'subscription');
    const { field, isSubscription, sent } = this.payload(chance.is(0.7) ? chance.oneOf(subscriptions) : undefined);
    const one = {
      transport: 'server-sent events',
      method: 'POST',
      path: '/graphql',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
      body: toJson(sent),
      isEndless: isSubscription,
    } as const;
    return this.#request(one, field);
  }

  #rest(): HostileRequest {
    const chance = this.#chance;
    const one = { transport: 'REST', headers: {} } as const;
    const name = chance.is(0.7) ? this.#place.paused.applicationName : this.#segment();
    if (chance.is(0.15)) return this.#request({ ...one, method: 'GET', path: `/v1/operations/${this.#segment()}` });
    const { namespace, deploymentName } = this.#place.paused;
    const body = {
      namespace,
      deploymentName,
      strategy: 'RollingUpdate',
      reason: 'it answers 500',
      images: [{ container: 'app', image: 'web:v2' }],
      rollbackTo: null,
    };
    const spoilt = toJson(chance.is(0.05) ? nastyValue(chance) : chance.is(0.9) ? spoil(body, chance) : body);
    const headers: Record<string, string> = {
      'content-type': chance.is(0.9) ? 'application/json' : chance.oneOf(types),
    };
    if (chance.is(0.3)) headers['idempotency-key'] = safeInHeader(nastyText(chance));
    const whole = {
      ...one,
      method: chance.is(0.95) ? 'POST' : chance.oneOf(methods),
      path: `/v1/applications/${name}/redeploy`,
      headers,
      body: chance.is(0.9) ? spoilt : spoilt.slice(0, chance.below(spoilt.length)),
    };
    return this.#request(whole, 'redeploy');
  }

  #segment(): string {
    const text = nastyText(this.#chance).slice(0, 1_000);
    const raw = text.replaceAll(/[^!-~]|[?#/]/g, '');
    return this.#chance.is(0.7) || raw === '' ? safeInPath(text) : raw;
  }

  #path(): HostileRequest {
    const chance = this.#chance;
    const path = chance.is(0.5) ? chance.oneOf(paths) : `/${this.#segment()}/${this.#segment()}`;
    const method = chance.is(0.6) ? 'GET' : chance.oneOf(['POST', ...methods]);
    return this.#request({ transport: 'other paths', method, path, headers: {}, isEndless: false });
  }
}
