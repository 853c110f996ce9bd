// A person's shape with its letter, for the lists beside the canvas.

import { colourOf } from './colour.js';
import { initialOf, shapePath } from './shape.js';

const SVG = 'http://www.w3.org/2000/svg';

/** @param {number} look @param {string} name @param {'light' | 'dark'} schemeName */
export function makeBadge(look, name, schemeName) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '-1.2 -1.2 2.4 2.4');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('badge');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', shapePath(look));
  const letter = document.createElementNS(SVG, 'text');
  letter.setAttribute('y', '0.36');
  letter.setAttribute('text-anchor', 'middle');
  letter.textContent = initialOf(name);
  svg.append(path, letter);
  paintBadge(svg, look, schemeName);
  return svg;
}

/** @param {SVGElement} badge @param {number} look @param {'light' | 'dark'} schemeName */
export function paintBadge(badge, look, schemeName) {
  const colour = colourOf(look, schemeName);
  badge.dataset.look = String(look);
  badge.style.color = colour.fill;
  badge.style.setProperty('--on-fill', colour.onFill);
}
