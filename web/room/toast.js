// A short sentence over the canvas that goes away by itself.

/** Long enough to read two short sentences. */
const SHOWN_MS = 6000;

const toast = element('toast');
const text = element('toast-text');
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} sentence */
export function showToast(sentence) {
  text.textContent = sentence;
  toast.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(hide, SHOWN_MS);
}

function hide() {
  clearTimeout(timer);
  toast.hidden = true;
}

element('toast-close').onclick = hide;

/** @param {string} id */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
