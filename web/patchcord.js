// patchcord's client. The public face is documented in patchcord.d.ts, the wire in docs/PROTOCOL.md.
// One file, because a page imports one file. No DOM: of the page it uses four events, `hidden` and the session storage.

/** @import * as api from './patchcord.d.ts' */

/** The largest message that browsers and the server agree on: Chromium offers exactly this. */
export const RELIABLE_MESSAGE_BYTES_MAX = 262144;

/** About 60 packets; beyond it a message that is lost with any of them hardly ever arrives. */
export const UNRELIABLE_MESSAGE_BYTES_MAX = 65536;

/** As long as the server keeps a peer that has not opened. */
const TIMEOUT_MS_DEFAULT = 10_000;

/** On the way back: a request that hangs in an outage must not outlast it by much. */
const RETURN_TIMEOUT_MS = 3000;

const BACKOFF_MIN_MS = 250;
const BACKOFF_MAX_MS = 4000;

/** A connection that held this long was a good one: when it is lost, the first attempt is made at once. */
const STEADY_MS = 5000;

/** The server needs two seconds to see that an old connection is silent. */
const STILL_HERE_MS_MAX = 3000;
const STILL_HERE_INTERVAL_MS = 250;

/** How often to look whether the server was heard, and how often in vain. A hidden page's timers run once a second. */
const WATCH = { everyMs: 100, ticksMax: 19 };
const WATCH_HIDDEN = { everyMs: 1000, ticksMax: 4 };

/** A page that was just shown is as patient as a hidden one until so many Beats: the server may not know it yet. */
const SHOWN = { ticksMax: 48, beats: 2 };

/** So many ticks before the end it is time to look whether anything comes in at all. */
const PATH_TICKS = 6;

/** Half of the 16 MiB at which Chromium's own queue throws. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

/** What a message counts beside its bytes, so that empty ones are bounded too. */
const KEPT_OVERHEAD_BYTES = 64;

/** What a page may write while it is being left. */
const STORED_BYTES_MAX = 256 * 1024;

/** Reliable bytes after which the server hears that it may forget them. */
const UNREPORTED_BYTES_MAX = 128 * 1024;

/** About 15 packets: a few milliseconds of a LAN. More means that the link is behind, and waiting makes messages stale. */
const UNRELIABLE_BACKLOG_BYTES_MAX = 16 * 1024;

const LATEST_HEADER_BYTES = 5;

/** How many packets follow a reliable message, when, and the round trip while it is not known; see `#follow`. */
const FOLLOWERS = 5;
const FOLLOW_AFTER_MS = 10;
const FOLLOW_INTERVAL_MS = 5;
const ROUND_TRIP_MS_DEFAULT = 50;

/** The Beats by which the server's clock is read: more make it steadier, older ones have drifted by more than a millisecond. */
const CLOCK_BEATS = 20;
const CLOCK_MS = 30_000;

/** @typedef {api.Channel | 'control'} ChannelName @type {Record<ChannelName, string>} */
const LABELS = { reliable: 'ro', unreliable: 'uu', latest: 'lt', control: 'ctl' };

const PAGE_EVENTS = ['pagehide', 'pageshow', 'visibilitychange', 'online'];

/** @implements {api.ConnectError} */
export class ConnectError extends Error {
  /** @param {string} code @param {string} message @param {{ cause?: unknown, status?: number }} [options] */
  constructor(code, message, options = {}) {
    super(message, options);
    const { status } = options;
    this.name = 'ConnectError';
    this.code = code;
    this.status = status;
    // Waiting cures slowness (408), an old connection (409), too many (429) and what the server lacks.
    this.lasting = code === 'not-supported'
      || (status !== undefined && status >= 400 && status < 500 && ![408, 409, 429].includes(status));
  }
}

