import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Router } from 'zeromq';
import type { ControlData, FromControl } from './control-thread.mjs';
import { type Content, type Message, newMessage, readMessage, writeMessage } from './messages.mjs';

/** What Jupyter writes into the connection file. */
export interface Connection {
  readonly transport: string;
  readonly ip: string;
  readonly key: string;
  readonly shell_port: number;
  readonly control_port: number;
  readonly iopub_port: number;
  readonly stdin_port: number;
  readonly hb_port: number;
}

export interface Server {
  /** Sends to every front end. */
  readonly publish: (type: string, content: Content, parent?: Message, metadata?: Content) => void;
  /** Resolves when everything is on its way. */
  readonly close: () => Promise<void>;
}

export type Reply = (type: string, content: Content) => void;

export interface ServerOptions {
  readonly connection: Connection;
  /** Called for each request, at once and in the order of arrival. */
  readonly onRequest: (request: Message, reply: Reply) => Promise<void>;
  /** An interrupt by message, told before its request is. */
  readonly onInterrupt: () => void;
  /** The control thread stopped JavaScript that held the main thread: its promises will never settle. */
  readonly onStopped: (frames: readonly string[]) => void;
  /** What goes wrong on the wire itself. */
  readonly onError: (error: unknown) => void;
}

/**
 * The five sockets of a kernel, two of them in a thread of their own. tslab's `ZmqServer` answers a request with one
 * reply on one thread; execute_input, execute_result, error, the status at the start, unlimited output and interrupts by
 * message do not fit into it, and its message class is not exported. So the sockets are opened here, with the binding
 * that tslab brings.
 */
export const openServer = async (options: ServerOptions): Promise<Server> => {
  const { connection, onRequest, onInterrupt, onStopped, onError } = options;
  const require = createRequire(createRequire(import.meta.url).resolve('tslab/dist/jupyter.js'));
  const zmq = require('zeromq') as typeof import('zeromq');
  const shell = new zmq.Router();
  const stdin = new zmq.Router();
  const iopub = new zmq.Publisher();
  for (const socket of [shell, stdin, iopub]) {
    // No limit, or the 1001st message that a front end has not fetched yet would be dropped; no wait, so that sending is
    // done when `send` returns, whatever a cell does to the event loop afterwards.
    socket.sendHighWaterMark = 0;
    socket.sendTimeout = 0;
  }
  const address = (port: number): string => `${connection.transport}://${connection.ip}:${port}`;

  const receive = (frames: readonly Uint8Array[], send: (frames: Uint8Array[]) => void): void => {
    try {
      const request = readMessage(frames, connection.key);
      const { identities } = request;
      const reply: Reply = (type, content) => {
        send(writeMessage(newMessage(type, content, request, { identities }), connection.key));
      };
      onRequest(request, reply).catch(onError);
    } catch (error) {
      onError(error);
    }
  };

  const listen = async (socket: Router): Promise<void> => {
    const send = (frames: Uint8Array[]): void => {
      socket.send(frames as Buffer[]).catch(onError);
    };
    for await (const frames of socket) receive(frames, send);
  };

  await Promise.all([
    shell.bind(address(connection.shell_port)),
    stdin.bind(address(connection.stdin_port)),
    iopub.bind(address(connection.iopub_port)),
  ]);
  listen(shell).catch(onError);

  const heard = new Int32Array(new SharedArrayBuffer(4));
  const control = new Worker(new URL('control-thread.mjs', import.meta.url), {
    execArgv: [],
    workerData: {
      control: address(connection.control_port),
      heartbeat: address(connection.hb_port),
      key: connection.key,
      heard,
    } satisfies ControlData,
  });
  control.on('error', onError);
  control.on('message', (message: FromControl) => {
    if ('interrupt' in message) {
      Atomics.store(heard, 0, message.interrupt);
      onInterrupt();
    } else if ('stopped' in message) {
      onStopped(message.stopped);
    } else if ('frames' in message) {
      receive(message.frames, (frames) => {
        control.postMessage(frames);
      });
    } else {
      onError(message.error);
    }
  });

  return {
    publish: (type, content, parent, metadata = {}) => {
      const message = newMessage(type, content, parent, { identities: [Buffer.from(type)], metadata });
      iopub.send(writeMessage(message, connection.key) as Buffer[]).catch(onError);
    },
    close: async () => {
      const closed = new Promise((resolve) => control.once('exit', resolve));
      control.postMessage('close');
      await closed;
      for (const socket of [shell, stdin, iopub]) socket.close();
    },
  };
};
