// patchcord's client. The public face is documented in patchcord.d.ts, the wire in docs/PROTOCOL.md.
// No DOM: of the page it uses only the events pagehide and pageshow, where they exist.

/** @import * as api from './patchcord.d.ts' */

/** The largest message that browsers and the server agree on: Chromium offers exactly this. */
export const RELIABLE_MESSAGE_BYTES_MAX = 262144;

/** About 60 packets; beyond it a message that is lost with any of them hardly ever arrives. */
export const UNRELIABLE_MESSAGE_BYTES_MAX = 65536;

/** Half of the 16 MiB at which Chromium's own queue throws. */
const RELIABLE_BACKLOG_BYTES_MAX = 8 * 1024 * 1024;

/** About 15 packets: a few milliseconds of a LAN. More means that the link is behind, and waiting makes messages stale. */
const UNRELIABLE_BACKLOG_BYTES_MAX = 16 * 1024;

/** As long as the server keeps a peer that has not opened. */
const TIMEOUT_MS_DEFAULT = 10_000;

/** @type {Readonly<Record<string, api.Channel>>} */
const CHANNEL_OF_LABEL = { ro: 'reliable', uu: 'unreliable' };

/** @implements {api.ConnectError} */
export class ConnectError extends Error {
  /** @param {string} code @param {string} message @param {{ cause?: unknown, status?: number }} [options] */
  constructor(code, message, options = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'ConnectError';
    /** @readonly */
    this.code = code;
    /** @readonly @type {number | undefined} */
    this.status = options.status;
  }
}

/** @type {typeof api.connect} */
export function connect(options = {}) {
  return new Promise((resolve, reject) => {
    new PageConnection(options, resolve, reject);
  });
}

/**
 * What the application holds. It outlives its peer when the page rests in the back/forward cache.
 * @implements {api.Connection}
 */
class PageConnection {
  /** @type {api.ConnectOptions} */ #options;
  /** @type {api.State} */ #state = 'connecting';
  /** @type {Peer | null} */ #peer = null;
  /** @type {api.Timing} */ #timing = { postedAt: null, answeredAt: null, openedAt: null };
  /** Settles the promise of `connect`; null once settled.
   * @type {{ resolve: (connection: PageConnection) => void, reject: (error: ConnectError) => void } | null} */
  #settle;
  /** What waits while the application takes the connection out of the promise; null when all is told at once.
   * @type {(() => void)[] | null} */
  #held = null;

  /**
   * @param {api.ConnectOptions} options
   * @param {(connection: PageConnection) => void} resolve
   * @param {(error: ConnectError) => void} reject
   */
  constructor(options, resolve, reject) {
    this.#options = options;
    this.#settle = { resolve, reject };
    if (options.signal?.aborted) {
      this.#onAbort();
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort);
    globalThis.addEventListener?.('pagehide', this.#onPageHide);
    globalThis.addEventListener?.('pageshow', this.#onPageShow);
    this.#open();
  }

  get state() {
    return this.#state;
  }

  get timing() {
    return this.#peer?.timing ?? this.#timing;
  }

  /** @returns {'webrtc'} */
  get transport() {
    return 'webrtc';
  }

  /** @param {api.Sendable} data */
  send(data) {
    checkMessage(data, RELIABLE_MESSAGE_BYTES_MAX, 'A reliable');
    return this.#state === 'open' && this.#peer !== null
      && sendBounded(this.#peer.reliable, data, RELIABLE_BACKLOG_BYTES_MAX);
  }

  /** @param {api.Sendable} data */
  sendUnreliable(data) {
    checkMessage(data, UNRELIABLE_MESSAGE_BYTES_MAX, 'An unreliable');
    return this.#state === 'open' && this.#peer !== null
      && sendBounded(this.#peer.unreliable, data, UNRELIABLE_BACKLOG_BYTES_MAX);
  }

  close() {
    this.#held = null;
    if (this.#state === 'closed') this.#release();
    else this.#finish({ cause: 'local' });
  }

  #open() {
    this.#peer = new Peer({
      onopen: () => this.#onOpen(),
      onmessage: (data, channel) => this.#tell(() => this.#options.onmessage?.(data, channel)),
      onfailure: (error) => this.#onFailure(error),
      onclose: (cause, error) => this.#finish(error ? { cause, error } : { cause }),
    });
    this.#peer.start(this.#options.url ?? './connect', this.#options.timeoutMs ?? TIMEOUT_MS_DEFAULT);
  }

  #onOpen() {
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    if (this.#settle) {
      this.#settle.resolve(this);
      this.#settle = null;
      // Told in a task of its own: by then the application has run on from its `await` and holds the connection.
      this.#held = [];
      setTimeout(() => this.#tellHeld(), 0);
    }
    this.#change('open', {});
  }

  /** @param {ConnectError} error */
  #onFailure(error) {
    if (!this.#settle) {
      this.#finish({ cause: 'failed', error });
      return;
    }
    this.#release();
    this.#state = 'closed';
    this.#settle.reject(error);
    this.#settle = null;
  }

  /** The end for good. @param {api.StateDetail} detail */
  #finish(detail) {
    this.#release();
    this.#change('closed', detail);
  }

