import { type DefaultConnectionArguments, resolveCursorConnection } from '@pothos/plugin-relay';
import type { Page } from '../operations/reads.ts';

/** A keyset page: cursors are the rows' own order keys, so that a deep page costs what the first one does. */
export const keysetConnection = <Row>(
  args: DefaultConnectionArguments,
  cursorOf: (row: Row) => string,
  load: (page: Page) => Promise<Row[]>,
) =>
  resolveCursorConnection<Promise<Row[]>>(
    { args, toCursor: cursorOf, maxSize: 100 },
    ({ before, after, limit, inverted }) => load({ before: before ?? null, after: after ?? null, limit, inverted }),
  );