const SENTENCES = {
  aborted: 'Connecting was stopped by this page.',
  anew: 'The server let this page go, to begin anew. It may have taken its messages too slowly.',
  'bad-answer': 'What answered is not a patchcord server, or not of this version. Reload the page.',
  closed: 'The server closed the connection. Try again.',
  lost: 'The connection to the server was lost. Check that it runs and that this device is on the Wi-Fi.',
  'no-path': 'The server answered, but no packets come through. A firewall may block UDP, or a guest Wi-Fi may keep devices apart: '
    + 'allow the server in the firewall or use another Wi-Fi, then try again.',
  'not-delivered': 'The session ended before the server had everything. Say it again.',
  'not-supported': 'This browser cannot start a WebRTC connection. Switch WebRTC on, or use a current Firefox, Chrome, Edge or Safari.',
  'shutting-down': 'The server is stopping. Start it again to go on.',
  timeout: 'The server did not answer in time. Check that it still runs and that the Wi-Fi works, then try again.',
  unreachable: 'The server cannot be reached. Check that it runs and that this device is on the same Wi-Fi, then try again.',
};

/** @param {keyof typeof SENTENCES} code @param {unknown} [cause] @param {number} [status] */
function failure(code, cause, status) {
  return new ConnectError(code, SENTENCES[code], { cause, status });
}

/** @type {typeof api.connect} */
export function connect(options = {}) {
  return new Promise((resolve, reject) => {
    new PageConnection(options, resolve, reject);
  });
}

/** What the application holds. It outlives its peers and its sessions. @implements {api.Connection} */
class PageConnection {
  /** @readonly */ transport = 'webrtc';
  resumed = false;
  #options;
  #url;
  #session;
  /** @type {api.State} */ #state = 'connecting';
  /** @type {Peer | undefined} The latest; it may have ended. */ #peer;
  /** @type {{ resolve: (made: PageConnection) => void, reject: (error: Error) => void } | null} Null once settled. */ #settle;
  /** @type {(() => void)[] | null} What waits while the application takes the connection out of the promise. */ #held = null;
  /** @type {Uint8Array<ArrayBuffer> | null} What waits for `lt`, its number still blank. */ #latest = null;
  #unreportedBytes = 0;
  /** Packets since the last reliable message. */ #followers = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #following;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retrying;
  #attempt = 0;
  #startedAt = 0;
  /** @type {number | null} Since when the server has refused us as still here. */ #stillHereAt = null;

