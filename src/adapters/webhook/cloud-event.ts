import type { Message } from '../../domain/notifications.ts';

/**
 * CloudEvents 1.0, structured mode, with the extensions Partitioning and Sequence: events of one partitionkey come in
 * the order of their sequence, which is comparable as text.
 */
export function cloudEvent({ id, type, at, data, sequence, applications }: Message): object {
  return {
    specversion: '1.0',
    id,
    source: '/cratos-redeploy',
    type: `dev.cratos.redeploy.${type}`,
    subject: data.ticketNo,
    time: at,
    datacontenttype: 'application/json',
    partitionkey: data.ticketNo,
    sequence: String(sequence).padStart(12, '0'),
    data: { ...data, applications },
  };
}
