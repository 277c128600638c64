import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';

/** SHA-256, hexadecimal, over the canonical JSON (RFC 8785) of a value: the same for the same content, however it is written. */
export const canonicalHash = (value: object): string => hash('sha256', canonicalize(value)!);