  #onAbort = () => {
    this.#onFailure(new ConnectError('aborted', 'Connecting was stopped by this page.', { cause: this.#options.signal?.reason }));
  };

  // Without this the server hears nothing of a closed tab for 15 s, and keeps its place.
  #onPageHide = () => {
    this.#dropPeer();
    if (!this.#settle && this.#state !== 'closed') this.#change('closed', { cause: 'pagehide' });
  };

  // An opening that the person left in the middle begins again, and its promise still waits.
  /** @param {Event} event */
  #onPageShow = (event) => {
    if (!(/** @type {PageTransitionEvent} */ (event).persisted) || this.#peer) return;
    if (!this.#settle) this.#change('connecting', {});
    this.#open();
  };

  /** @param {api.State} state @param {api.StateDetail} detail */
  #change(state, detail) {
    this.#state = state;
    this.#tell(() => this.#options.onstate?.(state, detail));
  }

  /** @param {() => void} event */
  #tell(event) {
    if (this.#held) this.#held.push(event);
    else callAndReport(event);
  }

  #tellHeld() {
    // Read afresh each round: an event may close the connection, which drops the rest.
    for (let event = this.#held?.shift(); event; event = this.#held?.shift()) callAndReport(event);
    this.#held = null;
  }

  #release() {
    this.#dropPeer();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    globalThis.removeEventListener?.('pagehide', this.#onPageHide);
    globalThis.removeEventListener?.('pageshow', this.#onPageShow);
  }

  #dropPeer() {
    if (!this.#peer) return;
    this.#timing = this.#peer.timing;
    this.#peer.close();
    this.#peer = null;
  }
}

/**
 * @typedef {object} PeerEvents  Exactly one of `onfailure` (before it opened) and `onclose` (after) ends a peer, and
 *   nothing follows it; `close()` ends it without a word.
 * @property {() => void} onopen
 * @property {(data: api.Received, channel: api.Channel) => void} onmessage  Only after `onopen`.
 * @property {(error: ConnectError) => void} onfailure
 * @property {(cause: 'remote' | 'failed', error?: Error) => void} onclose
 */

/** One RTCPeerConnection from its offer to its end. */
class Peer {
  /** @type {PeerEvents | null} Null once ended. */ #events;
  /** @type {RTCPeerConnection | null} */ #pc = null;
  /** @type {RTCDataChannel | null} */ reliable = null;
  /** @type {RTCDataChannel | null} */ unreliable = null;
  /** @type {api.Timing} */ timing = Object.freeze({ postedAt: null, answeredAt: null, openedAt: null });
  /** Messages of one channel that came before the other was open; null once open.
   * @type {[api.Received, api.Channel][] | null} */
  #early = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #fetching = new AbortController();
  /** @type {Error | undefined} What a channel said before it closed. */ #lastError;

