import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { newMessage, readMessage, writeMessage } from './messages.mjs';

/**
 * @typedef {import('./messages.mjs').Message} Message
 * @typedef {import('./messages.mjs').Content} Content
 * @typedef {{
 *   readonly transport: string,
 *   readonly ip: string,
 *   readonly key: string,
 *   readonly shell_port: number,
 *   readonly control_port: number,
 *   readonly iopub_port: number,
 *   readonly stdin_port: number,
 *   readonly hb_port: number,
 * }} Connection what Jupyter writes into the connection file
 * @typedef {(type: string, content: Content) => void} Reply
 * @typedef {object} Sockets
 * @property {(type: string, content: Content, parent?: Message, metadata?: Content) => void} publish sends to every front end
 * @property {() => void} close
 */

/**
 * The five sockets of a kernel, with the binding that tslab brings: tslab's own server answers a request with one reply,
 * and execute_input, execute_result, error, the status at the start, unlimited output and interrupts by message do not fit
 * into it.
 * @param {{
 *   connection: Connection,
 *   onRequest: (request: Message, reply: Reply) => void,
 *   onError: (error: unknown) => void,
 * }} options `onRequest`: called for each request, at once and in the order of arrival; `onError`: what goes wrong on the
 *   wire itself.
 * @returns {Promise<Sockets>}
 */
export const openSockets = async ({ connection, onRequest, onError }) => {
  const require = createRequire(createRequire(import.meta.url).resolve('tslab/dist/jupyter.js'));
  /** @type {unknown} */
  const binding = require('zeromq');
  const zmq = /** @type {typeof import('zeromq')} */ (binding);
  const shell = new zmq.Router();
  const control = new zmq.Router();
  const stdin = new zmq.Router();
  const iopub = new zmq.Publisher();
  const beats = new zmq.Reply();
  for (const socket of [shell, control, stdin, iopub]) {
    // No limit, or the 1001st message that a front end has not fetched yet would be dropped; no wait, so that sending is
    // done when `send` returns. What a cell can send is limited elsewhere (output.mjs).
    socket.sendHighWaterMark = 0;
    socket.sendTimeout = 0;
  }
  /** @param {number} port */
  const address = (port) => `${connection.transport}://${connection.ip}:${String(port)}`;

  /** @param {import('zeromq').Router} socket */
  const listen = async (socket) => {
    for await (const frames of socket) {
      try {
        const request = readMessage(frames, connection.key);
        const { identities } = request;
        onRequest(request, (type, content) => {
          const reply = writeMessage(newMessage(type, content, request, { identities }), connection.key);
          socket.send(/** @type {Buffer[]} */ (reply)).catch(onError);
        });
      } catch (error) {
        onError(error);
      }
    }
  };
  const echo = async () => {
    for await (const beat of beats) await beats.send(beat);
  };

  await Promise.all([
    shell.bind(address(connection.shell_port)),
    control.bind(address(connection.control_port)),
    stdin.bind(address(connection.stdin_port)),
    iopub.bind(address(connection.iopub_port)),
    beats.bind(address(connection.hb_port)),
  ]);
  for (const work of [listen(shell), listen(control), echo()]) work.catch(onError);

  return {
    publish: (type, content, parent, metadata = {}) => {
      const message = newMessage(type, content, parent, { identities: [Buffer.from(type)], metadata });
      iopub.send(/** @type {Buffer[]} */ (writeMessage(message, connection.key))).catch(onError);
    },
    close: () => {
      for (const socket of [shell, control, stdin, iopub, beats]) socket.close();
    },
  };
};
