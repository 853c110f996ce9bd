// The wave button: waves for as long as it is held with a finger, the mouse or a key.

/** Ten a second: the server shows each for 250 ms, so that one may be lost. */
const INTERVAL_MS = 100;

/** A short tap is still seen. */
const TAP_MS = 600;

/**
 * @param {HTMLButtonElement} button
 * @param {() => void} wave  Called at once and then ten times a second while the button is held.
 */
export function watchWave(button, wave) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let waving;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let ending;
  let startedAt = 0;

  function start() {
    clearTimeout(ending);
    button.setAttribute('aria-pressed', 'true');
    if (waving !== undefined) return;
    startedAt = performance.now();
    wave();
    waving = setInterval(wave, INTERVAL_MS);
  }

  function stop() {
    clearTimeout(ending);
    clearInterval(waving);
    waving = undefined;
    button.setAttribute('aria-pressed', 'false');
  }

  function letGo() {
    if (waving === undefined) return;
    clearTimeout(ending);
    ending = setTimeout(stop, Math.max(0, startedAt + TAP_MS - performance.now()));
  }

  /** @param {KeyboardEvent} event */
  const isKey = (event) => event.key === ' ' || event.key === 'Enter';

  button.addEventListener('pointerdown', (event) => {
    if (event.button > 0) return;
    button.setPointerCapture(event.pointerId);
    start();
  });
  button.addEventListener('pointerup', letGo);
  button.addEventListener('pointercancel', stop);
  button.addEventListener('lostpointercapture', letGo);
  button.addEventListener('contextmenu', (event) => event.preventDefault());
  button.addEventListener('keydown', (event) => {
    if (!isKey(event) || event.repeat) return;
    event.preventDefault();
    start();
  });
  button.addEventListener('keyup', (event) => {
    if (isKey(event)) letGo();
  });
  // A screen reader presses without a pointer or a key.
  button.addEventListener('click', (event) => {
    if (event.detail > 0 || waving !== undefined) return;
    start();
    letGo();
  });
  button.addEventListener('blur', stop);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) stop();
  });
}
