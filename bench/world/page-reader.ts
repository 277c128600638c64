import { ProcessApart } from './process-apart.ts';

/** What is asked for, of whom, and as whom. */
export type Reading = { url: string; request: PageRequest; variables: object; tokens: readonly string[] };
/** A document, or a name of one. */
export type PageRequest = { query: string } | { extensions: object };
export type ReaderOrder = { open: Reading } | { read: number };

/** Clients that ask for the same page again and again, in a process of their own. */
export class PageReader extends ProcessApart<ReaderOrder> {
  private constructor() {
    super('page-reader-process.ts');
  }

  static async open(reading: Reading): Promise<PageReader> {
    const reader = new PageReader();
    await reader.tell({ open: reading });
    return reader;
  }

  /** Answers with what came last. */
  read(pages: number): Promise<string> {
    return this.tell({ read: pages }) as Promise<string>;
  }
}
