// How long to wait before the next attempt to connect.

/** Soon enough that a server that restarts is hardly noticed. */
export const BACKOFF_MIN_MS = 500;

/** Nobody should wait longer for a server that is back. */
export const BACKOFF_MAX_MS = 8000;

export class Backoff {
  #attempt = 0;

  /**
   * The next wait in milliseconds: it doubles each time, and chance takes off up to half of it (but never goes under the
   * minimum), so that a room full of phones does not come back in one moment.
   *
   * @param {number} chance  From 0 up to 1.
   */
  next(chance) {
    const full = Math.min(BACKOFF_MIN_MS * 2 ** this.#attempt, BACKOFF_MAX_MS);
    if (full < BACKOFF_MAX_MS) this.#attempt += 1;
    return Math.max(BACKOFF_MIN_MS, full * (1 - chance / 2));
  }

  reset() {
    this.#attempt = 0;
  }
}
