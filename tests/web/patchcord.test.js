import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'node:test';
import * as patchcord from '../../web/patchcord.js';
import { ANSWER, FakeBrowser, settle } from './fake-webrtc.js';

const { connect, ConnectError, RELIABLE_MESSAGE_BYTES_MAX, UNRELIABLE_MESSAGE_BYTES_MAX } = patchcord;

/** @type {FakeBrowser} */
let browser;
beforeEach(() => {
  browser = new FakeBrowser();
});
afterEach(() => browser.restore());

/** An application that writes down what it is told. @param {object} [options] */
function application(options = {}) {
  /** @type {any[]} */
  const told = [];
  const promise = connect({
    onmessage: (data, channel) => told.push(typeof data === 'string' ? [channel, data] : [channel, ...data]),
    onstate: (state, detail) => told.push(detail.cause ? `${state}: ${detail.cause}` : state),
    ...options,
  });
  // A test may look at a rejection later than it comes.
  promise.catch(() => {});
  return { promise, told };
}

/** @param {Promise<any>} promise @param {string} code @returns {Promise<any>} the error */
async function rejectsWith(promise, code) {
  /** @type {any} */
  const error = await promise.then(() => assert.fail('resolved'), (reason) => reason);
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(error.code, code);
  assert.match(error.message, /\.$/, 'a sentence');
  assert.equal(browser.listenerCount(), 0, 'no listener stays');
  assert.ok(browser.connections.every((pc) => pc.closed), 'no peer connection stays');
  return error;
}

describe('opening', () => {
  test('posts the offer without candidates, applies the answer in order, and resolves when all channels are open', async () => {
    const { promise, told } = application({ url: './connect?room=1' });
    await settle();
    assert.equal(browser.posts.length, 1);
    const { url, init } = browser.posts[0];
    assert.equal(url, './connect?room=1');
    assert.equal(init.method, 'POST');
    assert.equal(init.headers['Content-Type'], 'application/json');
    assert.deepEqual(JSON.parse(init.body), { type: 'offer', sdp: 'v=0 fake', resume: '' });
    const unordered = { ordered: false, maxRetransmits: 0 };
    assert.deepEqual(browser.pc.channels.map(({ label, options }) => [label, options]),
      [['ro', undefined], ['uu', unordered], ['lt', unordered], ['ctl', unordered]]);

    await browser.answer();
    assert.deepEqual(browser.pc.calls, ['local', 'remote', 'candidate:1', 'candidate:2']);

    let resolved = false;
    void promise.then(() => {
      resolved = true;
    });
    for (const channel of browser.pc.channels) {
      await settle();
      assert.equal(resolved, false, 'one channel is not enough');
      channel.open();
    }
    const connection = await promise;
    assert.equal(connection.state, 'open');
    assert.equal(connection.resumed, false);
    assert.equal(connection.transport, 'webrtc');
    const { postedAt, answeredAt, openedAt } = connection.timing;
    assert.ok(postedAt !== null && answeredAt !== null && openedAt !== null && postedAt <= answeredAt && answeredAt <= openedAt);
    assert.deepEqual(told, [], 'nothing is told before the application has the connection');
    await settle();
    assert.deepEqual(told, ['open']);
    connection.close();
  });

  test('a candidate that the browser does not take, as one that the description named already, is no failure', async () => {
    const { promise } = application();
    await settle();
    browser.pc.rejectCandidate = new Error('duplicate');
    await browser.open();
    assert.deepEqual(browser.pc.calls, ['local', 'remote', 'candidate:1', 'candidate:2'], 'the others are still offered');
    (await promise).close();
  });

  test('the answer is applied in the turn in which it was read, without waiting between its parts', async () => {
    const { promise } = application();
    await settle();
    const { pc } = browser;
    /** @type {string[][]} */ const after = [];
    pc.setRemoteDescription = () => {
      pc.calls.push('remote');
      queueMicrotask(() => after.push([...pc.calls]));
      return Promise.resolve();
    };
    await browser.open();
    assert.deepEqual(after, [['local', 'remote', 'candidate:1', 'candidate:2']]);
    (await promise).close();
  });

  test('early messages are delivered after the promise, in order', async () => {
    /** @type {any} */ let connection;
    /** @type {any[]} */ const told = [];
    const promise = connect({
      onstate: (state) => told.push([state, connection !== undefined]),
      onmessage: (data, channel) => told.push([channel, typeof data === 'string' ? data : [...data], connection !== undefined]),
    });
    await browser.answer();
    browser.pc.ro.open();
    browser.pc.ro.receive('welcome');
    browser.pc.ro.receive(new ArrayBuffer(0));
    for (const channel of [browser.pc.uu, browser.pc.lt, browser.pc.ctl]) channel.open();
    browser.pc.uu.receive(Uint8Array.of(1, 2).buffer);
    browser.pc.ro.receive('');
    connection = await promise;
    await settle();
    browser.pc.uu.receive('later');
    assert.deepEqual(told, [
      ['open', true], ['reliable', 'welcome', true], ['reliable', [], true],
      ['unreliable', [1, 2], true], ['reliable', '', true], ['unreliable', 'later', true],
    ]);
    connection.close();
  });

  test('an early message whose callback throws does not stop the next one', async () => {
    /** @type {any[]} */ const told = [];
    const promise = connect({
      onmessage: (data) => {
        if (data === 'one') throw new Error('from the application');
        told.push(data);
      },
    });
    await browser.open();
    browser.pc.ro.receive('one');
    browser.pc.ro.receive('two');
    const connection = await promise;
    await settle();
    assert.deepEqual(told, ['two']);
    assert.deepEqual(browser.reported.map(({ message }) => message), ['from the application']);
    connection.close();
  });

  test('closing before the early messages were told drops them', async () => {
    const { promise, told } = application();
    await browser.open();
    browser.pc.ro.receive('early');
    const connection = await promise;
    connection.close();
    await settle();
    assert.deepEqual(told, ['closed: local']);
  });
});

