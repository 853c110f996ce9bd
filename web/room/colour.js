// A colour from a person's `look`: hues a golden angle apart, so that any few neighbours differ as much as they can.
// Lightness is fixed in OKLCH, where it is what the eye sees, so that one contrast holds for every hue
// (Björn Ottosson, "A perceptual color space for image processing").

const GOLDEN_ANGLE_DEGREES = 137.508;

/** The first person is coral, as the page's own accent. */
const FIRST_HUE_DEGREES = 35;

/** How many shades lie between a person's colour and the paper. */
export const SHADES = 20;

/**
 * The paper and what is drawn on it. Text on a fill has a contrast of at least 4.5, a fill on its paper of at least 3
 * (WCAG 2.2, 1.4.3 and 1.4.11); `colour.test.js` holds every look to it. `paper` is --paper in room.css.
 */
export const SCHEMES = Object.freeze({
  light: Object.freeze({ paper: '#f6f5f1', onFill: '#ffffff', lightness: 0.54, chroma: 0.16 }),
  dark: Object.freeze({ paper: '#101217', onFill: '#101217', lightness: 0.78, chroma: 0.13 }),
});

/**
 * @typedef {object} Colour  CSS colours.
 * @property {string} fill
 * @property {string} onFill  For text on `fill`.
 * @property {readonly string[]} shades  From near the paper to `fill`, `SHADES` of them.
 */

/** @type {Map<string, Colour>} There are 256 looks and two schemes. */
const known = new Map();

/** @param {number} look @param {keyof typeof SCHEMES} schemeName @returns {Colour} */
export function colourOf(look, schemeName) {
  const key = `${schemeName} ${look}`;
  let colour = known.get(key);
  if (!colour) {
    const scheme = SCHEMES[schemeName];
    const fill = inGamut(scheme.lightness, scheme.chroma, FIRST_HUE_DEGREES + look * GOLDEN_ANGLE_DEGREES);
    const paper = parseHex(scheme.paper);
    const shades = Array.from({ length: SHADES }, (_, index) => {
      // The faintest shade is still a third of the colour: fainter is not seen on a phone in the sun.
      const part = 1 / 3 + (2 / 3) * ((index + 1) / SHADES);
      return hex(fill.map((channel, at) => paper[at] + (channel - paper[at]) * part));
    });
    colour = Object.freeze({ fill: hex(fill), onFill: scheme.onFill, shades: Object.freeze(shades) });
    known.set(key, colour);
  }
  return colour;
}

/**
 * The colour at this lightness and hue with as much of the chroma as a screen can show.
 * @param {number} lightness
 * @param {number} chroma
 * @param {number} hueDegrees
 * @returns {number[]} sRGB, each from 0 to 1
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

/** @param {string} colour */
function parseHex(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
}