  /** @param {PeerEvents} events */
  constructor(events) {
    this.#events = events;
  }

  /** @param {string | URL} url @param {number} timeoutMs */
  async start(url, timeoutMs) {
    this.#timer = setTimeout(() => this.#onTimeout(timeoutMs), timeoutMs);
    try {
      const pc = this.#makeConnection();
      const offer = await pc.createOffer();
      if (!this.#events) return;
      // Neither waits for the other: the description is applied while the offer travels. Candidates are not gathered
      // first, the server needs none. `offer` and not pc.localDescription, which throws in Firefox after close().
      const applied = pc.setLocalDescription(offer);
      applied.catch(() => {});
      this.#mark('postedAt');
      const answer = await postOffer(url, offer, this.#fetching.signal);
      this.#mark('answeredAt');
      if (!this.#events) return;
      await applied;
      await applyAnswer(pc, answer);
    } catch (error) {
      this.#fail(error instanceof ConnectError ? error : new ConnectError('not-supported',
        'This browser could not start a WebRTC connection. Reload the page, or use a current Firefox, Chrome, Edge or Safari.',
        { cause: error }));
    }
  }

  close() {
    this.#events = null;
    this.#early = null;
    clearTimeout(this.#timer);
    this.#fetching.abort();
    this.#pc?.close();
  }

  #makeConnection() {
    if (typeof globalThis.RTCPeerConnection !== 'function') {
      throw new ConnectError('not-supported',
        'This browser has no WebRTC, or it is switched off. Switch it on, or use a current Firefox, Chrome, Edge or Safari.');
    }
    const pc = this.#pc = new RTCPeerConnection();
    pc.onconnectionstatechange = () => {
      // 'disconnected' may pass; only 'failed' is an end.
      if (pc.connectionState === 'failed') this.#onLost();
    };
    this.reliable = this.#watch(pc.createDataChannel('ro'));
    this.unreliable = this.#watch(pc.createDataChannel('uu', { ordered: false, maxRetransmits: 0 }));
    return pc;
  }

  /** @param {RTCDataChannel} channel */
  #watch(channel) {
    const name = CHANNEL_OF_LABEL[channel.label];
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => this.#onChannelOpen();
    channel.onmessage = ({ data }) => {
      const received = typeof data === 'string' ? data : new Uint8Array(data);
      if (this.#early) this.#early.push([received, name]);
      else this.#events?.onmessage(received, name);
    };
    channel.onerror = (event) => {
      this.#lastError = event.error;
    };
    channel.onclosing = channel.onclose = () => this.#onChannelClosed();
    return channel;
  }

  #onChannelOpen() {
    if (!this.#events || this.reliable?.readyState !== 'open' || this.unreliable?.readyState !== 'open') return;
    clearTimeout(this.#timer);
    this.#mark('openedAt');
    const early = this.#early ?? [];
    this.#early = null;
    this.#events.onopen();
    for (const [data, channel] of early) this.#events?.onmessage(data, channel);
  }

  #onChannelClosed() {
    if (this.#early) {
      this.#fail(new ConnectError('closed', 'The server closed the connection while it opened. Try again.',
        { cause: this.#lastError }));
    } else {
      this.#end()?.onclose('remote', this.#lastError);
    }
  }

  #onLost() {
    if (this.#early) this.#fail(noPath());
    else this.#end()?.onclose('failed', this.#lastError);
  }

  /** @param {number} timeoutMs */
  #onTimeout(timeoutMs) {
    this.#fail(this.timing.answeredAt !== null ? noPath() : new ConnectError('timeout',
      `The server did not answer within ${timeoutMs / 1000} s. Check that it still runs and that the Wi-Fi works, then try again.`));
  }

  /** @param {ConnectError} error */
  #fail(error) {
    this.#end()?.onfailure(error);
  }

  /** Who is to be told of the end: nobody when it ended before. */
  #end() {
    const events = this.#events;
    this.close();
    return events;
  }

  /** @param {keyof api.Timing} step */
  #mark(step) {
    this.timing = Object.freeze({ ...this.timing, [step]: performance.now() });
  }
}

