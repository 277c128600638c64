import { readFile } from 'node:fs/promises';
import { readKeys, type SigningKeys } from '../domain/checkpoint-signature.ts';
import { ConfigError } from './config.ts';

/** The key that signs checkpoints, and those before it. Throws ConfigError; its message holds nothing of the key. */
export async function loadSigningKeys(file: string): Promise<SigningKeys> {
  const unusable = (why: string) => new ConfigError(`AUDIT_SIGNING_KEY_FILE ${file} cannot be used: ${why}`);
  const pem = await readFile(file, 'utf8').catch((error: Error) => {
    throw unusable(error.message);
  });
  let signing: SigningKeys | null;
  try {
    ({ signing } = readKeys(pem));
  } catch (error) {
    throw unusable((error as Error).message);
  }
  if (signing === null) throw unusable('holds no private key');
  return signing;
}
