/**
 * patchcord's client: messages between a page and a patchcord server over WebRTC data channels, reliable ones and
 * unreliable ones, in a session that outlives a lost network, a nap of the device and a reload of the page.
 *
 * ```js
 * import { connect } from './patchcord.js';
 *
 * const connection = await connect({
 *   onmessage(data, channel) { console.log(channel, data); },
 *   onstate(state, detail) {
 *     if (state === 'open' && !detail.resumed) connection.send('hello, I am new here');
 *   },
 * });
 * connection.send('arrives, once, in order');
 * connection.sendUnreliable(new Float32Array([0.25, 0.75]));   // at once or never
 * connection.sendLatest('my newest state');                    // and none that is older than one that arrived
 * ```
 */

/** The most bytes of one reliable message: 256 KiB. Text counts as UTF-8. */
export const RELIABLE_MESSAGE_BYTES_MAX: 262144;

/**
 * The most bytes of one unreliable message: 64 KiB (of `sendLatest`, 5 bytes less). Text counts as UTF-8. Up to 1,062 bytes
 * (1,057) travel in one packet; a larger message is lost if any of its packets is.
 */
export const UNRELIABLE_MESSAGE_BYTES_MAX: 65536;

/** How a message came: what `send`, `sendUnreliable` or `sendLatest` of the other side sent. */
export type Channel = 'reliable' | 'unreliable' | 'latest';

/** What a message arrives as: text as a string, bytes as a Uint8Array. Both may be empty. */
export type Received = string | Uint8Array<ArrayBuffer>;

/** What can be sent. The bytes are copied before the call returns. */
export type Sendable = string | ArrayBuffer | ArrayBufferView<ArrayBuffer>;

/**
 * - `connecting`: on the way, or on the way back: the connection comes back by itself, for as long as it takes.
 * - `open`: messages travel.
 * - `closed`: no messages travel. For good, except with the cause `pagehide`.
 */
export type State = 'connecting' | 'open' | 'closed';

/**
 * Why a connection closed.
 * - `local`: this page called `close()`.
 * - `kicked`: the server sent it away, with `words` from its application, which may be empty.
 * - `failed`: there is no way back (then `error.lasting` is true): the server refuses, or this browser cannot.
 * - `pagehide`: the person left the page. If the browser brings the page back as it was, the same connection goes to
 *   `connecting` and `open` by itself.
 */
export type CloseCause = 'local' | 'kicked' | 'failed' | 'pagehide';

/** What `onstate` is told beside the state. */
export interface StateDetail {
  /**
   * With `open`: whether we are to the server who we were before. Then nothing was lost: what either side sent reliably
   * before, during and after the gap arrives once and in order. If not, we are new to the server, and what it had not had
   * of our reliable messages is dropped. A page that was reloaded resumes too; what it knew itself, it has to ask for.
   */
  readonly resumed?: boolean;
  /** With `closed`. */
  readonly cause?: CloseCause;
  /** With the cause `kicked`. */
  readonly words?: string;
  /** With `connecting`: why we are not connected. With the cause `failed`: why there is no way back. */
  readonly error?: ConnectError;
  /** With `connecting`: when the next attempt is made, in milliseconds of `performance.now()`. */
  readonly retryAt?: number;
}

/** When the steps of the latest opening happened, in milliseconds of `performance.now()`; `null` when not yet. */
export interface Timing {
  /** The offer was given to `fetch`. */
  readonly postedAt: number | null;
  /** The server's answer was read. */
  readonly answeredAt: number | null;
  /** All channels were open. */
  readonly openedAt: number | null;
}

export interface ConnectOptions {
  /**
   * Where the offer is posted, relative to the page. A query is the application's own. Default `./connect`. A page that
   * is reloaded resumes the session that it had with the same address.
   */
  url?: string | URL;
  /**
   * How long each of two steps may take before they are given up, in milliseconds: the server's answer, and then the opening of
   * the channels. Default 10,000; on the way back at most 3,000.
   */
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
   * resolved: the place to say hello, if `detail.resumed` is false. `connecting` is told when it was lost, and again after
   * each attempt that failed.
   */
  onstate?(state: State, detail: StateDetail): void;
}

