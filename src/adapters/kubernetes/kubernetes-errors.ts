import { STATUS_CODES } from 'node:http';
import { ClusterAway, ClusterRefused, PatchConflict } from '../../domain/cluster.ts';
import { textOf } from './trim.ts';

export function away(cluster: string, why: string, cause?: unknown): ClusterAway {
  return new ClusterAway(`cluster "${cluster}" is away: ${why}`, { cause });
}

/** The API server answered, and said that it cannot. */
export class ServerFailed extends ClusterAway {}

/** What an answer other than 2xx means. The body is Kubernetes' Status, or whatever stands between wrote. */
export function refusal(cluster: string, method: string, status: number, body: string): Error {
  const said = readStatus(body);
  const reason = said.reason ?? STATUS_CODES[status] ?? 'Unknown';
  const message = said.message ?? `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim();
  // 401 comes here only after the credentials were renewed, 3xx from nothing that is an API server.
  if (status < 400 || status >= 500 || status === 401 || status === 408 || status === 429) {
    return new ServerFailed(`cluster "${cluster}" is away: ${said.message ? `HTTP ${status}, ${message}` : message}`);
  }
  if (status === 409 && method === 'PATCH') return new PatchConflict(message);
  return new ClusterRefused(status, reason, message);
}

/** What a request that got no answer means. Addresses and the like stay in the cause. */
export function unanswered(cluster: string, error: unknown, milliseconds: number): Error {
  if (error instanceof ClusterAway || error instanceof ClusterRefused || error instanceof PatchConflict) return error;
  const { name, code, syscall } = plain(error);
  if (name === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT') {
    return away(cluster, `no answer within ${milliseconds / 1000} s`, error);
  }
  if (code === 'UND_ERR_BODY_TIMEOUT') return away(cluster, 'the connection fell silent', error);
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return away(cluster, 'connect ETIMEDOUT', error);
  if (code === 'UND_ERR_SOCKET') return away(cluster, 'the connection was closed', error);
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED')
    return away(cluster, 'this process is stopping', error);
  return away(cluster, [syscall, code ?? 'the request failed'].filter(Boolean).join(' '), error);
}

/** An exec plugin's output and a kubeconfig's content may hold secrets: only the error's code is told, and no cause kept. */
export function credentialsFailed(cluster: string, error: unknown): ClusterAway {
  const { code } = plain(error);
  return away(cluster, `its credentials could not be had${code ? ` (${code})` : ''}`);
}

function plain(error: unknown): { name?: string; code?: string; syscall?: string } {
  const { name, code, syscall, errors } = error as Partial<NodeJS.ErrnoException> & { errors?: unknown[] };
  // Several addresses were tried: the first failure stands for all.
  if (Array.isArray(errors) && errors.length > 0 && !syscall) return plain(errors[0]);
  return { name, code: typeof code === 'string' ? code : undefined, syscall };
}

function readStatus(body: string): { reason?: string; message?: string } {
  try {
    const { kind, reason, message } = JSON.parse(body) as { kind?: string; reason?: string; message?: string };
    return kind === 'Status' ? { reason: reason || undefined, message: textOf(message) || undefined } : {};
  } catch {
    return {};
  }
}
