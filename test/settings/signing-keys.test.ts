import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConfigError } from '../../src/settings/config.ts';
import { loadSigningKeys } from '../../src/settings/signing-keys.ts';
import { newKeyPem, publicPemOf } from '../support/sealed-record.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cratos-keys-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const load = async (pem: string) => {
  const file = join(folder, 'audit.pem');
  await writeFile(file, pem);
  return loadSigningKeys(file);
};

test('the private key signs, and it and the earlier public ones are taken', async () => {
  const [present, former] = [newKeyPem(), newKeyPem()];
  const { keyId, publicKeys } = await load(`${present}\n${publicPemOf(former)}`);
  expect(publicKeys.size).toBe(2);
  expect([...publicKeys.keys()][0]).toBe(keyId);
  expect((await load(present)).keyId).toBe(keyId);
});

test.for([
  ['is empty', '', 'holds no key in PEM'],
  ['holds a public key alone', publicPemOf(newKeyPem()), 'holds no private key'],
  [
    'holds a key of another kind',
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    'holds a key that is not Ed25519',
  ],
] as const)('a file that %s is refused by name, and nothing of it is repeated', async ([, pem, why]) => {
  const error = await load(pem).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as Error).message).toBe(`AUDIT_SIGNING_KEY_FILE ${join(folder, 'audit.pem')} cannot be used: ${why}`);
});

test('a file that is not there is refused by name', async () => {
  await expect(loadSigningKeys(join(folder, 'nowhere'))).rejects.toThrow(
    /^AUDIT_SIGNING_KEY_FILE .*nowhere cannot be used: ENOENT/,
  );
});