describe('what keeps it from opening', () => {
  test('not-supported: no WebRTC', async () => {
    Reflect.set(globalThis, 'RTCPeerConnection', undefined);
    await rejectsWith(application().promise, 'not-supported');
  });

  test('not-supported: the constructor throws', async () => {
    Reflect.set(globalThis, 'RTCPeerConnection', class {
      constructor() {
        throw new Error('too many');
      }
    });
    assert.equal((await rejectsWith(application().promise, 'not-supported')).cause.message, 'too many');
  });

  test('not-supported: the browser does not take its own offer, told without waiting for the server', async () => {
    const { promise } = application();
    browser.pc.rejectOffer = new Error('no certificate');
    assert.equal((await rejectsWith(promise, 'not-supported')).cause.message, 'no certificate');
    assert.equal(browser.posts[0].init.signal.aborted, true);
  });

  test('unreachable: the fetch fails', async () => {
    const { promise } = application();
    await settle();
    browser.posts[0].fail(new TypeError('Failed to fetch'));
    assert.equal((await rejectsWith(promise, 'unreachable')).cause.message, 'Failed to fetch');
  });

  test('unreachable: the answer breaks off', async () => {
    const { promise } = application();
    await settle();
    const broken = new ReadableStream({ pull: (controller) => controller.error(new TypeError('network error')) });
    browser.posts[0].answerWith(new Response(broken));
    assert.equal((await rejectsWith(promise, 'unreachable')).cause.message, 'network error');
  });

  test('the server\'s own code, message and status', async () => {
    const { promise } = application();
    await settle();
    browser.posts[0].answer(503, { error: { code: 'full', message: 'The server is full. Try again later.' } });
    const error = await rejectsWith(promise, 'full');
    assert.equal(error.status, 503);
    assert.equal(error.message, 'The server is full. Try again later.');
  });

  for (const [what, status, body] of /** @type {[string, number, any][]} */ ([
    ['a refusal without a reason', 502, '<html>Bad gateway</html>'],
    ['a refusal whose code is no text', 500, { error: { code: 7 } }],
    ['a page instead of JSON', 200, '<html>hello</html>'],
    ['null', 200, 'null'],
    ['no candidates', 200, { ...ANSWER, candidates: undefined }],
    ['an offer for an answer', 200, { ...ANSWER, description: { type: 'offer', sdp: '' } }],
    ['no session', 200, { ...ANSWER, resumed: undefined }],
    ['a session without its count', 200, { ...ANSWER, received: undefined }],
  ])) {
    test(`bad-answer: ${what}`, async () => {
      const { promise } = application();
      await settle();
      browser.posts[0].answer(status, body);
      assert.equal((await rejectsWith(promise, 'bad-answer')).status, status);
    });
  }

  test('bad-answer: the browser does not take the description', async () => {
    const { promise } = application();
    await settle();
    browser.pc.rejectAnswer = new Error('bad sdp');
    await browser.answer();
    assert.equal((await rejectsWith(promise, 'bad-answer')).cause.message, 'bad sdp');
  });

  test('timeout: no answer to the offer', async () => {
    const { promise } = application({ timeoutMs: 20 });
    await rejectsWith(promise, 'timeout');
    assert.equal(browser.posts[0].init.signal.aborted, true);
  });

  test('no-path: an answer, but the channels do not open', async () => {
    const { promise } = application({ timeoutMs: 40 });
    await browser.answer();
    browser.pc.ro.open();
    await rejectsWith(promise, 'no-path');
  });

  test('no-path: ICE fails', async () => {
    const { promise } = application();
    await browser.answer();
    browser.pc.becomes('failed');
    await rejectsWith(promise, 'no-path');
  });

  test('closed: the server closes a channel while the other opens', async () => {
    const { promise } = application();
    await browser.answer();
    browser.pc.ro.open();
    browser.pc.ro.closeFromFar();
    await rejectsWith(promise, 'closed');
  });

  test('aborted: before, and while the offer is on its way', async () => {
    const before = application({ signal: AbortSignal.abort('no') });
    assert.equal((await rejectsWith(before.promise, 'aborted')).cause, 'no');
    assert.equal(browser.connections.length, 0);

    const controller = new AbortController();
    const during = application({ signal: controller.signal });
    await settle();
    controller.abort();
    await rejectsWith(during.promise, 'aborted');
    assert.deepEqual(during.told, [], 'a rejection is not told a second time');
  });

  test('an abort after the opening changes nothing', async () => {
    const controller = new AbortController();
    const { promise } = application({ signal: controller.signal });
    await browser.open();
    const connection = await promise;
    controller.abort();
    assert.equal(connection.state, 'open');
    connection.close();
  });
});

