/**
 * patchcord's client: messages between a page and a patchcord server over WebRTC data channels, reliable ones and
 * unreliable ones.
 *
 * ```js
 * import { connect } from './patchcord.js';
 *
 * const connection = await connect({
 *   onmessage(data, channel) { console.log(channel, data); },
 *   onstate(state, detail) { console.log(state, detail.cause ?? ''); },
 * });
 * connection.send('arrives, once, in order');
 * connection.sendUnreliable(new Float32Array([0.25, 0.75]));   // at once or never
 * ```
 */

/** The most bytes of one reliable message: 256 KiB. Text counts as UTF-8. */
export const RELIABLE_MESSAGE_BYTES_MAX: 262144;

/**
 * The most bytes of one unreliable message: 64 KiB. Text counts as UTF-8. Up to 1,062 bytes travel in one packet; a larger
 * message is lost if any of its packets is.
 */
export const UNRELIABLE_MESSAGE_BYTES_MAX: 65536;

/** Which of the two channels a message came on. */
export type Channel = 'reliable' | 'unreliable';

/** What a message arrives as: text as a string, bytes as a Uint8Array. Both may be empty. */
export type Received = string | Uint8Array<ArrayBuffer>;

/** What can be sent. The bytes are copied before the call returns. */
export type Sendable = string | ArrayBuffer | ArrayBufferView<ArrayBuffer>;

/**
 * - `connecting`: on the way, or on the way back after the page came out of the browser's back/forward cache.
 * - `open`: messages travel.
 * - `closed`: no messages travel. For good, except with the cause `pagehide`.
 */
export type State = 'connecting' | 'open' | 'closed';

/**
 * Why a connection closed.
 * - `local`: this page called `close()`.
 * - `remote`: the server closed it.
 * - `failed`: the way to the server was lost, or the way back could not be found (then `error` is a `ConnectError`).
 * - `pagehide`: the person left the page. If the browser brings the page back as it was, the same connection goes to
 *   `connecting` and `open` by itself.
 */
export type CloseCause = 'local' | 'remote' | 'failed' | 'pagehide';

/** What `onstate` is told beside the state. Both members are there with `closed` only. */
export interface StateDetail {
  readonly cause?: CloseCause;
  /** What the browser said, where it said something. */
  readonly error?: Error;
}

/** When the steps of the latest opening happened, in milliseconds of `performance.now()`; `null` when not yet. */
export interface Timing {
  /** The offer was given to `fetch`. */
  readonly postedAt: number | null;
  /** The server's answer was read. */
  readonly answeredAt: number | null;
  /** Both channels were open. */
  readonly openedAt: number | null;
}

export interface ConnectOptions {
  /** Where the offer is posted, relative to the page. A query is the application's own. Default `./connect`. */
  url?: string | URL;
  /** How long one opening may take before it is given up, in milliseconds. Default 10,000. */
  timeoutMs?: number;
  /** Gives up the opening (code `aborted`). It has no effect once `connect` has resolved: then use `close()`. */
  signal?: AbortSignal;
  /**
   * A message came. Messages that come before `connect` resolves are kept and delivered after it, in the order in which
   * they came, after `onstate('open')`.
   */
  onmessage?(data: Received, channel: Channel): void;
  /**
   * The connection changed. `open` is told each time it opens, the first time included, shortly after `connect`
   * resolved: the place to say hello. `connecting` is told only on the way back (see `pagehide`).
   */
  onstate?(state: State, detail: StateDetail): void;
}

/** A connection to a patchcord server. Made by `connect`. */
export interface Connection {
  readonly state: State;
  readonly timing: Timing;
  /** What carries the messages. */
  readonly transport: 'webrtc';
  /**
   * Sends a message that arrives once and in order, of at most `RELIABLE_MESSAGE_BYTES_MAX` bytes.
   *
   * Returns whether it was taken: false when the connection is not open, or when more than 8 MiB wait to be sent
   * (try again later). Throws a `RangeError` for a message too large and a `TypeError` for one that is neither text nor bytes.
   */
  send(data: Sendable): boolean;
  /**
   * Sends a message that arrives soon or never, in any order, of at most `UNRELIABLE_MESSAGE_BYTES_MAX` bytes.
   *
   * Returns whether it was taken: false when the connection is not open, or when more than 16 KiB wait to be sent: it is
   * dropped, for stale is worse than lost. Throws as `send` does.
   */
  sendUnreliable(data: Sendable): boolean;
  /** Closes the connection for good. Nothing is delivered after it but `onstate('closed', { cause: 'local' })`. */
  close(): void;
}

/**
 * Why `connect` failed. `message` is a plain sentence that says what to do; `code` is stable and one of
 *
 * - the server's (docs/PROTOCOL.md), such as `full`, `busy`, `shutting-down`, `too-many-from-address`;
 * - `not-supported`: this browser has no WebRTC, or it is switched off;
 * - `unreachable`: the offer could not be posted, the server is not there;
 * - `timeout`: the server did not answer the offer in time;
 * - `bad-answer`: what answered is not a patchcord server, or not one of this version;
 * - `no-path`: the server answered, but no packets came through (UDP is blocked, or a guest Wi-Fi keeps devices apart);
 * - `closed`: the server closed the connection while it opened;
 * - `aborted`: the `signal` said so.
 */
export class ConnectError extends Error {
  constructor(code: string, message: string, options?: { cause?: unknown; status?: number });
  readonly code: string;
  /** The HTTP status of the refusal, when there was one. */
  readonly status: number | undefined;
}

/** Opens a connection. Resolves when both channels are open; rejects with a `ConnectError`. */
export function connect(options?: ConnectOptions): Promise<Connection>;
