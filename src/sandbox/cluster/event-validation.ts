import { required, wrong } from './field-faults.ts';
import { type JsonObject, isJsonObject, textOf } from './json.ts';
import { type Cause, badRequest } from './refusals.ts';

/** With microseconds: Go's MicroTime reads nothing else. */
const microTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/;
const longestEventTexts = { reportingInstance: 128, action: 128, reason: 128, message: 1024 };

/** An event with an `eventTime` is one of the newer kind, of which more is asked. */
export function* eventFaults(event: JsonObject): Generator<Cause> {
  const metadata = isJsonObject(event['metadata']) ? event['metadata'] : {};
  const involved = isJsonObject(event['involvedObject']) ? event['involvedObject'] : {};
  const namespace = textOf(involved['namespace']);
  const isOfDefault = namespace === '' && metadata['namespace'] === 'default';
  if (namespace !== metadata['namespace'] && !isOfDefault) {
    yield wrong('involvedObject.namespace', JSON.stringify(namespace), 'does not match event.namespace');
  }
  const at = event['eventTime'] ?? null;
  if (at === null) return;
  if (!microTime.test(textOf(at))) {
    const why = `parsing time ${JSON.stringify(at)} as "2006-01-02T15:04:05.000000Z07:00"`;
    throw badRequest(`Event in version "v1" cannot be handled as a Event: v1.Event.EventTime: ${why}`);
  }
  if (textOf(event['reportingComponent']) === '') yield required('reportingController');
  for (const [field, longest] of Object.entries(longestEventTexts)) {
    const text = textOf(event[field]);
    if (text === '' && field !== 'message') yield required(field);
    if (text.length > longest) yield wrong(field, '""', `can have at most ${longest} characters`);
  }
}
