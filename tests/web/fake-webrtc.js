// A stand-in for the browser's RTCPeerConnection, fetch, page events and session storage, which a test drives by hand.

export class FakeChannel {
  readyState = 'connecting';
  bufferedAmount = 0;
  binaryType = 'blob';
  /** @type {any[]} */ sent = [];
  /** @type {((event?: any) => void) | null} */ onopen = null;
  /** @type {((event: { data: any }) => void) | null} */ onmessage = null;
  /** @type {((event?: any) => void) | null} */ onclose = null;
  /** @type {((event?: any) => void) | null} */ onclosing = null;
  /** @type {((event: any) => void) | null} */ onerror = null;
  /** @type {(() => void) | null} */ onbufferedamountlow = null;

  /** @param {string} label @param {object} [options] */
  constructor(label, options) {
    this.label = label;
    this.options = options;
  }

  /** @param {any} data */
  send(data) {
    if (this.readyState !== 'open') throw new Error('InvalidStateError');
    // Bytes are copied, as in a browser: what the page does with its buffer afterwards does not show.
    this.sent.push(structuredClone(data));
  }

  open() {
    this.readyState = 'open';
    this.onopen?.();
  }

  /** @param {any} data */
  receive(data) {
    this.onmessage?.({ data });
  }

  closeFromFar() {
    this.readyState = 'closed';
    this.onclose?.();
  }
}

/** A session storage, of which a reload of the page makes no new one. */
export class FakeStorage {
  /** @type {Map<string, string>} */ items = new Map();
  /** @type {Error | null} */ throws = null;

  /** @param {string} key */
  getItem(key) {
    if (this.throws) throw this.throws;
    return this.items.get(key) ?? null;
  }

  /** @param {string} key @param {string} value */
  setItem(key, value) {
    if (this.throws) throw this.throws;
    this.items.set(key, value);
  }

  /** @param {string} key */
  removeItem(key) {
    this.items.delete(key);
  }
}

/** The world around patchcord.js: what it made, what it asked, and the levers. Undone by `restore()`. */
export class FakeBrowser {
  document = { hidden: false };
  /** @type {FakePeerConnection[]} */ connections = [];
  /** @type {{ url: any, init: any, answer: (status: number, body: any) => void, answerWith: (response: Response) => void, fail: (error: Error) => void }[]} */ posts = [];
  /** @type {Map<string, Set<(event: any) => void>>} */ listeners = new Map();
  /** @type {Error[]} What reached the page's `error` event. */ reported = [];
  #before = new Map();

