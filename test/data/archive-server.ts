import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';

/** One request as the server saw it. */
export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
}

/** How the server treats the n-th request (0, 1, …). */
export interface Conduct {
  /** Answers with this status and no file. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Cuts the connection after so many bytes of the answer. */
  readonly cutAfter?: number;
  /** Stops sending after so many bytes, without closing. */
  readonly stallAfter?: number;
  /** Knows no ranges. */
  readonly noRange?: boolean;
  /** Sends no entity tag and no date. */
  readonly noValidator?: boolean;
  /** Serves other bytes under another entity tag. */
  readonly bytes?: Buffer;
  /** Announces no length. */
  readonly noLength?: boolean;
}

export interface ArchiveServer {
  readonly address: string;
  readonly requests: SeenRequest[];
  close(): Promise<void>;
}

const tagOf = (bytes: Buffer): string => `"${bytes.length}-${bytes[0] ?? 0}-${bytes.at(-1) ?? 0}"`;

const answer = (bytes: Buffer, conduct: Conduct, request: IncomingMessage, response: ServerResponse): void => {
  if (conduct.status !== undefined) {
    response.writeHead(conduct.status, conduct.headers).end('no file');
    return;
  }
  const tag = tagOf(bytes);
  const headers: Record<string, string | number> = { ...conduct.headers };
  if (conduct.noValidator !== true) headers['etag'] = tag;
  const [, start] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
  const ranged = start !== undefined && conduct.noRange !== true && request.headers['if-range'] === tag;
  let body = bytes;
  let status = 200;
  if (ranged) {
    const from = Number(start);
    if (from >= bytes.length) {
      response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
      return;
    }
    status = 206;
    body = bytes.subarray(from);
    headers['content-range'] = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  }
  if (conduct.noLength !== true) headers['content-length'] = body.length;
  response.writeHead(status, headers);
  const most = conduct.cutAfter ?? conduct.stallAfter;
  if (most === undefined) {
    response.end(body);
    return;
  }
  response.write(body.subarray(0, most), () => {
    if (conduct.cutAfter !== undefined) response.socket?.destroySoon();
  });
};

/** A real HTTP server on this machine that serves `bytes`, treating its requests as `conduct` says in turn. */
export const serveArchive = async (
  bytes: Buffer,
  conduct: readonly Conduct[] = [],
  base: Conduct = {},
): Promise<ArchiveServer> => {
  const requests: SeenRequest[] = [];
  const server: Server = createServer((request, response) => {
    const now = { ...base, ...conduct[requests.length] };
    requests.push({
      path: request.url ?? '',
      range: request.headers.range,
      ifRange: request.headers['if-range'] as string | undefined,
    });
    answer(now.bytes ?? bytes, now, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
  after(close);
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/archive.tar.gz`, requests, close };
};
