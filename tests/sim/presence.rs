//! Whether what the endpoint says of a peer's coming and going is true.

use std::time::{Duration, Instant};

use patchcord::{Limits, Reason};

use crate::connection::Connection;

/// A peer that answered one of ICE's checks within this time is not dead. (Its data may come through meanwhile: on a bad
/// link ICE can lose all of its checks for 15 s and gives up a peer that is heard.)
const SILENCE_MIN: Duration = Duration::from_secs(10);

/// A browser whose address changed may find its way back until then, or be taken for dead.
const REBIND_MAX: Duration = Duration::from_secs(60);

/// How long the server may not know yet that a page is hidden, or shown, if the page can say so.
const UNSEEN_MAX: Duration = Duration::from_secs(10);

/// What a silent page may count on, and what we may: away is noticed between these.
struct Patience {
    /// No page is away before.
    least: Duration,
    /// Every page is away by then.
    most: Duration,
    /// No other page may come as this peer before.
    taken_least: Duration,
    /// And none is refused because it is still here after.
    taken_most: Duration,
}

const fn patient(least: u64, most: u64, taken: u64) -> Patience {
    let taken = Duration::from_millis(taken);
    Patience {
        least: Duration::from_millis(least),
        most: Duration::from_millis(most),
        taken_least: taken,
        taken_most: taken,
    }
}

const VISIBLE: Patience = patient(1900, 2000, 1200);
const HIDDEN: Patience = patient(4800, 5000, 2500);

/// How long a page may be silent that has long been visible.
pub const VISIBLE_SILENCE_MAX: Duration = VISIBLE.most;

/// What the server knows of the page by its last datagram: for sure, or in doubt whatever is allowed.
fn patience(connection: &Connection) -> Patience {
    let is_known =
        connection.visibility.since + UNSEEN_MAX <= connection.surely_heard_at.min(connection.has_said_all_at);
    match (connection.visibility.is_hidden, is_known) {
        (false, true) => VISIBLE,
        (true, true) => HIDDEN,
        // A page that has always been visible is taken for that.
        (false, false) if connection.visibility.since <= connection.offered_at => VISIBLE,
        (_, false) => Patience { most: HIDDEN.most, taken_most: HIDDEN.taken_most, ..VISIBLE },
    }
}

/// How long a page with a session may be silent and not be away.
pub fn silence_max(connection: &Connection) -> Duration {
    patience(connection).most
}

/// How long ago a page may have been heard that is said to be still here.
pub fn heard_within(connection: &Connection) -> Duration {
    patience(connection).taken_most
}

/// Whether `Away` is true.
pub fn is_away(connection: &Connection, now: Instant) -> bool {
    let silent = now - connection.surely_heard_at;
    let patience = patience(connection);
    // Another of its pages is on its way, and this one has not been heard for a while.
    let is_followed = connection.claims.values().any(|(at, _)| *at == now);
    silent >= patience.least
        || is_followed && silent >= patience.taken_least
        || connection.closed_pages.contains(&connection.page)
        || is_out_of_reach(connection, now)
}

/// Whether `Left` with this reason is true. `gives_way`: there is a newcomer, and no other place.
pub fn has_left(connection: &mut Connection, now: Instant, reason: Reason, limits: Limits, gives_way: bool) -> bool {
    match (reason, connection.away_since) {
        (Reason::TimedOut, Some(since)) => now >= since + limits.grace || gives_way,
        (Reason::TimedOut, None) if connection.has_session => limits.grace.is_zero() && is_away(connection, now),
        (Reason::TimedOut, None) => is_out_of_reach(connection, now),
        (Reason::Closed, _) => {
            let is_closed = connection.closed_pages.contains(&connection.page);
            connection.page_ended.is_some_and(|end| end.told_server) || limits.grace.is_zero() && is_closed
        }
        (Reason::Kicked | Reason::ShutDown, _) => {
            connection.disconnected.as_ref().is_some_and(|(asked, _)| *asked == reason)
        }
        (Reason::SlowConsumer, None) => {
            connection.slowness.may_leave(now, connection.down.arrived_bytes(), limits.slow_consumer_after)
        }
        // No page here breaks the protocol, and nothing breaks inside.
        _ => false,
    }
}

/// Whether ICE may take its browser for dead.
pub fn is_out_of_reach(connection: &Connection, now: Instant) -> bool {
    now - connection.answered_at >= SILENCE_MIN
        || connection.rebound_at.is_some_and(|at| now - at <= REBIND_MAX)
        || connection.is_replaced
}