describe('sending', () => {
  /** @type {import('../../web/patchcord.js').Connection} */
  let connection;
  beforeEach(async () => {
    const { promise } = application();
    await browser.open();
    connection = await promise;
  });
  afterEach(() => connection.close());

  test('each kind of data goes to its channel', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    assert.equal(connection.send('text'), true);
    assert.equal(connection.send(''), true);
    assert.equal(connection.sendUnreliable(bytes), true);
    assert.equal(connection.sendUnreliable(bytes.buffer), true);
    assert.deepEqual(browser.pc.ro.sent, ['text', '']);
    assert.deepEqual(browser.pc.uu.sent, [bytes, bytes.buffer]);
  });

  test('the largest message goes, one byte more is a RangeError that names the size', () => {
    assert.equal(connection.send(new Uint8Array(RELIABLE_MESSAGE_BYTES_MAX)), true);
    assert.equal(connection.sendUnreliable(new ArrayBuffer(UNRELIABLE_MESSAGE_BYTES_MAX)), true);
    assert.throws(() => connection.send(new Uint8Array(RELIABLE_MESSAGE_BYTES_MAX + 1)), { name: 'RangeError', message: /262145/ });
    assert.throws(() => connection.sendUnreliable(new Uint8Array(UNRELIABLE_MESSAGE_BYTES_MAX + 1)), { name: 'RangeError', message: /65537/ });
  });

  test('text is measured in bytes of UTF-8', () => {
    assert.equal(connection.sendUnreliable('é'.repeat(UNRELIABLE_MESSAGE_BYTES_MAX / 2)), true);
    assert.throws(() => connection.sendUnreliable('é'.repeat(UNRELIABLE_MESSAGE_BYTES_MAX / 2) + 'a'), RangeError);
  });

  test('what is neither text nor bytes is a TypeError', () => {
    // @ts-expect-error The mistake under test.
    assert.throws(() => connection.send({ x: 1 }), TypeError);
    // @ts-expect-error The mistake under test.
    assert.throws(() => connection.sendUnreliable(undefined), TypeError);
  });

  test('the bytes of a reliable message are its own, and a view gives what it shows', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    connection.send(new DataView(bytes.buffer, 1, 2));
    bytes.fill(9);
    assert.deepEqual(browser.pc.ro.sent, [Uint8Array.of(2, 3)]);
  });

  test('an unreliable message is dropped while much waits, a reliable one waits with it', () => {
    browser.pc.uu.bufferedAmount = 16 * 1024 + 1;
    browser.pc.ro.bufferedAmount = 16 * 1024 + 1;
    assert.equal(connection.sendUnreliable('stale'), false);
    assert.equal(connection.send('kept'), true);
    browser.pc.uu.bufferedAmount = 16 * 1024;
    assert.equal(connection.sendUnreliable('fresh'), true);
    assert.deepEqual(browser.pc.uu.sent, ['fresh']);
    assert.deepEqual(browser.pc.ro.sent, ['kept']);
  });

  test('a channel that is closing takes nothing and throws nothing', () => {
    for (const channel of browser.pc.channels) channel.readyState = 'closing';
    assert.equal(connection.sendUnreliable('a'), false);
    assert.equal(connection.send('kept for the next connection'), true);
    assert.equal(connection.sendLatest('so is this'), true);
  });

  test('nothing is sent, and nothing thrown, once closed', () => {
    connection.close();
    assert.equal(connection.send('a'), false);
    assert.equal(connection.sendUnreliable('a'), false);
  });
});

