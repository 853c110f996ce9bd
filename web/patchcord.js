// patchcord's client. The public face is documented in patchcord.d.ts, the wire in docs/PROTOCOL.md.
// One file, because a page imports one file. No DOM: of the page it uses only the events pagehide and pageshow.

/** @import * as api from './patchcord.d.ts' */

/** The largest message that browsers and the server agree on: Chromium offers exactly this. */
export const RELIABLE_MESSAGE_BYTES_MAX = 262144;

/** About 60 packets; beyond it a message that is lost with any of them hardly ever arrives. */
export const UNRELIABLE_MESSAGE_BYTES_MAX = 65536;

/** As long as the server keeps a peer that has not opened. */
const TIMEOUT_MS_DEFAULT = 10_000;

/**
 * The two channels of the contract, and how much may wait on each.
 * @type {Record<api.Channel, { label: string, options?: RTCDataChannelInit, bytesMax: number, backlogBytesMax: number }>}
 */
const CHANNELS = {
  reliable: {
    label: 'ro',
    bytesMax: RELIABLE_MESSAGE_BYTES_MAX,
    // Half of the 16 MiB at which Chromium's own queue throws.
    backlogBytesMax: 8 * 1024 * 1024,
  },
  unreliable: {
    label: 'uu',
    options: { ordered: false, maxRetransmits: 0 },
    bytesMax: UNRELIABLE_MESSAGE_BYTES_MAX,
    // About 15 packets: a few milliseconds of a LAN. More means that the link is behind, and waiting makes messages stale.
    backlogBytesMax: 16 * 1024,
  },
};

/** @implements {api.ConnectError} */
export class ConnectError extends Error {
  /** @param {string} code @param {string} message @param {{ cause?: unknown, status?: number }} [options] */
  constructor(code, message, options = {}) {
    super(message, options);
    this.name = 'ConnectError';
    this.code = code;
    this.status = options.status;
  }
}

/** @type {typeof api.connect} */
export function connect(options = {}) {
  return new Promise((resolve, reject) => {
    new PageConnection(options, resolve, reject);
  });
}

/** What the application holds. It outlives its peer in the back/forward cache. @implements {api.Connection} */
class PageConnection {
  /** @readonly */ transport = 'webrtc';
  #options;
  /** @type {api.State} */ #state = 'connecting';
  /** @type {Peer | undefined} The latest; it may have ended. */ #peer;
  /** @type {{ resolve: (made: PageConnection) => void, reject: (error?: Error) => void } | null} Null once settled. */ #settle;
  /** @type {(() => void)[] | null} What waits while the application takes the connection out of the promise. */ #held = null;

