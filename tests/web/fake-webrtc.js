// A stand-in for the browser's RTCPeerConnection, fetch and page events, which a test drives by hand.

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

  /** @param {string} label @param {object} [options] */
  constructor(label, options) {
    this.label = label;
    this.options = options;
  }

  /** @param {any} data */
  send(data) {
    this.sent.push(data);
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

/** The world around patchcord.js: what it made, what it asked, and the levers. Undone by `restore()`. */
export class FakeBrowser {
  /** @type {FakePeerConnection[]} */ connections = [];
  /** @type {{ url: any, init: any, answer: (status: number, body: any) => void, answerWith: (response: Response) => void, fail: (error: Error) => void }[]} */ posts = [];
  /** @type {Map<string, Set<(event: any) => void>>} */ listeners = new Map();
  /** @type {Error[]} What reached the page's `error` event. */ reported = [];
  #before = new Map();

  constructor() {
    const browser = this;
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

  /** @param {string} type @param {object} event */
  dispatch(type, event) {
    for (const listener of [...this.listeners.get(type) ?? []]) listener(event);
  }

  listenerCount() {
    return [...this.listeners.values()].reduce((count, listeners) => count + listeners.size, 0);
  }

  get pc() {
    return this.connections[this.connections.length - 1];
  }

  /** Answers the newest offer well and lets the answer be applied. */
  async answer() {
    await settle();
    this.posts[this.posts.length - 1].answer(200, ANSWER);
    await settle();
  }

  /** Answers the newest offer and opens both channels. */
  async open() {
    await this.answer();
    this.pc.ro.open();
    this.pc.uu.open();
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
};

/** Lets everything that is ready run. */
export function settle() {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