describe('the end', () => {
  test('close() closes the peer, tells once, and nothing is heard afterwards', async () => {
    const { promise, told } = application();
    await browser.open();
    const connection = await promise;
    await settle();
    const { ro } = browser.pc;
    connection.close();
    connection.close();
    ro.receive('late');
    ro.closeFromFar();
    assert.equal(connection.state, 'closed');
    assert.equal(browser.pc.closed, true);
    assert.deepEqual(told, ['open', 'closed: local']);
    assert.equal(browser.listenerCount(), 0);
    assert.notEqual(connection.timing.openedAt, null, 'the timing stays readable');
  });

});

describe('leaving the page and coming back', () => {
  test('pagehide closes at once, pageshow of a kept page opens the same connection again', async () => {
    const { promise, told } = application();
    await browser.open();
    const connection = await promise;
    await settle();
    browser.dispatch('pagehide', { persisted: true });
    assert.equal(browser.pc.closed, true);
    assert.equal(connection.state, 'closed');
    assert.equal(connection.send('a'), false);

    browser.dispatch('pageshow', { persisted: true });
    assert.equal(connection.state, 'connecting');
    assert.equal(browser.connections.length, 2);
    await browser.answer();
    browser.pc.ro.open();
    browser.pc.ro.receive('early');
    for (const channel of [browser.pc.uu, browser.pc.lt, browser.pc.ctl]) channel.open();
    assert.equal(connection.state, 'open');
    assert.equal(connection.send('hello again'), true);
    assert.deepEqual(told, ['open', 'closed: pagehide', 'connecting', 'open', ['reliable', 'early']]);
    connection.close();
  });

  test('pagehide without a return closes too', async () => {
    const { promise } = application();
    await browser.open();
    const connection = await promise;
    browser.dispatch('pagehide', { persisted: false });
    assert.equal(browser.pc.closed, true);
    assert.equal(connection.state, 'closed');
    connection.close();
    assert.equal(browser.listenerCount(), 0);
  });

  test('the first pageshow of a page, which is not kept, opens nothing', async () => {
    const { promise } = application();
    browser.dispatch('pageshow', { persisted: false });
    await browser.open();
    (await promise).close();
    assert.equal(browser.connections.length, 1);
  });

  test('a page left while it connects goes on when it comes back', async () => {
    const { promise, told } = application();
    await settle();
    browser.dispatch('pagehide', { persisted: true });
    assert.equal(browser.pc.closed, true);
    assert.equal(browser.posts[0].init.signal.aborted, true);
    await settle();
    browser.dispatch('pageshow', { persisted: true });
    await browser.open();
    const connection = await promise;
    await settle();
    assert.deepEqual(told, ['open']);
    connection.close();
  });

  test('a connection that was closed stays closed', async () => {
    const { promise } = application();
    await browser.open();
    const connection = await promise;
    connection.close();
    browser.dispatch('pageshow', { persisted: true });
    assert.equal(browser.connections.length, 1);
  });
});

test('what waiting cures is not lasting, what it does not cure is', () => {
  for (const [code, status, lasting] of /** @type {[string, number | undefined, boolean][]} */ ([
    ['full', 503, false], ['busy', 503, false], ['shutting-down', 503, false], ['internal', 500, false],
    ['too-many-from-address', 429, false], ['too-slow', 408, false], ['still-here', 409, false],
    ['unreachable', undefined, false], ['timeout', undefined, false], ['no-path', undefined, false], ['closed', undefined, false],
    ['lost', undefined, false], ['bad-answer', 200, false], ['bad-answer', 502, false], ['not-supported', undefined, true],
    ['bad-request', 400, true], ['not-you', 401, true], ['foreign-host', 403, true], ['foreign-origin', 403, true],
    ['not-found', 404, true], ['method-not-allowed', 405, true], ['length-required', 411, true],
    ['body-too-large', 413, true], ['not-json', 415, true], ['head-too-large', 431, true],
  ])) {
    assert.equal(new ConnectError(code, 'A sentence.', { status }).lasting, lasting, code);
  }
});

test('patchcord.d.ts declares what patchcord.js exports, and no more', () => {
  const declarations = readFileSync(new URL('../../web/patchcord.d.ts', import.meta.url), 'utf8');
  const declared = [...declarations.matchAll(/^export (?:function|class|const) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(patchcord).sort());
  for (const [, name, value] of declarations.matchAll(/^export const (\w+): (\d+);/gm)) {
    assert.equal(Reflect.get(patchcord, name), Number(value));
  }
});
