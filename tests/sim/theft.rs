//! Whoever asks for somebody else's session: with a wrong token, with a used one, with the right one. None of it changes
//! anything for its owner; the model watches.

use std::time::Duration;

use patchcord::Refusal;

use crate::model::{Fault, promise};
use crate::page::Page;
use crate::session::Session;
use crate::world::World;

/// A page whose last word is not older than this is heard, whatever is said of hidden ones.
const SURELY_HERE: Duration = Duration::from_millis(1100);

#[derive(Debug, Clone, Copy)]
enum Loot {
    Wrong,
    Used,
    /// The one that is good, with the count that belongs to it or with another.
    Good {
        count_is_right: bool,
    },
}

impl World {
    /// This visitor posts an offer with a token that is not its own, and does not follow it up.
    pub fn steal(&mut self, index: usize) -> Result<(), Fault> {
        let last = self.visitors.len() - 1;
        let victim = self.visitors[index].life.within(0..=last);
        let loot = self.visitors[index].life.pick(&[
            (1, Loot::Wrong),
            (1, Loot::Used),
            (2, Loot::Good { count_is_right: true }),
            (1, Loot::Good { count_is_right: false }),
        ]);
        let page = &self.visitors[victim].page;
        let session = page.as_ref().and_then(Page::session).or(self.visitors[victim].stored.as_ref());
        let (Some(session), Some(owner)) = (session, self.visitors[victim].peer) else { return Ok(()) };
        let (Some(token), received) = (session.token().map(str::to_owned), session.counts.received()) else {
            return Ok(());
        };
        // One that a page had as another peer, before it began anew, may still be good for that one.
        let of_owner = format!("{}-", owner.number());
        let tokens: Vec<&String> =
            self.visitors[victim].tokens.iter().filter(|token| token.starts_with(&of_owner)).collect();
        let (token, received) = match loot {
            Loot::Wrong => (wrong(&token, &self.visitors[index].life.bytes(1)), received),
            // The one before may be good until the server has heard that the page has the next.
            Loot::Used if tokens.len() > 2 => (tokens[tokens.len() - 3].clone(), received),
            Loot::Used => return Ok(()),
            Loot::Good { count_is_right: true } => (token, received),
            Loot::Good { count_is_right: false } => (token, received.wrapping_add(1 << 20)),
        };
        let connection = self.model.connection(owner)?;
        let is_away = connection.away_since.is_some();
        let is_surely_here = connection.is_here() && self.now - connection.surely_heard_at < SURELY_HERE;
        let is_good = matches!(loot, Loot::Good { count_is_right: true });
        // To take a page's place that says nothing is not theft but coming back.
        if is_good && !is_away && !is_surely_here {
            return Ok(());
        }
        self.coverage.thefts += 1;
        let words = [16, index as u64, owner.number()];
        self.trace.note(self.now, &words, || format!("visitor {index} would be {owner}, with a token: {loot:?}"));
        let (_, body) = Page::offer(self.now, self.visitors[index].seen_as, Some(Session::new(self.now, false)));
        let mut body: serde_json::Value = serde_json::from_str(&body).map_err(|error| Fault(error.to_string()))?;
        (body["resume"], body["received"]) = (token.into(), received.into());
        match self.answer_of(index, None, &body.to_string())? {
            Ok((peer, answer)) => {
                let may = is_good && is_away;
                let resumed = answer.session.is_some_and(|session| session.resumed);
                promise!(resumed == may, "{loot:?} of {owner} makes {peer}: {resumed}, and it is away: {is_away}");
            }
            Err(Refusal::StillHere) => promise!(is_good && is_surely_here, "{loot:?} is good enough to be {owner}"),
            Err(_) => {}
        }
        Ok(())
    }
}

/// Almost the token.
fn wrong(token: &str, chance: &[u8]) -> String {
    let at = usize::from(chance[0]) % token.len();
    let is_x = token.as_bytes()[at] == b'x';
    format!("{}{}{}", &token[..at], if is_x { 'y' } else { 'x' }, &token[at + 1..])
}
