import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import canonicalize from 'canonicalize';
import { type Checkpoint, hashSeal, type SealContent, sealContentOf } from './audit-seal.ts';

/** Public keys by their id. */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

/** What signs, and whose signatures are taken: the same key's, and those of the keys before it. */
export type SigningKeys = { privateKey: KeyObject; keyId: string; publicKeys: PublicKeys };

/** SHA-256, hexadecimal, of the public key's SubjectPublicKeyInfo (DER). */
const keyIdOf = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');

/**
 * Ed25519 keys in PEM: a private key (PKCS #8) to sign with, and public ones (SPKI) of earlier times, in any number.
 * Throws where one is of another kind, or where there is more than one private key.
 */
export function readKeys(pem: string): { signing: SigningKeys | null; publicKeys: PublicKeys } {
  const blocks = pem.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) ?? [];
  if (blocks.length === 0) throw new Error('holds no key in PEM');
  const privateKeys = blocks.filter((block) => block.includes('PRIVATE KEY')).map((block) => createPrivateKey(block));
  const publicKeys = [
    ...privateKeys.map((key) => createPublicKey(key)),
    ...blocks.filter((block) => !block.includes('PRIVATE KEY')).map((block) => createPublicKey(block)),
  ];
  if (publicKeys.some((key) => key.asymmetricKeyType !== 'ed25519')) throw new Error('holds a key that is not Ed25519');
  if (privateKeys.length > 1) throw new Error('holds more than one private key');
  const known: PublicKeys = new Map(publicKeys.map((key) => [keyIdOf(key), key]));
  const [privateKey] = privateKeys;
  const signing = privateKey ? { privateKey, keyId: keyIdOf(publicKeys[0]!), publicKeys: known } : null;
  return { signing, publicKeys: known };
}

const signedBytes = (content: SealContent): Buffer => Buffer.from(canonicalize(sealContentOf(content))!);

/** Without a key it is a link of the chain and no more. */
export function checkpointOf(content: SealContent, keys: SigningKeys | null): Checkpoint {
  const signature = keys && sign(null, signedBytes(content), keys.privateKey).toString('base64');
  return { ...content, hash: hashSeal(content), keyId: keys && keys.keyId, signature };
}

export const isSignedBy = (checkpoint: Checkpoint, publicKey: KeyObject): boolean =>
  checkpoint.signature !== null &&
  verify(null, signedBytes(checkpoint), publicKey, Buffer.from(checkpoint.signature, 'base64'));