  /** @param {api.ConnectOptions} options @param {(made: PageConnection) => void} resolve @param {(error?: Error) => void} reject */
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
    return this.#peer?.timing ?? NOTHING_YET;
  }

  /** @param {api.Sendable} data */
  send(data) {
    return this.#send('reliable', data);
  }

  /** @param {api.Sendable} data */
  sendUnreliable(data) {
    return this.#send('unreliable', data);
  }

  close() {
    this.#held = null;
    if (this.#state === 'closed') this.#release();
    else this.#finish({ cause: 'local' });
  }

  /** @param {api.Channel} name @param {api.Sendable} data */
  #send(name, data) {
    const { bytesMax, backlogBytesMax } = CHANNELS[name];
    const size = byteLength(data, bytesMax);
    if (size > bytesMax) {
      throw new RangeError(`This message has ${size} bytes, a ${name} one has at most ${bytesMax}. Send it in parts.`);
    }
    const channel = this.#peer?.channels[name];
    if (this.#state !== 'open' || channel?.readyState !== 'open' || channel.bufferedAmount > backlogBytesMax) return false;
    // The overloads of send() cover one type each.
    channel.send(/** @type {ArrayBuffer} */ (data));
    return true;
  }

  #open() {
    this.#peer = new Peer({
      onopen: () => this.#onOpen(),
      onmessage: (data, channel) => this.#tell(() => this.#options.onmessage?.(data, channel)),
      onend: (cause, error) => this.#onEnd(cause, error),
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

  /** @param {'remote' | 'failed'} cause @param {Error} [error] */
  #onEnd(cause, error) {
    if (!this.#settle) {
      this.#finish(error ? { cause, error } : { cause });
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
    this.#onEnd('failed',
      new ConnectError('aborted', 'Connecting was stopped by this page.', { cause: this.#options.signal?.reason }));
  };

  // Without this the server hears nothing of a closed tab for 15 s, and keeps its place.
  #onPageHide = () => {
    this.#peer?.close();
    if (!this.#settle && this.#state !== 'closed') this.#change('closed', { cause: 'pagehide' });
  };

  // An opening that the person left in the middle begins again, and its promise still waits.
  /** @param {Event} event */
  #onPageShow = (event) => {
    if (!(/** @type {PageTransitionEvent} */ (event).persisted) || !this.#peer?.ended) return;
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
    this.#peer?.close();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    globalThis.removeEventListener?.('pagehide', this.#onPageHide);
    globalThis.removeEventListener?.('pageshow', this.#onPageShow);
  }
}

/**
 * @typedef {object} PeerEvents
 * @property {() => void} onopen  Both channels are open.
 * @property {(data: api.Received, channel: api.Channel) => void} onmessage
 * @property {(cause: 'remote' | 'failed', error?: Error) => void} onend  Once and last, and not after `close()`.
 */

/** @type {api.Timing} */
const NOTHING_YET = Object.freeze({ postedAt: null, answeredAt: null, openedAt: null });

/** One RTCPeerConnection from its offer to its end. */
class Peer {
  /** @type {PeerEvents | null} Null once ended. */ #events;
  /** @type {RTCPeerConnection | undefined} */ #pc;
  /** @type {Partial<Record<api.Channel, RTCDataChannel>>} */ channels = {};
  timing = NOTHING_YET;
  /** @type {[api.Received, api.Channel][] | null} What came before both channels were open; null since then. */ #early = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #fetching = new AbortController();
  /** @type {Error | undefined} What a channel said before it closed. */ #lastError;

  /** @param {PeerEvents} events */
  constructor(events) {
    this.#events = events;
  }

  get ended() {
    return !this.#events;
  }

  /** @param {string | URL} url @param {number} timeoutMs */
  async start(url, timeoutMs) {
    this.#timer = setTimeout(() => this.#end('failed', this.timing.answeredAt !== null ? noPath() : new ConnectError('timeout',
      `The server did not answer within ${timeoutMs / 1000} s. Check that it still runs and that the Wi-Fi works, then try again.`)),
    timeoutMs);
    try {
      if (typeof RTCPeerConnection !== 'function') {
        throw new ConnectError('not-supported',
          'This browser has no WebRTC, or it is switched off. Switch it on, or use a current Firefox, Chrome, Edge or Safari.');
      }
      const pc = this.#pc = new RTCPeerConnection();
      pc.onconnectionstatechange = () => {
        // 'disconnected' may pass; only 'failed' is an end.
        if (pc.connectionState === 'failed') this.#end('failed', this.#early ? noPath() : this.#lastError);
      };
      this.#addChannel(pc, 'reliable');
      this.#addChannel(pc, 'unreliable');
      const offer = await pc.createOffer();
      if (this.ended) return;
      // Applied while the offer travels. Candidates are not gathered first, the server needs none.
      // `offer` and not pc.localDescription, which throws in Firefox after close().
      pc.setLocalDescription(offer).catch((cause) => this.#end('failed', cannotStart(cause)));
      this.#mark('postedAt');
      const answer = await postOffer(url, offer, this.#fetching.signal);
      if (this.ended) return;
      const applying = applyAnswer(pc, answer);
      this.#mark('answeredAt');
      await applying;
    } catch (error) {
      this.#end('failed', error instanceof ConnectError ? error : cannotStart(error));
    }
  }

  close() {
    this.#events = null;
    this.#early = null;
    clearTimeout(this.#timer);
    this.#fetching.abort();
    this.#pc?.close();
  }

  /** @param {RTCPeerConnection} pc @param {api.Channel} name */
  #addChannel(pc, name) {
    const { label, options } = CHANNELS[name];
    const channel = this.channels[name] = pc.createDataChannel(label, options);
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => this.#onChannelOpen();
    channel.onmessage = ({ data }) => {
      const received = typeof data === 'string' ? data : new Uint8Array(data);
      if (this.#early) this.#early.push([received, name]);
      else this.#events?.onmessage(received, name);
    };
    channel.onerror = ({ error }) => {
      this.#lastError = error;
    };
    channel.onclosing = channel.onclose = () => this.#end('remote', !this.#early ? this.#lastError
      : new ConnectError('closed', 'The server closed the connection while it opened. Try again.', { cause: this.#lastError }));
  }

  #onChannelOpen() {
    const { reliable, unreliable } = this.channels;
    if (!this.#events || reliable?.readyState !== 'open' || unreliable?.readyState !== 'open') return;
    clearTimeout(this.#timer);
    this.#mark('openedAt');
    const early = this.#early ?? [];
    this.#early = null;
    this.#events.onopen();
    for (const [data, channel] of early) this.#events?.onmessage(data, channel);
  }

  /** @param {'remote' | 'failed'} cause @param {Error} [error]  A ConnectError when it had not opened. */
  #end(cause, error) {
    const events = this.#events;
    const opened = this.#early === null;
    this.close();
    events?.onend(opened ? cause : 'failed', error);
  }

  /** @param {keyof api.Timing} step */
  #mark(step) {
    this.timing = Object.freeze({ ...this.timing, [step]: performance.now() });
  }
}

/** @typedef {{ description: RTCSessionDescriptionInit, candidates: RTCIceCandidateInit[] }} Answer  Best candidate first. */

/** @param {string | URL} url @param {RTCSessionDescriptionInit} offer @param {AbortSignal} signal @returns {Promise<Answer>} */
async function postOffer(url, offer, signal) {
  let response;
  let body;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ type: offer.type, sdp: offer.sdp }),
      cache: 'no-store',
      signal,
    });
    body = await response.json().catch(unlessSyntax);
  } catch (cause) {
    throw new ConnectError('unreachable',
      'The server cannot be reached. Check that it runs and that this device is on the same Wi-Fi, then try again.', { cause });
  }
  if (response.ok && isAnswer(body)) return body;
  const { status } = response;
  const { code, message } = body?.error ?? {};
  if (!response.ok && typeof code === 'string' && typeof message === 'string') throw new ConnectError(code, message, { status });
  throw new ConnectError('bad-answer', response.ok
    ? 'What answered is not a patchcord server, or not of this version. Reload the page.'
    : `The server refused with status ${status} and gave no reason. Check the address of this page, then reload it.`, { status });
}

