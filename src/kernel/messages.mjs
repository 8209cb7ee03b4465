import { Buffer } from 'node:buffer';
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

/**
 * Jupyter's wire protocol, version 5.3: https://jupyter-client.readthedocs.io/en/latest/messaging.html
 * Plain JavaScript, because the control thread reads messages too and loads no TypeScript.
 *
 * @typedef {{
 *   readonly msg_id: string,
 *   readonly session: string,
 *   readonly username: string,
 *   readonly date: string,
 *   readonly msg_type: string,
 *   readonly version: string,
 * }} Header
 * @typedef {Record<string, unknown>} Content
 * @typedef {{
 *   readonly identities: readonly Uint8Array[],
 *   readonly header: Header,
 *   readonly parent: Header | undefined,
 *   readonly metadata: Content,
 *   readonly content: Content,
 * }} Message `identities`: the route back to whoever asked; on iopub the topic.
 */

const delimiter = Buffer.from('<IDS|MSG>');
const session = randomUUID();

/**
 * @param {string} key
 * @param {readonly Uint8Array[]} parts
 */
const signature = (key, parts) => {
  if (key === '') return '';
  const hash = createHmac('sha256', key);
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** The signatures of what was received, the latest of them, as jupyter_client keeps them. @type {Set<string>} */
const seen = new Set();
const remembered = 2 ** 16;

/**
 * Throws where the frames are no message, are not signed with `key` or came before.
 * @param {readonly Uint8Array[]} frames
 * @param {string} key
 * @returns {Message}
 */
export const readMessage = (frames, key) => {
  const at = frames.findIndex((frame) => delimiter.equals(frame));
  const parts = frames.slice(at + 2, at + 6);
  const given = frames[at + 1];
  if (at < 0 || !given || parts.length < 4) throw new Error('not a Jupyter message');
  const wanted = Buffer.from(signature(key, parts));
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    throw new Error('a message with a wrong signature');
  }
  if (key !== '') {
    const text = given.toString();
    if (seen.has(text)) throw new Error('a message that was received before');
    seen.add(text);
    if (seen.size > remembered) seen.delete(/** @type {string} */ (seen.values().next().value));
  }
  const [header, parent, metadata, content] = parts.map(
    (part) => /** @type {unknown} */ (JSON.parse(Buffer.from(part).toString())),
  );
  return {
    identities: frames.slice(0, at),
    header: /** @type {Header} */ (header),
    parent: /** @type {Header} */ (parent),
    metadata: /** @type {Content} */ (metadata),
    content: /** @type {Content} */ (content),
  };
};

const loneHalf = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
/** @param {string} text */
const wellFormed = (text) => text.replace(loneHalf, '\uFFFD');

/**
 * @param {Message} message
 * @param {string} key
 * @returns {Uint8Array[]}
 */
export const writeMessage = ({ identities, header, parent, metadata, content }, key) => {
  const parts = [header, parent ?? {}, metadata, content].map((part) =>
    // A half of a character, which JSON escapes, could not be saved in a notebook's file.
    Buffer.from(
      JSON.stringify(part, (_, /** @type {unknown} */ value) =>
        typeof value === 'string' ? wellFormed(value) : value,
      ),
    ),
  );
  return [...identities, delimiter, Buffer.from(signature(key, parts)), ...parts];
};

/**
 * A message of ours, in answer to `parent`.
 * @param {string} type
 * @param {Content} content
 * @param {Message} [parent]
 * @param {{ identities?: readonly Uint8Array[], metadata?: Content }} [options]
 * @returns {Message}
 */
export const newMessage = (type, content, parent, { identities = [], metadata = {} } = {}) => ({
  identities,
  header: {
    msg_id: randomUUID(),
    session,
    username: parent?.header.username ?? 'kernel',
    date: new Date().toISOString(),
    msg_type: type,
    version: '5.3',
  },
  parent: parent?.header,
  metadata,
  content,
});
