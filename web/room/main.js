// Ties the room together: what the server says goes to the views, what the person does goes to the server.

import { paintBadge } from './badge.js';
import { colourOf } from './colour.js';
import { Chat } from './chat.js';
import { LinkStrip } from './link-strip.js';
import { Notice } from './notice.js';
import { OwnName } from './own-name.js';
import { PeopleList } from './people-list.js';
import { watchPointer } from './pointer.js';
import { PointerSender } from './pointer-sender.js';
import { Room } from './room.js';
import { Session } from './session.js';
import { Sheet } from './sheet.js';
import { Stage } from './stage.js';
import { showToast } from './toast.js';
import { watchWave } from './wave.js';
import { WORDS_UNREADABLE, wordsForRefused } from './words.js';

/** @type {<T extends HTMLElement>(id: string) => T} */
const element = (id) => /** @type {any} */ (document.getElementById(id));

const room = new Room();
const stage = new Stage(element('canvas'), room);
const peopleList = new PeopleList(element('people'), element('people-count'));
const strip = new LinkStrip(element('link-sparkline'), {
  rtt: element('link-rtt'),
  jitter: element('link-jitter'),
  loss: element('link-loss'),
  transport: element('link-transport'),
});
const sheet = new Sheet({
  side: element('side'),
  opener: element('sheet-open'),
  closer: element('sheet-close'),
  unread: element('unread'),
  preview: element('sheet-preview'),
  stage: element('canvas'),
});
const chat = new Chat({
  form: element('chat-form'),
  input: element('chat-input'),
  list: element('chat-lines'),
  empty: element('chat-empty'),
}, { say: (text) => session.send({ kind: 'Chat', text }), complain: showToast });
const ownName = new OwnName(element('name-form'), element('name'), {
  rename: (name) => void session.send({ kind: 'Rename', name }),
  complain: showToast,
});
const notice = new Notice({
  text: element('notice-text'),
  next: element('notice-next'),
  button: element('try-again'),
}, () => void session.start());
const pointerSender = new PointerSender((message) => session.sendUnreliable(message));

let hasMoved = false;
let toldUnreadable = false;

const session = new Session({
  wantedName: () => ownName.wanted(),
  onmessage,
  onstatus(status) {
    notice.show(status);
    if (status.state === 'open') {
      pointerSender.refresh();
    } else {
      pointerSender.stop();
      strip.clear();
      room.rest();
      peopleList.showWaving(room);
    }
    showHint();
  },
  onunreadable() {
    if (!toldUnreadable) showToast(WORDS_UNREADABLE);
    toldUnreadable = true;
  },
  onping: () => strip.show(session.link, session.transport, performance.now()),
});

/** @param {import('./messages.js').ServerMessage} message */
function onmessage(message) {
  switch (message.kind) {
    case 'Welcome':
      room.welcome(message);
      showEveryone();
      chat.show(room.lines, stage.schemeName);
      break;
    case 'Joined':
      room.joined(message);
      showEveryone();
      break;
    case 'Left':
      room.left(message.id);
      showEveryone();
      break;
    case 'Renamed':
      room.renamed(message.id, message.name);
      showEveryone();
      break;
    case 'Said': {
      const isMine = message.author === room.me;
      chat.add(room.said(message), isMine, stage.schemeName);
      sheet.said(message.name, message.text, isMine);
      break;
    }
    case 'Refused':
      chat.giveBack();
      showToast(wordsForRefused(message.reason));
      break;
    case 'Snapshot':
      if (room.snapshot(message)) {
        stage.update();
        peopleList.showWaving(room);
      }
      break;
  }
}

function showEveryone() {
  peopleList.show(room, stage.schemeName);
  stage.update();
  stage.wake();
  const me = room.me === null ? undefined : room.people.get(room.me);
  if (me) {
    ownName.show(me.name);
    showAccent(me.look);
  }
  showHint();
}

/** The page's accent is one's own colour. @param {number} look */
function showAccent(look) {
  const { fill, onFill } = colourOf(look, stage.schemeName);
  document.documentElement.style.setProperty('--accent', fill);
  document.documentElement.style.setProperty('--on-accent', onFill);
}

function showHint() {
  const hint = element('hint');
  const isOpen = session.status.state === 'open';
  const isAlone = room.people.size <= 1;
  hint.classList.toggle('alone', isAlone);
  hint.hidden = !isOpen || (hasMoved && !isAlone);
  const isLocal = /^(localhost|127\.|\[::1\])/.test(location.host);
  const where = isLocal ? 'the address that the server printed' : location.host;
  hint.textContent = isAlone
    ? `You are the first one here. Open ${where} on another device on this Wi-Fi.`
    : 'Move, and everyone sees it. Press to draw.';
}

watchPointer(element('canvas'), (own) => {
  stage.moveOwn(own);
  pointerSender.move(own);
  if (!hasMoved) {
    hasMoved = true;
    showHint();
  }
});
watchWave(element('wave'), () => session.sendUnreliable({ kind: 'Wave' }));

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  showEveryone();
  for (const badge of document.querySelectorAll('svg.badge')) {
    if (badge instanceof SVGElement) paintBadge(badge, Number(badge.dataset.look), stage.schemeName);
  }
});

// Whoever comes back to the page, or to the Wi-Fi, does not wait for the next attempt.
addEventListener('online', tryAtOnce);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) tryAtOnce();
});

function tryAtOnce() {
  if (session.status.retryAt !== null) void session.start();
}

/** A view of the room for tests and the curious. Reading it changes nothing. */
Object.defineProperty(globalThis, 'patchcordRoom', {
  value: Object.freeze({
    get state() {
      return session.status.state;
    },
    get me() {
      return room.me;
    },
    get people() {
      return new Map([...room.people].map(([id, { name, look, x, y, down, waving, hasPointer }]) => [id, { name, look, x, y, down, waving, hasPointer }]));
    },
    get link() {
      return session.link.stats(performance.now());
    },
    get lines() {
      return room.lines.map((line) => ({ ...line }));
    },
    get timing() {
      return session.timing;
    },
  }),
});

void session.start();
