// A person's colour, shape and letters, all from the `look` and the name: who is who, also without the colour.
//
// Hues lie a golden angle apart, so that any few neighbours differ as much as they can. Lightness is fixed in OKLCH (Björn
// Ottosson, "A perceptual color space for image processing"), so that one contrast holds for every hue.

const GOLDEN_ANGLE_DEGREES = 137.508;

/** Coral, as the page's own accent. */
const FIRST_HUE_DEGREES = 35;

/** How many shades lie between a person's colour and the paper. */
export const SHADES = 20;

/**
 * Text on a fill has a contrast of at least 4.5, a fill on its paper of at least 3 (WCAG 2.2, 1.4.3 and 1.4.11);
 * `look.test.js` holds every look to it. `paper`, `ink` and `onFill` are --paper, --ink and --on-accent in room.css.
 */
export const SCHEMES = {
  light: { paper: '#f6f5f1', ink: '#1d1f24', onFill: '#ffffff', lightness: 0.54, chroma: 0.16 },
  dark: { paper: '#101217', ink: '#eceef2', onFill: '#101217', lightness: 0.78, chroma: 0.13 },
};

/**
 * CSS colours: `onFill` is for text on `fill`, `ink` for text on `paper`; `shades` go from near the paper to `fill`.
 * @typedef {{ fill: string, onFill: string, paper: string, ink: string, shades: readonly string[] }} Colour
 */

/** @type {Map<string, Colour>} There are 256 looks and two schemes. */
const known = new Map();

/** @param {number} look @param {keyof typeof SCHEMES} schemeName @returns {Colour} */
export function colourOf(look, schemeName) {
  const key = `${schemeName} ${look}`;
  let colour = known.get(key);
  if (!colour) {
    const { paper, ink, onFill, lightness, chroma } = SCHEMES[schemeName];
    const fill = inGamut(lightness, chroma, FIRST_HUE_DEGREES + look * GOLDEN_ANGLE_DEGREES);
    const ground = [1, 3, 5].map((at) => parseInt(paper.slice(at, at + 2), 16) / 255);
    const shades = Array.from({ length: SHADES }, (_, index) => {
      // The faintest shade is still a third of the colour: fainter is not seen on a phone in the sun.
      const part = 1 / 3 + (2 / 3) * ((index + 1) / SHADES);
      return hex(fill.map((channel, at) => ground[at] + (channel - ground[at]) * part));
    });
    colour = { fill: hex(fill), onFill, paper, ink, shades };
    known.set(key, colour);
  }
  return colour;
}

/**
 * With as much of the chroma as a screen can show; sRGB, each channel from 0 to 1.
 * @param {number} lightness @param {number} chroma @param {number} hueDegrees
 */
function inGamut(lightness, chroma, hueDegrees) {
  const CHROMA_STEP = 0.005;
  for (let c = chroma; ; c -= CHROMA_STEP) {
    const rgb = srgbOf(lightness, Math.max(c, 0), hueDegrees);
    if (c <= 0 || rgb.every((channel) => channel >= 0 && channel <= 1)) return rgb;
  }
}

/** @param {number} lightness @param {number} chroma @param {number} hueDegrees */
function srgbOf(lightness, chroma, hueDegrees) {
  const hue = (hueDegrees * Math.PI) / 180;
  const a = chroma * Math.cos(hue);
  const b = chroma * Math.sin(hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ].map((linear) => (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055));
}

/** @param {readonly number[]} rgb */
function hex(rgb) {
  return `#${rgb.map((channel) => Math.round(channel * 255).toString(16).padStart(2, '0')).join('')}`;
}

/** Circle, square, hexagon, diamond and pentagon of like size around (0, 0), as SVG paths. */
const PATHS = [
  'M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z',
  'M.41-.83Q.83-.83 .83-.41L.83 .41Q.83 .83 .41 .83L-.41 .83Q-.83 .83-.83 .41L-.83-.41Q-.83-.83-.41-.83Z',
  'M-.36-.85Q0-1.06 .36-.85L.55-.74Q.92-.53 .92-.11L.92 .11Q.92 .53 .55 .74L.36 .85Q0 1.06-.36 .85L-.55 .74Q-.92 .53-.92 .11L-.92-.11Q-.92-.53-.55-.74Z',
  'M-.3-.86Q0-1.16 .3-.86L.86-.3Q1.16 0 .86 .3L.3 .86Q0 1.16-.3 .86L-.86 .3Q-1.16 0-.86-.3Z',
  'M-.34-.85Q0-1.1 .34-.85L.71-.59Q1.05-.34 .92 .06L.78 .49Q.65 .89 .23 .89L-.23 .89Q-.65 .89-.78 .49L-.92 .06Q-1.05-.34-.71-.59Z',
];

/** @param {number} look */
export function shapePath(look) {
  return PATHS[look % PATHS.length];
}

/** One or two signs for inside the shape: the first letter of a name, or the number of a guest. @param {string} name */
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

/** A person's colour in both schemes; room.css takes the right one. @param {ElementCSSInlineStyle} on @param {number} look */
export function paint({ style }, look) {
  style.setProperty('--fill-light', colourOf(look, 'light').fill);
  style.setProperty('--fill-dark', colourOf(look, 'dark').fill);
}

/** A person's shape with its letter, for the lists beside the canvas. @param {number} look @param {string} name */
export function makeBadge(look, name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'badge');
  svg.setAttribute('viewBox', '-1.2 -1.2 2.4 2.4');
  svg.setAttribute('aria-hidden', 'true');
  svg.innerHTML = `<path d="${shapePath(look)}"/><text y=".36"/>`;
  svg.children[1].textContent = initialOf(name);
  paint(svg, look);
  return svg;
}