/**
 * @typedef {object} Answer
 * @property {RTCSessionDescriptionInit} description
 * @property {RTCIceCandidateInit[]} candidates  Best first.
 */

/**
 * @param {string | URL} url
 * @param {RTCSessionDescriptionInit} offer
 * @param {AbortSignal} signal
 * @returns {Promise<Answer>}
 */
async function postOffer(url, offer, signal) {
  let response;
  let text;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ type: offer.type, sdp: offer.sdp }),
      cache: 'no-store',
      signal,
    });
    text = await response.text();
  } catch (cause) {
    throw new ConnectError('unreachable',
      'The server cannot be reached. Check that it runs and that this device is on the same Wi-Fi, then try again.', { cause });
  }
  const body = parseJson(text);
  if (!response.ok) throw refusal(response.status, body);
  if (!isAnswer(body)) {
    throw new ConnectError('bad-answer',
      'What answered is not a patchcord server, or not of this version. Reload the page.', { status: response.status });
  }
  return body;
}

/** @param {number} status @param {any} body */
function refusal(status, body) {
  const { code, message } = body?.error ?? {};
  if (typeof code === 'string' && typeof message === 'string') return new ConnectError(code, message, { status });
  return new ConnectError('bad-answer',
    `The server refused with status ${status} and gave no reason. Check the address of this page, then reload it.`, { status });
}

/** @param {any} body @returns {body is Answer} */
function isAnswer(body) {
  return body?.description?.type === 'answer' && typeof body.description.sdp === 'string' && Array.isArray(body.candidates);
}

/** @param {RTCPeerConnection} pc @param {Answer} answer */
async function applyAnswer(pc, { description, candidates }) {
  try {
    // The browser queues these itself and keeps their order, so none waits for another here.
    await Promise.all([
      pc.setRemoteDescription(description),
      ...candidates.map((candidate) => pc.addIceCandidate(candidate)),
    ]);
  } catch (cause) {
    throw new ConnectError('bad-answer', 'This browser does not understand the server\'s answer. Reload the page.', { cause });
  }
}

function noPath() {
  return new ConnectError('no-path',
    'The server answered, but no packets come through. A firewall may block UDP, or a guest Wi-Fi may keep devices apart: '
    + 'allow the server in the firewall or use another Wi-Fi, then try again.');
}

/** @param {api.Sendable} data @param {number} bytesMax @param {string} which */
function checkMessage(data, bytesMax, which) {
  const size = byteLength(data, bytesMax);
  if (size > bytesMax) {
    throw new RangeError(`${which} message has at most ${bytesMax} bytes, this one has ${size}. Send it in parts.`);
  }
}

/**
 * @param {api.Sendable} data
 * @param {number} enough  Text that cannot have more bytes than this is not counted exactly.
 */
function byteLength(data, enough) {
  if (typeof data === 'string') {
    // A UTF-16 unit is at most 3 bytes of UTF-8.
    if (data.length * 3 <= enough) return data.length;
    return new TextEncoder().encode(data).length;
  }
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return data.byteLength;
  throw new TypeError('A message is a string, an ArrayBuffer or a view of one, such as a Uint8Array.');
}

/** @param {RTCDataChannel | null} channel @param {api.Sendable} data @param {number} backlogBytesMax */
function sendBounded(channel, data, backlogBytesMax) {
  if (channel?.readyState !== 'open' || channel.bufferedAmount > backlogBytesMax) return false;
  // The overloads of send() cover one type each.
  channel.send(/** @type {ArrayBuffer} */ (data));
  return true;
}

/** @param {string} text */
function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Runs a callback of the application: what it throws reaches the page's `error` event and leaves the connection whole.
 * @param {() => void} callback
 */
function callAndReport(callback) {
  try {
    callback();
  } catch (error) {
    reportError(error);
  }
}
