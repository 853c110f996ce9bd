// The room's binary messages, the only place on this side that knows their bytes. Shapes and limits: docs/PROTOCOL.md.

/**
 * @typedef {{ id: number, look: number, name: string }} Person
 * @typedef {{ age: number, author: number, look: number, name: string, text: string }} Line  `age` in seconds.
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
 * @typedef {{ kind: 'Snapshot', tick: number, people: Place[] }} Snapshot
 * @typedef {Welcome | Snapshot
 *   | { kind: 'Joined', id: number, look: number, name: string }
 *   | { kind: 'Left', id: number }
 *   | { kind: 'Renamed', id: number, name: string }
 *   | { kind: 'Said', author: number, look: number, name: string, text: string }
 *   | { kind: 'Refused', reason: number }
 *   | { kind: 'Pong', seq: number }} ServerMessage
 */

/** The version of these messages; a server of another one refuses our Hello. */
export const VERSION = 1;

/** The largest coordinate: the right or the bottom edge of the canvas. */
export const COORDINATE_MAX = 65535;

/** Bits of `Place.state`. */
export const STATE = Object.freeze({ down: 1, waving: 2, hasPointer: 4 });

/** Values of `Refused.reason`. */
export const REFUSED = Object.freeze({ tooFast: 1, tooLongOrEmpty: 2, malformed: 3, notBeforeHello: 4, unknownVersion: 5 });

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

/** @param {PageMessage} message @returns {Uint8Array<ArrayBuffer>} */
export function encode(message) {
  switch (message.kind) {
    case 'Hello': {
      const name = utf8.encode(message.name);
      return Uint8Array.of(0x01, message.version, name.length, ...name);
    }
    case 'Chat': {
      const text = utf8.encode(message.text);
      return Uint8Array.of(0x02, text.length & 0xff, text.length >> 8, ...text);
    }
    case 'Rename': {
      const name = utf8.encode(message.name);
      return Uint8Array.of(0x03, name.length, ...name);
    }
    case 'Pointer': {
      const view = new DataView(new ArrayBuffer(8));
      view.setUint8(0, 0x10);
      view.setUint16(1, message.seq, true);
      view.setUint16(3, message.x, true);
      view.setUint16(5, message.y, true);
      view.setUint8(7, message.down);
      return new Uint8Array(view.buffer);
    }
    case 'Wave':
      return Uint8Array.of(0x11);
    case 'Ping': {
      const view = new DataView(new ArrayBuffer(5));
      view.setUint8(0, 0x12);
      view.setUint32(1, message.seq, true);
      return new Uint8Array(view.buffer);
    }
  }
}

/**
 * What the server said, or null when the bytes are none of its messages: an unknown kind, a missing or a surplus byte, or
 * text that is not UTF-8.
 *
 * @param {Uint8Array} bytes
 * @returns {ServerMessage | null}
 */
export function decode(bytes) {
  const reader = new Reader(bytes);
  try {
    const message = readMessage(reader);
    return reader.atEnd() ? message : null;
  } catch (error) {
    // RangeError: DataView past its end. TypeError: TextDecoder on what is not UTF-8.
    if (error instanceof RangeError || error instanceof TypeError) return null;
    throw error;
  }
}

/** @param {Reader} reader @returns {ServerMessage | null} */
function readMessage(reader) {
  switch (reader.u8()) {
    case 0x81:
      return { kind: 'Welcome', version: reader.u8(), you: reader.u32(), people: readPeople(reader), lines: readLines(reader) };
    case 0x82:
      return { kind: 'Joined', ...readPerson(reader) };
    case 0x83:
      return { kind: 'Left', id: reader.u32() };
    case 0x84:
      return { kind: 'Renamed', id: reader.u32(), name: reader.str8() };
    case 0x85:
      return { kind: 'Said', author: reader.u32(), look: reader.u8(), name: reader.str8(), text: reader.str16() };
    case 0x86:
      return { kind: 'Refused', reason: reader.u8() };
    case 0x90:
      return { kind: 'Snapshot', tick: reader.u32(), people: readPlaces(reader) };
    case 0x91:
      return { kind: 'Pong', seq: reader.u32() };
    default:
      return null;
  }
}

/** @param {Reader} reader */
function readPerson(reader) {
  return { id: reader.u32(), look: reader.u8(), name: reader.str8() };
}

/** @param {Reader} reader */
function readPeople(reader) {
  const people = [];
  for (let count = reader.u16(); count > 0; count -= 1) people.push(readPerson(reader));
  return people;
}

/** @param {Reader} reader */
function readLines(reader) {
  const lines = [];
  for (let count = reader.u8(); count > 0; count -= 1) {
    lines.push({ age: reader.u32(), author: reader.u32(), look: reader.u8(), name: reader.str8(), text: reader.str16() });
  }
  return lines;
}

/** @param {Reader} reader */
function readPlaces(reader) {
  const places = [];
  for (let count = reader.u8(); count > 0; count -= 1) {
    places.push({ id: reader.u32(), x: reader.u16(), y: reader.u16(), state: reader.u8() });
  }
  return places;
}

/** Reads little-endian fields one after another; throws RangeError past the end and TypeError on bad UTF-8. */
class Reader {
  #bytes;
  #view;
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8() {
    return this.#view.getUint8(this.#advance(1));
  }

  u16() {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32() {
    return this.#view.getUint32(this.#advance(4), true);
  }

  str8() {
    return this.#text(this.u8());
  }

  str16() {
    return this.#text(this.u16());
  }

  atEnd() {
    return this.#at === this.#bytes.length;
  }

  /** @param {number} length */
  #text(length) {
    const start = this.#advance(length);
    if (this.#at > this.#bytes.length) throw new RangeError('text past the end');
    return strictUtf8.decode(this.#bytes.subarray(start, this.#at));
  }

  /** @param {number} length */
  #advance(length) {
    const start = this.#at;
    this.#at += length;
    return start;
  }
}
