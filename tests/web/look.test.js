import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { SCHEMES, SHADES, colourOf, initialOf, shapePath } from '../../web/room/look.js';

const LOOKS = Array.from({ length: 256 }, (_, look) => look);

/** Relative luminance, WCAG 2.2. @param {string} hex */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((channel) => (channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {string} one @param {string} other */
function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

for (const schemeName of /** @type {const} */ (['light', 'dark'])) {
  describe(`colours in the ${schemeName} scheme`, () => {
    const { paper } = SCHEMES[schemeName];

    test('text on every look can be read, and every look is seen on its paper', () => {
      for (const look of LOOKS) {
        const { fill, onFill, shades } = colourOf(look, schemeName);
        assert.match(fill, /^#[0-9a-f]{6}$/);
        assert.ok(contrast(fill, onFill) >= 4.5, `look ${look}: text ${contrast(fill, onFill)}`);
        assert.ok(contrast(fill, paper) >= 3, `look ${look}: paper ${contrast(fill, paper)}`);
        assert.equal(shades.length, SHADES);
        assert.equal(shades[SHADES - 1], fill);
      }
    });

    test('the first dozen looks are all different', () => {
      assert.equal(new Set(LOOKS.slice(0, 12).map((look) => colourOf(look, schemeName).fill)).size, 12);
    });

    test('the paper is the one of the style sheet', () => {
      const css = readFileSync(new URL('../../web/room.css', import.meta.url), 'utf8');
      assert.ok(css.includes(`--paper: ${paper};`));
    });
  });
}

test('every look has a shape', () => {
  for (const look of LOOKS) assert.match(shapePath(look), /^M.*Z$/);
});

test('initials', () => {
  assert.equal(initialOf('ada'), 'A');
  assert.equal(initialOf('李雷'), '李');
  assert.equal(initialOf('👩‍🚀 Mae'), '👩‍🚀');
  assert.equal(initialOf('Guest 12'), '12');
  assert.equal(initialOf('Guest 123'), 'G');
  assert.equal(initialOf(''), '');
});
