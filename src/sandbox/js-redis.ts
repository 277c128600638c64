import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import {
  attachSession,
  createRedisCommandExecutor,
  RedisServerState,
  SocketConnectionTransport,
} from 'js-redis-server/core';

/**
 * The commands of js-redis-server behind a listener of our own: the package's listens on every interface and leaves
 * Nagle's algorithm on, which costs 44 ms a batch.
 */
export async function startJsRedis(port: number): Promise<{ port: number; stop(): Promise<void> }> {
  const state = new RedisServerState({ databaseCount: 16 });
  const executor = createRedisCommandExecutor();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const clientAddress = `${socket.remoteAddress}:${socket.remotePort}`;
    attachSession(new SocketConnectionTransport(socket), { state, executor, clientAddress });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          state.close();
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}
