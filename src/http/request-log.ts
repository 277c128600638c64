import { AsyncResource } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { RedeployError } from '../domain/errors.ts';
import type { SignIn, VerifySignIn } from '../domain/sign-in.ts';
import type { ClientAddressOf } from './client-address.ts';

/** Signs in whoever sent a request, by its own header unless another value is given. Throws as the port does. */
export type SignInOf = (request: IncomingMessage, authorization?: string | null) => Promise<SignIn>;

/** Who signs in is known with the address that the request came from; who does not is logged with it. */
export const signInOf =
  (verifySignIn: VerifySignIn, addressOf: ClientAddressOf, log: Logger): SignInOf =>
  async (request, authorization = request.headers.authorization) => {
    const clientAddress = addressOf(request); // a connection that is gone has none
    try {
      const { actor, ...signIn } = await verifySignIn(authorization);
      return { actor: { ...actor, clientAddress }, ...signIn };
    } catch (error) {
      if (error instanceof RedeployError) {
        log.info({ clientAddress, code: error.code, reason: error.message }, 'sign-in refused');
      }
      throw error;
    }
  };

const longestPath = 200;

/** Logs a request once it is over, without its query: that may hold anything. */
export function logRequest(
  log: Logger,
  addressOf: ClientAddressOf,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (!log.isLevelEnabled('debug')) return;
  const clientAddress = addressOf(request);
  const { method, url = '' } = request;
  const path = url
    .replace(/\?.*$/s, '')
    .slice(0, longestPath)
    .replaceAll(/[^!-~]/g, encodeURIComponent);
  const tell = () => log.debug({ clientAddress, method, path, status: response.statusCode }, 'request');
  response.once('close', AsyncResource.bind(tell)); // in the request's trace
}

/** Logs a WebSocket once it is closed. */
export function logConnection(
  log: Logger,
  addressOf: ClientAddressOf,
  request: IncomingMessage,
  socket: WebSocket,
): void {
  const clientAddress = addressOf(request);
  socket.on('close', (code) => log.debug({ clientAddress, code }, 'WebSocket closed'));
}