  /** @param {api.ConnectOptions} options @param {(made: PageConnection) => void} resolve @param {(error?: Error) => void} reject */
  constructor(options, resolve, reject) {
    this.#options = options;
    this.#url = options.url ?? './connect';
    this.#session = takeSession(this.#url);
    this.#settle = { resolve, reject };
    if (options.signal?.aborted) {
      this.#onAbort();
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort);
    for (const type of PAGE_EVENTS) globalThis.addEventListener?.(type, this.#onPageEvent);
    this.#open();
  }

  get state() {
    return this.#state;
  }

  get timing() {
    return this.#peer?.timing ?? NOTHING_YET;
  }

  get roundTripMs() {
    return this.#session.clock.roundTripMs;
  }

  get clockError() {
    return this.#session.clock.errorMs;
  }

  serverNow() {
    return this.#session.clock.now();
  }

  /** @param {api.Sendable} data */
  send(data) {
    const bytes = bytesOf(data, RELIABLE_MESSAGE_BYTES_MAX);
    const message = typeof data === 'string' ? data : bytes.slice();
    if (this.#state === 'closed' || !this.#session.keep(message, bytes.length)) return false;
    this.#write(message);
    return true;
  }

  /** @param {api.Sendable} data */
  sendUnreliable(data) {
    bytesOf(data, UNRELIABLE_MESSAGE_BYTES_MAX);
    const channel = this.#channel('unreliable');
    if (!channel || channel.bufferedAmount > UNRELIABLE_BACKLOG_BYTES_MAX) return false;
    // The overloads of send() cover one type each.
    channel.send(/** @type {ArrayBuffer} */ (data));
    this.#followers += 1;
    return true;
  }

  /** @param {api.Sendable} data */
  sendLatest(data) {
    const bytes = bytesOf(data, UNRELIABLE_MESSAGE_BYTES_MAX - LATEST_HEADER_BYTES);
    if (this.#state === 'closed') return false;
    this.#latest = new Uint8Array(LATEST_HEADER_BYTES + bytes.length);
    this.#latest[4] = Number(typeof data !== 'string');
    this.#latest.set(bytes, LATEST_HEADER_BYTES);
    this.#flushLatest();
    return true;
  }

  delivered() {
    return this.#session.delivered();
  }

  close() {
    this.#held = null;
    this.#sayBye();
    if (this.#state === 'closed') this.#release();
    else this.#finish({ cause: 'local' });
  }

  /** Undefined unless it can be sent on. @param {ChannelName} name */
  #channel(name) {
    const channel = this.#peer?.channels[name];
    return this.#state === 'open' && channel?.readyState === 'open' ? channel : undefined;
  }

  #open() {
    clearTimeout(this.#retrying);
    this.#startedAt = performance.now();
    this.#peer?.close();
    this.#peer = new Peer({
      onopen: (answer) => this.#onOpen(answer),
      onmessage: (data, channel) => this.#onMessage(data, channel),
      oncontrol: (message) => this.#onControl(message),
      onunsure: () => this.#echo(),
      onroom: () => this.#flushLatest(),
      onend: (error) => this.#onEnd(error),
    });
    const { timeoutMs = TIMEOUT_MS_DEFAULT } = this.#options;
    const { token: resume, received } = this.#session;
    this.#peer.start(this.#url, resume ? { resume, received } : { resume },
      this.#settle ? timeoutMs : Math.min(timeoutMs, RETURN_TIMEOUT_MS));
  }

  /** @param {Answer} answer */
  #onOpen({ resumed, received }) {
    if (resumed && !this.#session.acknowledge(received)) {
      this.#session.token = '';
      this.#onEnd(failure('bad-answer'));
      return;
    }
    if (!resumed) {
      this.#session.end();
      this.#session = new Session();
      this.#latest = null;
    }
    this.resumed = resumed;
    this.#stillHereAt = null;
    this.#state = 'open';
    for (const message of this.#session.kept()) this.#write(message);
    this.#flushLatest();
    if (this.#settle) {
      this.#options.signal?.removeEventListener('abort', this.#onAbort);
      this.#settle.resolve(this);
      this.#settle = null;
      // Told in a task of its own: by then the application has run on from its `await` and holds the connection.
      this.#held = [];
      setTimeout(() => this.#tellHeld(), 0);
    }
    this.#change('open', { resumed });
  }

  /** @param {api.Received} data @param {api.Channel} channel */
  #onMessage(data, channel) {
    if (channel === 'reliable') {
      this.#session.received = (this.#session.received + 1) >>> 0;
      this.#unreportedBytes += data.length;
      if (this.#unreportedBytes >= UNREPORTED_BYTES_MAX) this.#echo();
    }
    this.#tell(() => this.#options.onmessage?.(data, channel));
  }

  /** @param {Control} message */
  #onControl({ kind, beat, code, text }) {
    const session = this.#session;
    if (beat) {
      session.clock.note(beat);
      this.#echo();
      session.acknowledge(beat.received);
    } else if (kind === TOKEN) {
      session.token = text;
      session.generation = code;
      this.#echo();
    } else if (code === 0) {
      this.#finish({ cause: 'kicked', words: text });
    } else {
      this.#onEnd(failure(code === 1 ? 'shutting-down' : code === 2 ? 'anew' : 'closed'));
    }
  }

  /** @param {ConnectError} error */
  #onEnd(error) {
    const now = performance.now();
    const { openedAt } = this.timing;
    this.#peer?.close();
    const isStillHere = error.code === 'still-here' && this.#session.token !== '';
    if (this.#settle && !isStillHere) {
      this.#fail(error);
      return;
    }
    if (error.lasting) {
      this.#finish({ cause: 'failed', error });
      return;
    }
    if (openedAt !== null && now - openedAt > STEADY_MS) this.#attempt = 0;
    let waitMs = STILL_HERE_INTERVAL_MS;
    if (isStillHere) {
      this.#stillHereAt ??= now;
      if (now - this.#stillHereAt >= STILL_HERE_MS_MAX) this.#session.token = '';
    } else {
      waitMs = this.#nextWaitMs(now);
    }
    if (!this.#settle) this.#change('connecting', { error, retryAt: now + waitMs });
    // Unless the application closed it when it was told.
    if (this.#state === 'connecting') this.#retrying = setTimeout(() => this.#open(), waitMs);
  }

  /**
   * At once, then longer each time; chance takes off up to half, so that a room full of phones does not come back in one
   * moment. An attempt that took its time has waited already. @param {number} now
   */
  #nextWaitMs(now) {
    const attempt = this.#attempt;
    this.#attempt += 1;
    if (attempt === 0) return 0;
    const leftMs = Math.min(BACKOFF_MIN_MS * 2 ** (attempt - 1), BACKOFF_MAX_MS) - (now - this.#startedAt);
    return Math.max(leftMs, BACKOFF_MIN_MS) * (1 - Math.random() / 2);
  }

  /** The end of `connect`. @param {Error} error */
  #fail(error) {
    // The next `connect` may have better luck with the token.
    this.#session.save(this.#url);
    this.#release();
    this.#state = 'closed';
    this.#settle?.reject(error);
    this.#settle = null;
  }

  /** The end for good. @param {api.StateDetail} detail */
  #finish(detail) {
    this.#release();
    this.#change('closed', detail);
  }

  #onAbort = () => {
    this.#fail(failure('aborted', this.#options.signal?.reason));
  };

