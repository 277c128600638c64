import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { WebSocketServer } from 'ws';

/** The least that can be done: what Redis brings goes as it is to everybody who is connected. */
export async function startBareBroadcast(redisUrl: string, channel: string) {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  const redis = new Redis(redisUrl);
  await redis.subscribe(channel);
  redis.on('messageBuffer', (_channel: Buffer, message: Buffer) => {
    for (const socket of sockets.clients) socket.send(message, { binary: false });
  });
  return {
    url: `ws://127.0.0.1:${(sockets.address() as AddressInfo).port}`,
    stop: async () => {
      redis.disconnect();
      for (const socket of sockets.clients) socket.terminate();
      await new Promise((resolve) => sockets.close(resolve));
    },
  };
}
