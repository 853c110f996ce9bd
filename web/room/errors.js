// A classic script, before the modules: it shows what goes wrong in this page even when a module is missing.

(() => {
  /** @param {string} what */
  function show(what) {
    if (document.readyState === 'loading') {
      addEventListener('DOMContentLoaded', () => show(what));
      return;
    }
    const [toast, text, close] = ['toast', 'toast-text', 'toast-close'].map((id) => /** @type {HTMLElement} */ (document.getElementById(id)));
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

  const LOADED_WITHIN_MS = 10_000;
  // A module whose loading neither ends nor fails tells nobody.
  setTimeout(() => {
    if (!('patchcordRoom' in globalThis)) show('it did not load completely');
  }, LOADED_WITHIN_MS);

  addEventListener('unhandledrejection', ({ reason }) => {
    show(reason instanceof Error ? reason.message : String(reason));
  });
})();
