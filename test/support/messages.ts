import type { Message } from '../../src/domain/notifications.ts';

/** A message as the outbox gives it: alice's ticket for web, redeployed at 10:00. */
export const newMessage = (
  changes: Partial<Message['data']> = {},
  type: Message['type'] = 'operation.started',
): Message => ({
  id: 'a1b2c3d4-7',
  type,
  at: '2025-08-22T10:00:00.000Z',
  sequence: 42,
  applications: ['web', 'api'],
  data: {
    ticketNo: 'a1b2c3d4',
    status: 'REDEPLOYING',
    requester: 'alice',
    reason: 'it answers 500',
    breakGlass: false,
    username: 'alice',
    applicationName: 'web',
    operationId: '0198d0a0-0000-7000-8000-00000000000a',
    cluster: 'main',
    namespace: 'production',
    rolloutStatus: 'STARTED',
    expires: null,
    message: 'redeploy of web started (RESTART, RollingUpdate)',
    details: { type: 'RESTART' },
    ...changes,
  },
});
