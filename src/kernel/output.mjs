import { performance } from 'node:perf_hooks';

/**
 * What cells print and show, on its way to the front ends: gathered, so that a loop of prints is a few messages, and limited,
 * so that a notebook stays usable whatever a cell writes. What was left out is said.
 *
 * @typedef {'stdout' | 'stderr'} StreamName
 * @typedef {(type: string, content: Record<string, unknown>) => void} Send
 * @typedef {object} Output
 * @property {(name: StreamName, text: string) => void} write
 * @property {(content: Record<string, unknown>, id: string | undefined, update: boolean) => void} show
 * @property {(wait: boolean) => void} clear
 * @property {() => void} flush before anything else is sent, so that the order is kept
 * @property {() => void} end what was left out is said, what was held back is sent
 */

/** Text is sent in pieces of this size at most, and at the latest after this many milliseconds: of the first, of more. */
const pieceLength = 2 ** 16;
const delay = 25;
const longerDelay = 250;
const much = 20_000;
/** So many characters of a cell are sent, the last ones among them; of a line so many. */
const longestText = 4_000_000;
const longestTail = 100_000;
const longestLine = 200_000;
/** So many displays of a cell are sent, and so many updates and clearances before they are thinned out. */
const mostShows = 10_000;
const mostUpdates = 2000;
const thinned = 200;

/** @param {number} count */
const millions = (count) => (count < 1e6 ? count.toLocaleString('en') : `${(count / 1e6).toFixed(1)} million`);

/**
 * @param {Send} send
 * @param {(text: string) => string} readable
 * @returns {Output}
 */
export const createOutput = (send, readable) => {
  /** @type {StreamName} */
  let name = 'stdout';
  /** @type {string[]} */
  let pending = [];
  let length = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let sent = 0;
  let column = 0;
  let cutOfLine = 0;
  let dropped = 0;
  let tail = '';
  let shows = 0;
  let droppedShows = 0;
  let updates = 0;
  /** What the updates that were held back would show, by their place. @type {Map<string, Record<string, unknown>>} */
  const held = new Map();
  let heldSince = 0;

  const flushText = () => {
    clearTimeout(timer);
    timer = undefined;
    if (length === 0) return;
    const text = readable(pending.join(''));
    pending = [];
    length = 0;
    for (let at = 0; at < text.length;) {
      // Not between the halves of a character.
      const end = at + pieceLength - (/[\uD800-\uDBFF]/.test(text[at + pieceLength - 1] ?? '') ? 1 : 0);
      send('stream', { name, text: text.slice(at, end) });
      at = end;
    }
  };
  const sendHeld = () => {
    for (const content of held.values()) send('update_display_data', content);
    held.clear();
    heldSince = performance.now();
  };
  /** @param {string} text */
  const put = (text) => {
    pending.push(text);
    length += text.length;
    sent += text.length;
    if (length >= pieceLength) flushText();
    else timer ??= setTimeout(flushText, sent < much ? delay : longerDelay);
  };

  /** `text` with its lines cut that are too long for a browser. @param {string} text */
  const withShortLines = (text) => {
    if (column + text.length <= longestLine && cutOfLine === 0) {
      const last = text.lastIndexOf('\n');
      column = last < 0 ? column + text.length : text.length - last - 1;
      return text;
    }
    let out = '';
    for (let at = 0; at < text.length;) {
      const next = text.indexOf('\n', at);
      const end = next < 0 ? text.length : next;
      const room = Math.max(0, longestLine - column);
      out += text.slice(at, Math.min(end, at + room));
      cutOfLine += Math.max(0, end - at - room);
      column += Math.min(room, end - at);
      if (next >= 0) {
        if (cutOfLine > 0) out += `… [${millions(cutOfLine)} more characters of this line are not shown]`;
        out += '\n';
        column = 0;
        cutOfLine = 0;
      }
      at = end + 1;
    }
    return out;
  };

  const tellDropped = () => {
    if (cutOfLine > 0) put(`… [${millions(cutOfLine)} more characters of this line are not shown]\n`);
    column = 0;
    cutOfLine = 0;
    if (dropped > 0) {
      put(`\n[${millions(dropped)} characters are not shown; the last ones:]\n${tail}`);
      dropped = 0;
      tail = '';
    }
  };

  return {
    write(to, text) {
      if (text === '') return;
      if (to !== name) {
        flushText();
        name = to;
      }
      const shown = withShortLines(text);
      const room = longestText - sent;
      if (shown.length <= room) {
        if (shown !== '') put(shown);
        return;
      }
      if (room > 0) put(shown.slice(0, room));
      const rest = shown.slice(Math.max(0, room));
      tail = (tail + rest).slice(-longestTail);
      dropped += rest.length;
    },
    show(content, id, update) {
      flushText();
      if (!update) {
        shows += 1;
        if (shows > mostShows) droppedShows += 1;
        else send('display_data', content);
        return;
      }
      updates += 1;
      if (updates <= mostUpdates) {
        send('update_display_data', content);
        return;
      }
      held.set(id ?? '', content);
      if (performance.now() - heldSince > thinned) sendHeld();
    },
    clear(wait) {
      flushText();
      updates += 1;
      if (updates > mostUpdates && performance.now() - heldSince < thinned) return;
      heldSince = performance.now();
      send('clear_output', { wait });
      // The notebook is empty again.
      sent = 0;
      dropped = 0;
      tail = '';
      shows = 0;
    },
    flush: flushText,
    end() {
      tellDropped();
      flushText();
      if (held.size > 0) sendHeld();
      if (droppedShows > 0) {
        send('stream', { name: 'stderr', text: `[${millions(droppedShows)} more displays are not shown]\n` });
        droppedShows = 0;
      }
    },
  };
};
