import { openDatabase } from '../../src/adapters/database/database.ts';
import { CreateTicketDocument, RegisterApplicationDocument } from '../../src/documents/generated/graphql.ts';
import type { Keep } from '../harness/benchmark.ts';
import { startWorld, type World } from './dependencies.ts';
import { DeskClient } from './desk-client.ts';
import { quiet, startProduct } from './product.ts';

export type DatabaseUrls = { service: string; owner: string };

/** Two databases alike, each with one ticket that two people have to approve. */
export type ApprovalsSetting = { world: World; productUrls: DatabaseUrls; plainUrls: DatabaseUrls };

export async function prepareApprovals(keep: Keep): Promise<ApprovalsSetting> {
  const world = await startWorld(keep);
  const service = await startProduct(quiet(world));
  const desk = new DeskClient(service, world);
  const registration = {
    name: 'payments',
    businessTags: [{ tagKey: 'critical', tagValue: 'true' }],
    owners: { users: ['alice'] },
    targets: [{ namespace: 'production', deploymentName: 'payments' }],
  };
  await desk.ask('grace', RegisterApplicationDocument, { input: registration });
  await desk.ask('alice', CreateTicketDocument, {
    input: {
      workOrderKey: 'APPLICATION_REDEPLOY',
      reason: 'it answers 500',
      category: 'BUG_FIX',
      entries: [{ detail: { applicationName: 'payments' } }],
    },
  });
  await service.stop();
  const productUrls = { service: world.env['DATABASE_URL']!, owner: world.ownerUrl };
  const named = (url: string, pathname: string): string => Object.assign(new URL(url), { pathname }).toString();
  // Not from the database that is cloned: that must have no connection.
  const owner = openDatabase(named(world.ownerUrl, '/postgres'), 1);
  const template = new URL(world.ownerUrl).pathname.slice(1);
  await owner.em.fork().execute(`create database plain template ${template}`);
  await owner.close(true);
  const plainUrls = { service: named(productUrls.service, '/plain'), owner: named(productUrls.owner, '/plain') };
  return { world, productUrls, plainUrls };
}
