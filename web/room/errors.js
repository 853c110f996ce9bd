// A classic script, loaded before the modules: it shows what goes wrong in this page even when a module is missing.
'use strict';

(() => {
  /** @param {string} what */
  function show(what) {
    const toast = document.getElementById('toast');
    const text = document.getElementById('toast-text');
    const close = document.getElementById('toast-close');
    if (!toast || !text || !close) {
      // The page is not read so far: come back when it is.
      document.addEventListener('DOMContentLoaded', () => show(what), { once: true });
      return;
    }
    text.textContent = `Something went wrong in this page. Reload it. (${what})`;
    toast.hidden = false;
    close.onclick = () => {
      toast.hidden = true;
    };
  }

  // Captured, because a script that cannot be loaded tells only its own element.
  addEventListener('error', (event) => {
    const { target } = event;
    show(target instanceof HTMLElement ? `${target.localName} did not load` : event.message);
  }, true);

  // A module whose loading neither ends nor fails tells nobody.
  const LOADED_WITHIN_MS = 10_000;
  setTimeout(() => {
    if (!('patchcordRoom' in globalThis)) show('it did not load completely');
  }, LOADED_WITHIN_MS);

  addEventListener('unhandledrejection', ({ reason }) => {
    show(reason instanceof Error ? reason.message : String(reason));
  });
})();
