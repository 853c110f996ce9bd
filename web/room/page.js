// The page's elements: finding those of index.html, making those of the lists.

/** @type {<T extends HTMLElement>(id: string) => T} */
export const element = (id) => /** @type {any} */ (document.getElementById(id));

/** A text in the direction of its own letters. @param {string} className @param {string} text */
export function span(className, text) {
  const made = document.createElement('span');
  made.className = className;
  made.dir = 'auto';
  made.textContent = text;
  return made;
}
