import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';

export function isListening(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect(port, host);
  return new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
  }).finally(() => socket.destroy());
}

/** The addresses of this machine, other than 127.0.0.1, at which the port answers. */
export async function listensBeyondLoopback(port: number): Promise<string[]> {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  // 127.0.0.2 stands for "every interface" where this machine has no network.
  const others = [...own.map(({ address, scopeid }) => (scopeid ? undefined : address)), '127.0.0.2'].filter(
    (address) => address !== undefined && address !== '127.0.0.1',
  ) as string[];
  const answers = await Promise.all(others.map(async (address) => ((await isListening(port, address)) ? address : '')));
  return answers.filter(Boolean);
}
