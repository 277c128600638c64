const key = Buffer.from('"managedFields":[');
const [quote, backslash, opening, closing] = Buffer.from('"\\[]');

/**
 * The text of an object on the wire, its managedFields empty: two fifths of a pod's bytes, which nobody here reads and
 * which are the dearest to parse, all small objects. What looks like the key in somebody's text has its quotes escaped.
 */
export function withoutManagedFields(line: Buffer): string {
  const start = line.indexOf(key) + key.length;
  const end = start < key.length ? -1 : endOfArray(line, start);
  return end === -1 ? line.toString('utf8') : line.toString('utf8', 0, start) + line.toString('utf8', end);
}

/** Where the array's closing bracket stands, or -1. */
function endOfArray(line: Buffer, start: number): number {
  let depth = 1;
  for (let i = start; i < line.length; i += 1) {
    const byte = line[i];
    if (byte === quote) {
      for (i += 1; i < line.length && line[i] !== quote; i += 1) if (line[i] === backslash) i += 1;
    } else if (byte === opening) depth += 1;
    else if (byte === closing && (depth -= 1) === 0) return i;
  }
  return -1;
}
