// The wave button: waves for as long as it is held with a finger, the mouse or a key.

/** Ten a second: the server shows each for 250 ms, so that one may be lost. */
const INTERVAL_MS = 100;

/** A short tap is still seen. */
const TAP_MS = 600;

/**
 * @param {HTMLElement} button
 * @param {() => boolean} wave  Called at once, and ten times a second while held. False when it reaches nobody: the hand
 *   goes down.
 */
export function watchWave(button, wave) {
  let waving = 0;
  let ending = 0;
  let startedAt = 0;

  function start() {
    clearTimeout(ending);
    if (waving || !wave()) return;
    button.setAttribute('aria-pressed', 'true');
    startedAt = performance.now();
    waving = window.setInterval(() => {
      if (!wave()) stop();
    }, INTERVAL_MS);
  }

  function stop() {
    clearTimeout(ending);
    clearInterval(waving);
    waving = 0;
    button.setAttribute('aria-pressed', 'false');
  }

  function letGo() {
    if (!waving) return;
    clearTimeout(ending);
    ending = window.setTimeout(stop, Math.max(0, startedAt + TAP_MS - performance.now()));
  }

  /** @param {KeyboardEvent} event */
  const isKey = ({ key }) => key === ' ' || key === 'Enter';

  button.addEventListener('pointerdown', ({ button: which, pointerId }) => {
    if (which > 0) return;
    button.setPointerCapture(pointerId);
    start();
  });
  button.addEventListener('pointerup', letGo);
  button.addEventListener('pointercancel', stop);
  button.addEventListener('lostpointercapture', letGo);
  button.addEventListener('contextmenu', (event) => event.preventDefault());
  button.addEventListener('keydown', (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    if (!event.repeat) start();
  });
  button.addEventListener('keyup', (event) => {
    if (isKey(event)) letGo();
  });
  // A screen reader presses without a pointer or a key.
  button.addEventListener('click', (event) => {
    if (event.detail > 0 || waving) return;
    start();
    letGo();
  });
  // What is let go elsewhere is not told here.
  button.addEventListener('blur', stop);
  addEventListener('blur', stop);
  document.addEventListener('visibilitychange', stop);
}
