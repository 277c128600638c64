import type { Command, Redis } from 'ioredis';
import { inSpan, type Tracing } from '../../domain/tracing.ts';

/** A span for each command that is part of a trace: its name, and nothing of its arguments. */
export function spanCommands(redis: Redis, tracing: Tracing): Redis {
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (command: Command, ...more) => {
    if (tracing.traceparent === null) return send(command, ...more);
    const name = command.name.toUpperCase();
    const attributes = { 'db.system.name': 'redis', 'db.operation.name': name };
    return inSpan(tracing, name, { kind: 'client', attributes }, () => send(command, ...more));
  };
  return redis;
}