  constructor(storage = new FakeStorage()) {
    const browser = this;
    this.storage = storage;
    this.#replace('sessionStorage', storage);
    this.#replace('document', this.document);
    this.#replace('location', { href: 'http://192.0.2.1:8080/room/?a=1' });
    this.#replace('RTCPeerConnection', class extends FakePeerConnection {
      constructor() {
        super();
        browser.connections.push(this);
      }
    });
    this.#replace('fetch', (/** @type {any} */ url, /** @type {any} */ init) => new Promise((resolve, reject) => {
      init.signal.addEventListener('abort', () => reject(init.signal.reason));
      browser.posts.push({
        url,
        init,
        answer: (status, body) => resolve(new Response(typeof body === 'string' ? body : JSON.stringify(body), { status })),
        answerWith: resolve,
        fail: reject,
      });
    }));
    this.#replace('reportError', (/** @type {Error} */ error) => {
      browser.reported.push(error);
    });
    this.#replace('addEventListener', (/** @type {string} */ type, /** @type {(event: any) => void} */ listener) => {
      if (!browser.listeners.has(type)) browser.listeners.set(type, new Set());
      browser.listeners.get(type)?.add(listener);
    });
    this.#replace('removeEventListener', (/** @type {string} */ type, /** @type {(event: any) => void} */ listener) => {
      browser.listeners.get(type)?.delete(listener);
    });
  }

  /** @param {string} type @param {object} [event] */
  dispatch(type, event) {
    for (const listener of [...this.listeners.get(type) ?? []]) listener({ type, ...event });
  }

  /** @param {boolean} hidden */
  hide(hidden) {
    this.document.hidden = hidden;
    this.dispatch('visibilitychange');
  }

  listenerCount() {
    return [...this.listeners.values()].reduce((count, listeners) => count + listeners.size, 0);
  }

  get pc() {
    return this.connections[this.connections.length - 1];
  }

  get post() {
    return this.posts[this.posts.length - 1];
  }

  /** What the newest offer says. */
  get offer() {
    return JSON.parse(this.post.init.body);
  }

  /** Answers the newest offer well and lets the answer be applied. @param {{ resumed?: boolean, received?: number }} [session] */
  async answer(session = {}) {
    await settle();
    this.post.answer(200, { ...ANSWER, ...session });
    await settle();
  }

  /** Answers the newest offer and opens its channels. @param {{ resumed?: boolean, received?: number }} [session] */
  async open(session) {
    await this.answer(session);
    for (const channel of this.pc.channels) channel.open();
  }

  /** Refuses the newest offer. @param {number} status @param {string} code */
  async refuse(status, code) {
    await settle();
    this.post.answer(status, { error: { code, message: 'No.' } });
    await settle();
  }

  /** The newest offer cannot be posted. */
  async unreachable() {
    await settle();
    this.post.fail(new TypeError('Failed to fetch'));
    await settle();
  }

  restore() {
    for (const [name, value] of this.#before) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }

  /** @param {string} name @param {any} value */
  #replace(name, value) {
    this.#before.set(name, Reflect.get(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
}

class FakePeerConnection {
  connectionState = 'new';
  closed = false;
  /** @type {string[]} What was called, in order. */ calls = [];
  /** @type {FakeChannel[]} */ channels = [];
  /** @type {(() => void) | null} */ onconnectionstatechange = null;
  /** @type {Error | null} */ rejectOffer = null;
  /** @type {Error | null} */ rejectAnswer = null;
  /** @type {Error | null} */ rejectCandidate = null;

  get ro() {
    return this.channels[0];
  }

  get uu() {
    return this.channels[1];
  }

  get lt() {
    return this.channels[2];
  }

  get ctl() {
    return this.channels[3];
  }

  // As Firefox does.
  get localDescription() {
    if (this.closed) throw new Error('InvalidStateError');
    return null;
  }

  /** @param {string} label @param {object} [options] */
  createDataChannel(label, options) {
    const channel = new FakeChannel(label, options);
    this.channels.push(channel);
    return channel;
  }

  async createOffer() {
    return { type: 'offer', sdp: 'v=0 fake' };
  }

  async setLocalDescription() {
    this.calls.push('local');
    if (this.rejectOffer) throw this.rejectOffer;
  }

  async setRemoteDescription() {
    this.calls.push('remote');
    if (this.rejectAnswer) throw this.rejectAnswer;
  }

  /** @param {{ candidate: string }} init */
  async addIceCandidate(init) {
    this.calls.push(init.candidate);
    if (this.rejectCandidate) throw this.rejectCandidate;
  }

  bytesReceived = 0;

  async getStats() {
    const { bytesReceived } = this;
    return new Map([['a', { type: 'transport', bytesReceived: 7 }], ['b', { type: 'candidate-pair', bytesReceived }]]);
  }

  /** @param {string} state */
  becomes(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  close() {
    this.closed = true;
    for (const channel of this.channels) channel.readyState = 'closed';
  }
}

export const ANSWER = {
  description: { type: 'answer', sdp: 'v=0 answer' },
  candidates: [
    { candidate: 'candidate:1', sdpMid: '0', sdpMLineIndex: 0 },
    { candidate: 'candidate:2', sdpMid: '0', sdpMLineIndex: 0 },
  ],
  resumed: false,
  received: 0,
};

/** Time as it is, also where a test has brought its own. */
const { setTimeout: after } = globalThis;

/** Lets everything that is ready run. */
export function settle() {
  return new Promise((resolve) => after(resolve, 5));
}