  /** @param {Event} event */
  #onPageEvent = (event) => {
    const { type, persisted } = /** @type {PageTransitionEvent} */ (event);
    if (type === 'pagehide') {
      this.#tellHeld();
      // Without the end the server would not know for two seconds; without the goodbye it waits for a page that reloads.
      if (!this.#session.save(this.#url) && !persisted) this.#sayBye();
      clearTimeout(this.#retrying);
      this.#peer?.close();
      if (!this.#settle && this.#state !== 'closed') this.#change('closed', { cause: 'pagehide' });
    } else if (type === 'pageshow') {
      // A page that was kept as it was, which has its session still.
      if (!persisted || !this.#peer?.ended) return;
      takeSession(this.#url);
      this.#attempt = 0;
      if (!this.#settle) this.#change('connecting', { retryAt: performance.now() });
      this.#open();
    } else if (this.#state === 'open') {
      if (type === 'visibilitychange') this.#peer?.watch(true);
      this.#echo();
    } else if (this.#state === 'connecting' && !this.#settle && !isHidden()) {
      // Whoever comes back to the page, or to the Wi-Fi, does not wait for the next attempt.
      this.#attempt = 0;
      if (this.#peer?.ended || this.timing.answeredAt === null) this.#open();
    }
  };

  /** @param {string | Uint8Array<ArrayBuffer>} message */
  #write(message) {
    this.#channel('reliable')?.send(/** @type {string} */ (message));
    this.#followers = 0;
    clearTimeout(this.#following);
    this.#following = setTimeout(this.#follow, 2 * (this.roundTripMs ?? ROUND_TRIP_MS_DEFAULT) + FOLLOW_AFTER_MS);
  }

  // If the last packet is lost, nothing shows it to SCTP, which repeats it after 400 ms (Chromium) or more. Three packets
  // that arrive after it make the server report the gap three times, and SCTP repeat it at once. Whether it is lost
  // nobody knows here (`bufferedAmount` falls when it is sent), so they follow every message that no others have followed.
  #follow = () => {
    if (this.#followers >= FOLLOWERS || this.#session.isDelivered) return;
    this.#echo();
    this.#following = setTimeout(this.#follow, FOLLOW_INTERVAL_MS);
  };

  #flushLatest() {
    const channel = this.#channel('latest');
    if (!this.#latest || !channel || channel.bufferedAmount > 0) return;
    new DataView(this.#latest.buffer).setUint32(0, this.#peer?.nextSeq() ?? 0, true);
    channel.send(this.#latest);
    this.#latest = null;
    this.#followers += 1;
  }

  #echo() {
    const { received, generation } = this.#session;
    const echo = new DataView(new ArrayBuffer(11));
    echo.setUint8(0, ECHO);
    echo.setUint32(1, this.#peer?.beat ?? 0, true);
    echo.setUint32(5, received, true);
    echo.setUint8(9, generation);
    echo.setUint8(10, Number(isHidden()));
    this.#channel('control')?.send(echo);
    this.#unreportedBytes = 0;
    this.#followers += 1;
  }

  /** Three times, since any may be lost and nobody answers. */
  #sayBye() {
    for (let n = 0; n < 3; n += 1) this.#channel('control')?.send(Uint8Array.of(BYE));
  }

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
    this.#session.end();
    clearTimeout(this.#retrying);
    clearTimeout(this.#following);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    for (const type of PAGE_EVENTS) globalThis.removeEventListener?.(type, this.#onPageEvent);
  }
}

/** What outlives a connection: who we are to the server, and what each side has had, counted modulo 2^32. */
class Session {
  token = '';
  /** Of the token. */ generation = 0;
  /** Reliable messages that the page has had. */ received = 0;
  clock = new Clock();
  /** Reliable messages that the server has had. */ #acknowledged = 0;
  /** @type {{ message: string | Uint8Array<ArrayBuffer>, cost: number }[]} Those that it may not have had. */ #kept = [];
  #keptBytes = 0;
  /** @type {{ left: number, resolve: () => void, reject: (error: Error) => void }[]} */ #waiting = [];
  #hasEnded = false;

  get isDelivered() {
    return this.#kept.length === 0;
  }

  kept() {
    return this.#kept.map(({ message }) => message);
  }

  /** Returns whether there is room. @param {string | Uint8Array<ArrayBuffer>} message @param {number} bytes */
  keep(message, bytes) {
    const cost = bytes + KEPT_OVERHEAD_BYTES;
    if (this.#keptBytes + cost > KEPT_BYTES_MAX) return false;
    this.#kept.push({ message, cost });
    this.#keptBytes += cost;
    return true;
  }

  /** The server says what it has had. Returns whether that can be, or is old. @param {number} received */
  acknowledge(received) {
    const count = (received - this.#acknowledged) >>> 0;
    if (count > this.#kept.length) return false;
    this.#acknowledged = received;
    for (const { cost } of this.#kept.splice(0, count)) this.#keptBytes -= cost;
    for (const waiting of this.#waiting) waiting.left -= count;
    while (this.#waiting[0]?.left <= 0) this.#waiting.shift()?.resolve();
    return true;
  }

  /** @returns {Promise<void>} */
  delivered() {
    return new Promise((resolve, reject) => {
      if (this.isDelivered) resolve();
      else if (this.#hasEnded) reject(failure('not-delivered'));
      else this.#waiting.push({ left: this.#kept.length, resolve, reject });
    });
  }

  end() {
    this.#hasEnded = true;
    for (const { reject } of this.#waiting.splice(0)) reject(failure('not-delivered'));
  }

  /** For the page that is loaded next. Returns whether it will find it. @param {string | URL} url */
  save(url) {
    const { token, received } = this;
    if (token === '' || this.#keptBytes > STORED_BYTES_MAX) return false;
    const kept = this.kept().map((message) => (typeof message === 'string' ? message : [...message]));
    try {
      sessionStorage.setItem(storageKey(url), JSON.stringify({ token, received, acknowledged: this.#acknowledged, kept }));
      return true;
    } catch {
      return false;
    }
  }

  /** @param {{ token: string, received: number, acknowledged: number, kept: (string | number[])[] }} saved */
  restore({ token, received, acknowledged, kept }) {
    for (const saved of kept) {
      const message = typeof saved === 'string' ? saved : Uint8Array.from(saved);
      this.keep(message, bytesOf(message, Infinity).length);
    }
    this.token = token;
    this.received = received;
    this.#acknowledged = acknowledged;
  }
}

/** What the page before this one saved, or a new one. It is taken away, so that a duplicate of this tab has no copy. @param {string | URL} url */
function takeSession(url) {
  const session = new Session();
  try {
    const key = storageKey(url);
    const saved = sessionStorage.getItem(key);
    sessionStorage.removeItem(key);
    if (saved) session.restore(JSON.parse(saved));
  } catch {
    // A browser that keeps nothing for this page throws. Then a reloaded page is a new one.
  }
  return session;
}

/** @param {string | URL} url */
function storageKey(url) {
  return `patchcord ${new URL(url, location.href)}`;
}

/** The server's clock, from its Beats; milliseconds. */
class Clock {
  /** @type {{ timeMs: number, offset: number }[]} */ #beats = [];
  /** @type {number | null} */ roundTripMs = null;

  get errorMs() {
    return this.roundTripMs === null ? null : this.roundTripMs / 2;
  }

  now() {
    return this.errorMs === null ? null : performance.now() + Math.max(...this.#beats.map(({ offset }) => offset)) + this.errorMs;
  }

  /** @param {{ timeMs: number, roundTripMs: number | null }} beat  It arrives now. */
  note({ timeMs, roundTripMs }) {
    this.#beats.push({ timeMs, offset: timeMs - performance.now() });
    // By the server's time: this Beat may have waited behind a long message for longer than that.
    while (this.#beats.length > CLOCK_BEATS || this.#beats[0].timeMs < timeMs - CLOCK_MS) this.#beats.shift();
    this.roundTripMs = roundTripMs;
  }
}

/**
 * @typedef {object} PeerEvents
 * @property {(answer: Answer) => void} onopen  All channels are open.
 * @property {(data: api.Received, channel: api.Channel) => void} onmessage
 * @property {(message: Control) => void} oncontrol
 * @property {() => void} onunsure  Whether the server knows that the page is shown.
 * @property {() => void} onroom  Nothing waits on `lt` any more.
 * @property {(error: ConnectError) => void} onend  Once and last, and not after `close()`.
 */

/** @type {api.Timing} */
const NOTHING_YET = Object.freeze({ postedAt: null, answeredAt: null, openedAt: null });

/** One RTCPeerConnection from its offer to its end. */
class Peer {
  /** @type {PeerEvents | null} Null once ended. */ #events;
  /** @type {RTCPeerConnection | undefined} */ #pc;
  /** @type {Partial<Record<ChannelName, RTCDataChannel>>} */ channels = {};
  timing = NOTHING_YET;
  /** The newest Beat: before the first one a number that none has. */ beat = -1;
  /** @type {Answer | undefined} */ #answer;
  /** @type {[api.Received, api.Channel][] | null} What came before all channels were open; null since then. */ #early = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #watching;
  #silentTicks = 0;
  #beatsAwaited = 0;
  /** @type {number | null} What had come in when it was last looked at, since the last message. */ #pathBytes = null;
  #seq = -1;
  /** Of what came on `lt`. */ #newest = -1;
  #fetching = new AbortController();
  /** @type {Error | undefined} What a channel said before it closed. */ #lastError;

  /** @param {PeerEvents} events */
  constructor(events) {
    this.#events = events;
  }

  get ended() {
    return !this.#events;
  }

  /** @param {string | URL} url @param {object} ask @param {number} timeoutMs  Of each of two steps: the answer, the channels. */
  async start(url, ask, timeoutMs) {
    this.#startStep(timeoutMs);
    try {
      // Where there is none this throws as well.
      const pc = this.#pc = new RTCPeerConnection();
      pc.onconnectionstatechange = () => {
        // 'disconnected' may pass; only 'failed' is an end.
        if (pc.connectionState === 'failed') this.#end(failure(this.#early ? 'no-path' : 'lost', this.#lastError));
      };
      for (const name of /** @type {ChannelName[]} */ (Object.keys(LABELS))) this.#addChannel(pc, name);
      const offer = await pc.createOffer();
      if (this.ended) return;
      // Applied while the offer travels. Candidates are not gathered first, the server needs none.
      // `offer` and not pc.localDescription, which throws in Firefox after close().
      pc.setLocalDescription(offer).catch((cause) => this.#end(failure('not-supported', cause)));
      this.#mark('postedAt');
      const answer = await postOffer(url, { type: offer.type, sdp: offer.sdp, ...ask }, this.#fetching.signal);
      if (this.ended) return;
      const applying = applyAnswer(pc, answer);
      this.#answer = answer;
      this.#mark('answeredAt');
      this.#startStep(timeoutMs);
      await applying;
    } catch (error) {
      this.#end(error instanceof ConnectError ? error : failure('not-supported', error));
    }
  }

  /** Begins to look whether the server is heard. A page that sleeps or is busy does not count as silence: it counts no ticks. */
  watch(wasHidden = false) {
    const { everyMs, ticksMax } = isHidden() ? WATCH_HIDDEN : WATCH;
    this.#beatsAwaited = wasHidden && !isHidden() ? SHOWN.beats : 0;
    clearInterval(this.#watching);
    this.#heard();
    this.#watching = setInterval(() => {
      this.#silentTicks += 1;
      const isUnsure = this.#beatsAwaited > 0;
      const most = isUnsure ? SHOWN.ticksMax : ticksMax;
      if (isUnsure) this.#events?.onunsure();
      if (this.#silentTicks > most) this.#end(failure('lost'));
      // A browser that cannot tell has its messages alone.
      else if (this.#silentTicks > Math.max(most / 2, most - PATH_TICKS)) this.#lookAtPath().catch(() => {});
    }, everyMs);
  }

  #heard() {
    this.#silentTicks = 0;
    this.#pathBytes = null;
  }

  // While a large message is on its way no other can overtake it. What comes in meanwhile shows that the server is there.
  async #lookAtPath() {
    const before = this.#pathBytes;
    let bytes = 0;
    for (const { type, bytesReceived = 0 } of (await this.#pc?.getStats())?.values() ?? []) {
      if (type === 'candidate-pair') bytes += bytesReceived;
    }
    if (before !== null && bytes > before) this.#heard();
    else this.#pathBytes = bytes;
  }

  /** The number of the next message on `lt`. */
  nextSeq() {
    this.#seq += 1;
    return this.#seq;
  }

  close() {
    this.#events = null;
    this.#early = null;
    clearTimeout(this.#timer);
    clearInterval(this.#watching);
    this.#fetching.abort();
    this.#pc?.close();
  }

  /** @param {number} timeoutMs */
  #startStep(timeoutMs) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(failure(this.#answer ? 'no-path' : 'timeout')), timeoutMs);
  }

  /** @param {RTCPeerConnection} pc @param {ChannelName} name */
  #addChannel(pc, name) {
    const channel = this.channels[name] = pc.createDataChannel(LABELS[name],
      name === 'reliable' ? undefined : { ordered: false, maxRetransmits: 0 });
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => this.#onChannelOpen();
    channel.onmessage = ({ data }) => {
      this.#heard();
      this.#onData(typeof data === 'string' ? data : new Uint8Array(data), name);
    };
    if (name === 'latest') channel.onbufferedamountlow = () => this.#events?.onroom();
    channel.onerror = ({ error }) => {
      this.#lastError = error;
    };
    channel.onclosing = channel.onclose = () => this.#end(failure('closed', this.#lastError));
  }

  /** @param {api.Received} data @param {ChannelName} name */
  #onData(data, name) {
    if (name === 'control') {
      const message = readControl(data);
      if (message?.beat) {
        this.beat = message.beat.seq;
        this.#beatsAwaited -= 1;
      }
      // What is said on `ctl` before the channels are open is said again.
      if (message && !this.#early) this.#events?.oncontrol(message);
      return;
    }
    const message = name === 'latest' ? this.#newer(data) : data;
    if (message === null) return;
    if (this.#early) this.#early.push([message, name]);
    else this.#events?.onmessage(message, name);
  }

  /** A message of `lt` without its header; null if it is not newer than all before (RFC 1982). @param {api.Received} data */
  #newer(data) {
    if (typeof data === 'string' || data.length < LATEST_HEADER_BYTES) return null;
    const seq = new DataView(data.buffer).getUint32(0, true);
    const message = data[4] === 1 ? data.slice(LATEST_HEADER_BYTES) : textOf(data.subarray(LATEST_HEADER_BYTES));
    if (data[4] > 1 || message === null || ((seq - this.#newest) | 0) <= 0) return null;
    this.#newest = seq;
    return message;
  }

  #onChannelOpen() {
    if (!this.#events || !this.#answer || Object.values(this.channels).some(({ readyState }) => readyState !== 'open')) return;
    clearTimeout(this.#timer);
    this.#mark('openedAt');
    this.watch();
    const early = this.#early ?? [];
    this.#early = null;
    this.#events.onopen(this.#answer);
    for (const [data, channel] of early) this.#events?.onmessage(data, channel);
  }

  /** @param {ConnectError} error */
  #end(error) {
    const events = this.#events;
    this.close();
    events?.onend(error);
  }

  /** @param {keyof api.Timing} step */
  #mark(step) {
    this.timing = Object.freeze({ ...this.timing, [step]: performance.now() });
  }
}

// The kinds of docs/PROTOCOL.md, "Messages on ctl".
const BEAT = 0x01;
const TOKEN = 0x02;
const OVER = 0x03;
const ECHO = 0x81;
const BYE = 0x82;

/**
 * @typedef {{ seq: number, timeMs: number, roundTripMs: number | null, received: number }} Beat
 * @typedef {{ kind: number, beat?: Beat, code: number, text: string }} Control  `code` is the generation of a token, the why of an end.
 */

/** Null for what is malformed or unknown. @param {api.Received} data @returns {Control | null} */
function readControl(data) {
  if (typeof data === 'string') return null;
  const [kind, code, size] = data;
  if (kind === BEAT && data.length === 21) {
    const view = new DataView(data.buffer);
    const [seq, low, high, roundTrip, received] = [1, 5, 9, 13, 17].map((at) => view.getUint32(at, true));
    const roundTripMs = roundTrip === 0xffffffff ? null : roundTrip / 1000;
    return { kind, code: 0, text: '', beat: { seq, timeMs: (high * 2 ** 32 + low) / 1000, roundTripMs, received } };
  }
  if (data.length !== 3 + size || (kind === TOKEN ? code === 0 : kind !== OVER)) return null;
  const text = textOf(data.subarray(3));
  return text === null ? null : { kind, code, text };
}

/** @typedef {{ description: RTCSessionDescriptionInit, candidates: RTCIceCandidateInit[], resumed: boolean, received: number }} Answer */

/** @param {string | URL} url @param {object} offer @param {AbortSignal} signal @returns {Promise<Answer>} */
async function postOffer(url, offer, signal) {
  let response;
  let body;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(offer),
      cache: 'no-store',
      signal,
    });
    body = await response.json().catch(unlessSyntax);
  } catch (cause) {
    throw failure('unreachable', cause);
  }
  if (response.ok && isAnswer(body)) return body;
  const { status } = response;
  const { code, message } = body?.error ?? {};
  if (!response.ok && typeof code === 'string' && typeof message === 'string') throw new ConnectError(code, message, { status });
  throw failure('bad-answer', undefined, status);
}

/** What is not JSON is a bad answer, any other trouble a lost one. @param {unknown} error */
function unlessSyntax(error) {
  if (!(error instanceof SyntaxError)) throw error;
}

/** @param {any} body @returns {body is Answer} */
function isAnswer(body) {
  return body?.description?.type === 'answer' && typeof body.description.sdp === 'string' && Array.isArray(body.candidates)
    && typeof body.resumed === 'boolean' && typeof body.received === 'number';
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
    throw failure('bad-answer', cause);
  });
}

function isHidden() {
  return globalThis.document?.hidden === true;
}

/** Not a copy. @param {api.Sendable} data @param {number} bytesMax @returns {Uint8Array<ArrayBuffer>} */
function bytesOf(data, bytesMax) {
  let bytes;
  if (typeof data === 'string') bytes = new TextEncoder().encode(data);
  else if (ArrayBuffer.isView(data)) bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  else if (data instanceof ArrayBuffer) bytes = new Uint8Array(data);
  else throw new TypeError('A message is a string, an ArrayBuffer or a view of one, such as a Uint8Array.');
  if (bytes.length <= bytesMax) return bytes;
  throw new RangeError(`This message has ${bytes.length} bytes, and may have ${bytesMax} at most. Send it in parts.`);
}

/** Null for what is not UTF-8. @param {Uint8Array} bytes */
function textOf(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** What the application throws reaches the page's `error` event and leaves the connection whole. @param {() => void} callback */
function callAndReport(callback) {
  try {
    callback();
  } catch (error) {
    reportError(error);
  }
}