/** A connection to a patchcord server. Made by `connect`. */
export interface Connection {
  readonly state: State;
  /** What `detail.resumed` was when it last opened. */
  readonly resumed: boolean;
  readonly timing: Timing;
  /** What carries the messages. */
  readonly transport: 'webrtc';
  /** The shortest round trip of late, in milliseconds; `null` for the first moments. */
  readonly roundTripMs: number | null;
  /** How far `serverNow()` may be off, in milliseconds: half the round trip; `null` until it is known. */
  readonly clockError: number | null;
  /** The server's clock, in milliseconds since the server started, as a fraction; `null` until it is known. */
  serverNow(): number | null;
  /**
   * Sends a message that arrives once and in order, of at most `RELIABLE_MESSAGE_BYTES_MAX` bytes. What is sent while the
   * connection is lost arrives when it is back.
   *
   * Returns whether it was taken: false when the connection is closed, or when more than 8 MiB are not known to have arrived
   * (each message counts 64 bytes more than it has): try again later. Throws a `RangeError` for a message too large and a
   * `TypeError` for one that is neither text nor bytes.
   */
  send(data: Sendable): boolean;
  /**
   * Resolves when the server has had all that `send` has taken so far, which takes up to a second to be known. Rejects with a
   * `ConnectError` (code `not-delivered`) when the connection is closed before, or when it comes back to a server that does
   * not know it any more.
   */
  delivered(): Promise<void>;
  /**
   * Sends a message that arrives soon or never, in any order, of at most `UNRELIABLE_MESSAGE_BYTES_MAX` bytes.
   *
   * Returns whether it was taken: false when the connection is not open, or when more than 16 KiB wait to be sent: it is
   * dropped, for stale is worse than lost. Throws as `send` does.
   */
  sendUnreliable(data: Sendable): boolean;
  /**
   * Sends a message that counts only until the next one: it arrives soon or never, and never after a newer one. One that
   * cannot go out at once waits, also while the connection is lost, and the next takes its place.
   *
   * Returns whether it was taken: false when the connection is closed. Throws as `send` does.
   */
  sendLatest(data: Sendable): boolean;
  /** Closes the connection for good. Nothing is delivered after it but `onstate('closed', { cause: 'local' })`. */
  close(): void;
}

/**
 * Why `connect` failed, or a connection was lost. `message` is a plain sentence that says what to do; `code` is stable and one of
 *
 * - the server's (docs/PROTOCOL.md), such as `full`, `busy`, `shutting-down`, `too-many-from-address`;
 * - `not-supported`: this browser has no WebRTC, or it is switched off;
 * - `unreachable`: the offer could not be posted, the server is not there;
 * - `timeout`: the server did not answer the offer in time;
 * - `bad-answer`: what answered is not a patchcord server, or not one of this version;
 * - `no-path`: the server answered, but no packets came through (UDP is blocked, or a guest Wi-Fi keeps devices apart);
 * - `closed`: the server closed the connection;
 * - `lost`: nothing was heard of the server for two seconds, five in a hidden page;
 * - `anew`: the server ended the session, because this page took its messages too slowly or for reasons of the application;
 * - `not-delivered`: see `delivered()`;
 * - `aborted`: the `signal` said so.
 */
export class ConnectError extends Error {
  constructor(code: string, message: string, options?: { cause?: unknown; status?: number });
  readonly code: string;
  /** The HTTP status of the refusal, when there was one. */
  readonly status: number | undefined;
  /** Whether trying again by itself is of no use. Then a connection that was open does not come back either. */
  readonly lasting: boolean;
}

/**
 * Opens a connection, or resumes the one that this page had before it was reloaded. Resolves when all channels are open; rejects
 * with a `ConnectError`. Only this first time: a connection that was open and is lost comes back by itself.
 */
export function connect(options?: ConnectOptions): Promise<Connection>;
