use std::time::{Duration, Instant};

use super::message::{PersonView, Place};
use super::rate::Rate;

/// A person waves for this long after each Wave. Waves come every 100 ms while the button is held, so two may be lost.
const WAVE_LASTS: Duration = Duration::from_millis(250);

/// Longest name, in bytes of UTF-8: fits a label next to a pointer.
const NAME_BYTES_MAX: usize = 64;

/// A participant: someone whose page has said Hello.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: u32,
    pub(super) look: u8,
    pub(super) name: String,
    /// For chat lines and new names.
    pub(super) rate: Rate,
    pub(super) is_away: bool,
    pointer: Option<Pointer>,
    /// Of the newest Pointer; a page that was reloaded counts anew.
    newest: Option<u16>,
    waves_until: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Pointer {
    x: u16,
    y: u16,
    down: bool,
}

impl Person {
    pub(super) fn new(id: u32, look: u8, name: String) -> Person {
        Person { id, look, name, rate: Rate::default(), is_away: false, pointer: None, newest: None, waves_until: None }
    }

    pub(super) fn view(&self) -> PersonView<'_> {
        PersonView { id: self.id, look: self.look, name: &self.name }
    }

    /// Takes a pointer unless a newer one came first.
    pub(super) fn point(&mut self, seq: u16, x: u16, y: u16, down: bool) {
        if self.newest.is_none_or(|newest| is_newer(seq, newest)) {
            self.newest = Some(seq);
            self.pointer = Some(Pointer { x, y, down });
        }
    }

    /// Its page was reloaded: it stays where it is, and the next Pointer is the newest.
    pub(super) fn begin_anew(&mut self) {
        self.newest = None;
    }

    pub(super) fn wave(&mut self, now: Instant) {
        self.waves_until = Some(now + WAVE_LASTS);
    }

    pub(super) fn place(&self, now: Instant) -> Place {
        let waving = if self.waves_until.is_some_and(|until| now < until) { Place::WAVING } else { 0 };
        let away = if self.is_away { Place::AWAY } else { 0 };
        match self.pointer {
            None => Place { id: self.id, x: 0, y: 0, state: waving | away },
            Some(Pointer { x, y, down, .. }) => {
                let down = if down { Place::DOWN } else { 0 };
                Place { id: self.id, x, y, state: Place::HAS_POINTER | waving | down | away }
            }
        }
    }
}

/// Serial number arithmetic on 16 bits (RFC 1982).
fn is_newer(seq: u16, than: u16) -> bool {
    seq != than && seq.wrapping_sub(than) < 0x8000
}

/// A name as everyone may see it: without control characters and outer white space. `None` if it is too long; an empty
/// one is the person's to be given.
pub(super) fn clean_name(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let name = name.trim();
    (name.len() <= NAME_BYTES_MAX).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_pointer_wins_across_the_wrap() {
        let now = Instant::now();
        let mut person = Person::new(1, 0, "Ada".into());
        assert_eq!(person.place(now).state, 0);
        for (seq, x) in [(65_534, 1), (65_535, 2), (1, 3), (0, 4), (1, 5), (65_535, 6)] {
            person.point(seq, x, 0, false);
        }
        assert_eq!(person.place(now).x, 3, "an older or repeated one changes nothing");
        person.point(2, 9, 8, true);
        assert_eq!(person.place(now), Place { id: 1, x: 9, y: 8, state: Place::HAS_POINTER | Place::DOWN });
    }

    #[test]
    fn a_wave_ends_by_itself() {
        let now = Instant::now();
        let mut person = Person::new(1, 0, "Ada".into());
        person.wave(now);
        assert_eq!(person.place(now + Duration::from_millis(249)).state, Place::WAVING);
        assert_eq!(person.place(now + Duration::from_millis(250)).state, 0);
    }

    #[test]
    fn names_are_cleaned() {
        assert_eq!(clean_name(" A\u{7}d\na "), Some("Ada".into()));
        assert_eq!(clean_name("\u{1b}[31m"), Some("[31m".into()));
        assert_eq!(clean_name("  "), Some(String::new()));
        assert_eq!(clean_name(&"é".repeat(32)), Some("é".repeat(32)));
        assert_eq!(clean_name(&"é".repeat(33)), None);
    }
}
