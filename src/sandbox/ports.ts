import { connect, createServer } from 'node:net';

const STEPS = 100;

/** The preferred port, or the next one that nobody holds; 0 lets the system choose. Loopback only. */
export async function freePort(preferred: number): Promise<number> {
  if (preferred > 0) {
    const last = Math.min(preferred + STEPS, 65_535);
    for (let port = preferred; port <= last; port++) {
      // macOS lets 127.0.0.1 be bound beside a listener on every address, which would then be hidden.
      if (!(await isAnswered(port)) && (await bind(port))) return port;
    }
  }
  const port = await bind(0);
  if (port === undefined) throw new Error('No free port on 127.0.0.1.');
  return port;
}

function bind(port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
    });
  });
}

function isAnswered(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).finally(() => socket.destroy());
}
