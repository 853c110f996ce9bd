// Numbers that count up and wrap: RFC 1982, section 3.2.

/**
 * Whether `a` came after `b`, both counted modulo 2^32. At exactly half of the circle apart neither is newer.
 * @param {number} a
 * @param {number} b
 */
export function isNewer32(a, b) {
  return ((a - b) | 0) > 0;
}

/** The number after `n`, counted modulo 2^16. @param {number} n */
export function next16(n) {
  return (n + 1) & 0xffff;
}

/** The number after `n`, counted modulo 2^32. @param {number} n */
export function next32(n) {
  return (n + 1) >>> 0;
}
