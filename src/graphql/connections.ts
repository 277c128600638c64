import { type DefaultConnectionArguments, resolveCursorConnection } from '@pothos/plugin-relay';
import { RedeployError } from '../domain/errors.ts';
import type { Page } from '../operations/pages.ts';

/** A keyset page: cursors are the rows' own order keys, so that a deep page costs what the first one does. */
export const keysetConnection = <Row>(
  args: DefaultConnectionArguments,
  cursorOf: (row: Row) => string,
  load: (page: Page) => Promise<Row[]>,
): ReturnType<typeof resolveCursorConnection<Promise<Row[]>>> => {
  requirePageSize(args);
  return resolveCursorConnection<Promise<Row[]>>(
    { args, toCursor: cursorOf, defaultSize: standardPage, maxSize: largestPage },
    ({ before, after, limit, inverted }) => load({ before: before ?? null, after: after ?? null, limit, inverted }),
  );
};

export const largestPage = 100;
/** Where neither first nor last is given; Relay's plugin has it so. */
export const standardPage = 20;

function requirePageSize({ first, last }: DefaultConnectionArguments): void {
  for (const [name, size] of [
    ['first', first],
    ['last', last],
  ] as const) {
    if (size == null || (size >= 0 && size <= largestPage)) continue;
    throw new RedeployError('INVALID_INPUT', `${name} must be between 0 and ${largestPage}`, { fields: [name] });
  }
  if (first != null && last != null) {
    throw new RedeployError('INVALID_INPUT', 'give first or last, not both', { fields: ['first', 'last'] });
  }
}
