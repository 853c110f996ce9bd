// The room's binary messages, the only place on this side that knows their bytes. Shapes and limits: docs/PROTOCOL.md.

/**
 * @typedef {{ id: number, look: number, name: string }} Person
 * @typedef {{ author: number, look: number, name: string, text: string }} Said
 * @typedef {Said & { age: number }} Line  `age` in seconds.
 * @typedef {{ id: number, x: number, y: number, state: number }} Place  `x` and `y` from 0 to 65535.
 *
 * @typedef {{ kind: 'Hello', version: number, name: string }
 *   | { kind: 'Chat', text: string }
 *   | { kind: 'Rename', name: string }
 *   | { kind: 'Pointer', seq: number, x: number, y: number, down: number }
 *   | { kind: 'Wave' }
 *   | { kind: 'Ping', seq: number }} PageMessage
 *
 * @typedef {{ kind: 'Welcome', version: number, you: number, people: Person[], lines: Line[] }} Welcome
 * @typedef {{ kind: 'Snapshot', tick: number, time: number, people: Place[] }} Snapshot  `time` in microseconds, modulo 2^32.
 * @typedef {Welcome | Snapshot
 *   | { kind: 'Joined' } & Person
 *   | { kind: 'Left', id: number }
 *   | { kind: 'Renamed', id: number, name: string }
 *   | { kind: 'Said' } & Said
 *   | { kind: 'Refused', reason: number }
 *   | { kind: 'Pong', seq: number }} ServerMessage
 */

/** The version of these messages; a server of another one refuses our Hello. */
export const VERSION = 2;

/** The largest coordinate: the right or the bottom edge of the canvas. */
export const COORDINATE_MAX = 65535;

/** Bits of `Place.state`. */
export const STATE = { down: 1, waving: 2, hasPointer: 4, away: 8 };

/** Values of `Refused.reason`. */
export const REFUSED = { tooFast: 1, tooLongOrEmpty: 2, malformed: 3, notBeforeHello: 4, unknownVersion: 5 };

/** The server's limits, in bytes of UTF-8. */
export const NAME_BYTES_MAX = 64;
export const TEXT_BYTES_MAX = 1000;

const utf8 = new TextEncoder();
// A byte order mark is text like any other here, so it stays.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** How many bytes a text takes on the wire. @param {string} text */
export function utf8Length(text) {
  return utf8.encode(text).length;
}

/** As much of a text as fits, by whole characters. @param {string} text @param {number} bytesMax */
export function cutToBytes(text, bytesMax) {
  return text.slice(0, utf8.encodeInto(text, new Uint8Array(bytesMax)).read);
}

/** Whether `a` came after `b`, both counted modulo 2^32 (RFC 1982, section 3.2). @param {number} a @param {number} b */
export function isNewer32(a, b) {
  return ((a - b) | 0) > 0;
}

/** The number after `n`, counted modulo 2^16. @param {number} n */
export function next16(n) {
  return (n + 1) & 0xffff;
}

/** The number after `n`, counted modulo 2^32. @param {number} n */
export function next32(n) {
  return (n + 1) >>> 0;
}

/** Little-endian. @param {number} n */
const bytes16 = (n) => [n & 0xff, n >>> 8];
/** @param {number} n */
const bytes32 = (n) => [...bytes16(n & 0xffff), ...bytes16(n >>> 16)];

/** @param {PageMessage} message @returns {Uint8Array<ArrayBuffer>} */
export function encode(message) {
  switch (message.kind) {
    case 'Hello': {
      const name = utf8.encode(message.name);
      return Uint8Array.of(0x01, message.version, name.length, ...name);
    }
    case 'Chat': {
      const text = utf8.encode(message.text);
      return Uint8Array.of(0x02, ...bytes16(text.length), ...text);
    }
    case 'Rename': {
      const name = utf8.encode(message.name);
      return Uint8Array.of(0x03, name.length, ...name);
    }
    case 'Pointer':
      return Uint8Array.of(0x10, ...bytes16(message.seq), ...bytes16(message.x), ...bytes16(message.y), message.down);
    case 'Wave':
      return Uint8Array.of(0x11);
    case 'Ping':
      return Uint8Array.of(0x12, ...bytes32(message.seq));
  }
}

/** What the server said; null when the bytes are malformed. @param {Uint8Array} bytes @returns {ServerMessage | null} */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  /** @param {number} size */
  const skip = (size) => {
    at += size;
    return at - size;
  };
  const u8 = () => view.getUint8(skip(1));
  const u16 = () => view.getUint16(skip(2), true);
  const u32 = () => view.getUint32(skip(4), true);
  /** @param {number} size */
  const text = (size) => {
    const start = skip(size);
    if (at > bytes.length) throw new RangeError('text past the end');
    return strictUtf8.decode(bytes.subarray(start, at));
  };
  /** @template T @param {number} count @param {() => T} read */
  const many = (count, read) => Array.from({ length: count }, read);
  const person = () => ({ id: u32(), look: u8(), name: text(u8()) });
  const said = () => ({ author: u32(), look: u8(), name: text(u8()), text: text(u16()) });
  const line = () => ({ age: u32(), ...said() });
  const place = () => ({ id: u32(), x: u16(), y: u16(), state: u8() });

  /** @returns {ServerMessage | null} */
  function read() {
    switch (u8()) {
      case 0x81:
        return { kind: 'Welcome', version: u8(), you: u32(), people: many(u16(), person), lines: many(u8(), line) };
      case 0x82:
        return { kind: 'Joined', ...person() };
      case 0x83:
        return { kind: 'Left', id: u32() };
      case 0x84:
        return { kind: 'Renamed', id: u32(), name: text(u8()) };
      case 0x85:
        return { kind: 'Said', ...said() };
      case 0x86:
        return { kind: 'Refused', reason: u8() };
      case 0x90:
        return { kind: 'Snapshot', tick: u32(), time: u32(), people: many(u8(), place) };
      case 0x91:
        return { kind: 'Pong', seq: u32() };
      default:
        return null;
    }
  }

  try {
    const message = read();
    return at === bytes.length ? message : null;
  } catch (error) {
    // RangeError: past the end. TypeError: TextDecoder on what is not UTF-8.
    if (error instanceof RangeError || error instanceof TypeError) return null;
    throw error;
  }
}
