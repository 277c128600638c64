import type { Benchmark, OpenSide } from '../harness/benchmark.ts';
import { openDatabase } from '../../src/adapters/database/database.ts';
import { listAuditRecords } from '../../src/operations/audit-lists.ts';
import { instantCursor } from '../../src/operations/pages.ts';
import { fillRecord } from '../../test/support/audit-rows.ts';
import { explainStatement, statementText } from '../../test/support/plans.ts';
import { startWorld, type World } from '../world/dependencies.ts';
import { quiet, startProduct } from '../world/product.ts';

/** All five million take minutes to be stored, of which a whole run has not enough. */
const records = Number(process.env['BENCH_AUDIT_RECORDS'] ?? 500_000);
const pageSize = 50;
const pagesPerRound = 200;

/** Pages of the record, newest first, behind so many records of it. */
const openAt =
  (depth: number) =>
  async ({ env, ownerUrl, postgresPid }: World): Promise<OpenSide> => {
    const orm = openDatabase(env['DATABASE_URL']!);
    const owner = openDatabase(ownerUrl, 1);
    const sql = <Row extends object>(text: string, params: unknown[] = []) =>
      owner.em.fork().execute<Row[]>(text, params);
    const [last] = await sql<{ id: string; at: string }>(
      'select id, at from audit_record where id <= (select max(id) from audit_record) - ? order by id desc limit 1',
      [Math.round(records * depth)],
    );
    const after = depth === 0 ? null : instantCursor({ id: last!.id, at: new Date(last!.at) });
    const readPage = () => listAuditRecords({ orm }, null, { after, before: null, limit: pageSize, inverted: false });
    return {
      pids: [postgresPid],
      round: async () => {
        for (let page = 0; page < pagesPerRound; page += 1) await readPage();
        return { units: pagesPerRound };
      },
      afterwards: async () => {
        const statements: string[] = [];
        const logger = orm.config.getLogger();
        const logQuery = logger.logQuery.bind(logger);
        logger.logQuery = (context) => void statements.push(statementText(orm, context));
        await readPage();
        logger.logQuery = logQuery;
        const { buffers } = await explainStatement(sql, statements[0]!);
        return { buffers };
      },
      close: async () => {
        await orm.close(true);
        await owner.close(true);
      },
    };
  };

const depths = { newest: 0, 'at 20 %': 0.2, 'at 40 %': 0.4, 'at 60 %': 0.6, 'at 80 %': 0.8 };

const benchmark: Benchmark<World> = {
  name: 'audit-pages',
  figures: {
    buffers: `PostgreSQL's buffers for a page of ${pageSize} of ${records.toLocaleString('en')} audit records`,
    cpu: 'µs of CPU of Node and PostgreSQL per page',
  },
  goals: [
    { figure: 'buffers', of: 'at 80 %', against: 'newest', atMost: 1.5 },
    { figure: 'buffers', of: 'at 80 %', atMost: 100 },
    { figure: 'cpu', of: 'at 80 %', against: 'newest', atMost: 1.5 },
  ],
  prepare: async (keep) => {
    const world = await startWorld(keep);
    const service = await startProduct(quiet(world)); // migrates
    await service.stop();
    await fillRecord(world, records);
    return world;
  },
  sides: Object.fromEntries(Object.entries(depths).map(([name, depth]) => [name, openAt(depth)])),
};

export default benchmark;
