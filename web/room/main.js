// Ties the room together: what the server says goes to the views, what the person does goes to the server.

/** @import { ServerMessage } from './messages.js' */

import { addLine, giveBack, giveBackAll, showLines, watchChat } from './chat.js';
import { clearLink, showLink } from './link.js';
import { paint } from './look.js';
import { WORDS_NOT_ARRIVED, WORDS_UNREADABLE, showStatus, showToast, wordsForRefused } from './notice.js';
import { element } from './page.js';
import { nameRefused, nameSettled, showName, showPeople, showStates, wantedName, watchName } from './people.js';
import { PointerSender, watchPointer } from './pointer.js';
import { Room } from './room.js';
import * as session from './session.js';
import { previewLine, watchSheet } from './sheet.js';
import { moveOwn, updateStage, wake, watchStage } from './stage.js';
import { watchWave } from './wave.js';

const room = new Room();
const pointerSender = new PointerSender(session.sendUnreliable);

let hasMoved = false;
let toldUnreadable = false;

/** @param {ServerMessage} message */
function onmessage(message) {
  switch (message.kind) {
    case 'Welcome':
      room.welcome(message);
      forgetAsked();
      showEveryone();
      showLines(room.lines);
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
      if (message.id === room.me) nameSettled();
      showEveryone();
      break;
    case 'Said': {
      const isMine = message.author === room.me;
      addLine(room.said(message), isMine);
      previewLine(message.name, message.text, isMine);
      break;
    }
    case 'Refused': {
      const isName = nameRefused();
      if (!isName) giveBack();
      showToast(wordsForRefused(message.reason, isName));
      break;
    }
    case 'Snapshot':
      if (room.snapshot(message)) {
        updateStage();
        showStates(room);
      }
      break;
  }
}

/** Whoever we asked for something is gone. */
function forgetAsked() {
  nameSettled();
  if (giveBackAll()) showToast(WORDS_NOT_ARRIVED);
}

function showEveryone() {
  showPeople(room);
  updateStage();
  wake();
  const me = room.me === null ? undefined : room.people.get(room.me);
  if (me) {
    showName(me.name);
    // The page's accent is one's own colour.
    paint(document.documentElement, me.look);
  }
  showHint();
}

function showHint() {
  const hint = element('hint');
  const isAlone = room.people.size <= 1;
  hint.classList.toggle('alone', isAlone);
  hint.hidden = session.status.state !== 'open' || (hasMoved && !isAlone);
  const isLocal = /^(localhost|127\.|\[::1\])/.test(location.host);
  const where = isLocal ? 'the address that the server printed' : location.host;
  hint.textContent = isAlone
    ? `You are the first one here. Open ${where} on another device on this Wi-Fi.`
    : 'Move, and everyone sees it. Press to draw.';
}

watchPointer(element('canvas'), (own) => {
  moveOwn(own);
  pointerSender.move(own);
  if (!hasMoved) {
    hasMoved = true;
    showHint();
  }
});
watchStage(room);
watchSheet();
watchChat((text) => session.send({ kind: 'Chat', text }));
watchName((name) => session.send({ kind: 'Rename', name }));
watchWave(element('wave'), () => session.sendUnreliable({ kind: 'Wave' }));

element('try-again').addEventListener('click', session.start);

/** A view of the room for tests and the curious. Reading it changes nothing. */
Object.defineProperty(globalThis, 'patchcordRoom', {
  value: Object.freeze({
    get state() { return session.status.state; },
    get me() { return room.me; },
    get people() { return new Map([...room.people].map(([id, { id: _, ...person }]) => [id, person])); },
    get link() { return session.link.stats(performance.now()); },
    get lines() { return room.lines.map((line) => ({ ...line })); },
    get timing() { return session.connection?.timing ?? null; },
  }),
});

session.begin({
  wantedName,
  onmessage,
  onstatus(status) {
    showStatus(status);
    if (status.state === 'open') {
      pointerSender.refresh();
    } else {
      pointerSender.stop();
      clearLink();
      room.rest();
      showStates(room);
      if (status.state !== 'returning') forgetAsked();
    }
    showHint();
  },
  onunreadable() {
    if (!toldUnreadable) showToast(WORDS_UNREADABLE);
    toldUnreadable = true;
  },
  onping: () => session.connection && showLink(session.link, session.connection, performance.now()),
});
