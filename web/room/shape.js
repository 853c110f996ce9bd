// A person's shape and letters: who is who without the colour.

/** Circle, square, hexagon, diamond and pentagon of like size around (0, 0), as SVG paths; corners are rounded by curves. */
const PATHS = [
  'M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z',
  'M.41 -.83Q.83 -.83 .83 -.41L.83 .41Q.83 .83 .41 .83L-.41 .83Q-.83 .83 -.83 .41L-.83 -.41Q-.83 -.83 -.41 -.83Z',
  'M-.36 -.85Q0 -1.06 .36 -.85L.55 -.74Q.92 -.53 .92 -.11L.92 .11Q.92 .53 .55 .74L.36 .85Q0 1.06 -.36 .85L-.55 .74Q-.92 .53 -.92 .11L-.92 -.11Q-.92 -.53 -.55 -.74Z',
  'M-.3 -.86Q0 -1.16 .3 -.86L.86 -.3Q1.16 0 .86 .3L.3 .86Q0 1.16 -.3 .86L-.86 .3Q-1.16 0 -.86 -.3Z',
  'M-.34 -.85Q0 -1.1 .34 -.85L.71 -.59Q1.05 -.34 .92 .06L.78 .49Q.65 .89 .23 .89L-.23 .89Q-.65 .89 -.78 .49L-.92 .06Q-1.05 -.34 -.71 -.59Z',
];

/** The outline of a look, about 1 around (0, 0). @param {number} look */
export function shapePath(look) {
  return PATHS[look % PATHS.length];
}

/**
 * One or two signs for inside the shape: the first letter of a name, or the number of a guest.
 * @param {string} name
 */
export function initialOf(name) {
  const guest = /^Guest (\d{1,2})$/.exec(name);
  return guest ? guest[1] : firstSign(name).toLocaleUpperCase();
}

/** @param {string} text */
function firstSign(text) {
  // A sign may be several code points (a flag, a letter with its accent); an old Firefox has no segmenter.
  if (typeof Intl.Segmenter !== 'function') return [...text][0] ?? '';
  const [first] = new Intl.Segmenter().segment(text);
  return first?.segment ?? '';
}
