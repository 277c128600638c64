import { decodeGlobalID, encodeGlobalID } from '@pothos/plugin-relay';
import { isUuid } from '../operations/reads.ts';

const operationType = 'RedeployOperation';

export const operationGlobalId = (id: string): string => encodeGlobalID(operationType, id);

/** An operation's UUID from its global id, or from itself; anything else comes back as it is and will not be found. */
export function uuidOf(id: string): string {
  if (isUuid(id)) return id;
  try {
    const { typename, id: uuid } = decodeGlobalID(id);
    return typename === operationType ? uuid : id;
  } catch {
    return id;
  }
}