/** What is not JSON is a bad answer, any other trouble a lost one. @param {unknown} error */
function unlessSyntax(error) {
  if (!(error instanceof SyntaxError)) throw error;
}

/** @param {any} body @returns {body is Answer} */
function isAnswer(body) {
  return body?.description?.type === 'answer' && typeof body.description.sdp === 'string' && Array.isArray(body.candidates);
}

/** @param {RTCPeerConnection} pc @param {Answer} answer */
async function applyAnswer(pc, { description, candidates }) {
  // The browser queues these itself and keeps their order, so none waits for another here.
  const described = pc.setRemoteDescription(description);
  for (const candidate of candidates) {
    // Not fatal: the description may name it already, and without any candidate `no-path` tells.
    pc.addIceCandidate(candidate).catch(() => {});
  }
  await described.catch((cause) => {
    throw new ConnectError('bad-answer', 'This browser does not understand the server\'s answer. Reload the page.', { cause });
  });
}

/** @param {unknown} cause */
function cannotStart(cause) {
  return new ConnectError('not-supported',
    'This browser could not start a WebRTC connection. Reload the page, or use a current Firefox, Chrome, Edge or Safari.', { cause });
}

function noPath() {
  return new ConnectError('no-path',
    'The server answered, but no packets come through. A firewall may block UDP, or a guest Wi-Fi may keep devices apart: '
    + 'allow the server in the firewall or use another Wi-Fi, then try again.');
}

/** @param {api.Sendable} data @param {number} enough  Text that cannot have more bytes is not counted exactly. */
function byteLength(data, enough) {
  if (typeof data === 'string') {
    // A UTF-16 unit is at most 3 bytes of UTF-8.
    return data.length * 3 <= enough ? data.length : new TextEncoder().encode(data).length;
  }
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return data.byteLength;
  throw new TypeError('A message is a string, an ArrayBuffer or a view of one, such as a Uint8Array.');
}

/** What the application throws reaches the page's `error` event and leaves the connection whole. @param {() => void} callback */
function callAndReport(callback) {
  try {
    callback();
  } catch (error) {
    reportError(error);
  }
}
