//! Why the application refuses an offer.

use std::fmt;

/// What a refusal of the application has that asks for no status of its own, or for one that is no refusal.
const STATUS_DEFAULT: u16 = 403;

/// An application's own refusal of an offer. It reaches the page as those of the server do:
/// `{"error":{"code":"…","message":"…"}}` with this status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    status: u16,
    code: String,
    message: String,
}

impl Denial {
    /// `status` is from 400 to 599; any other becomes 403. The page takes one below 500 for lasting, but for 408, 409 and
    /// 429, and does not try again by itself. `code` is a stable word for programs such as `wrong-password`, `message` a sentence for people.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Denial {
        let status = if (400..=599).contains(&status) { status } else { STATUS_DEFAULT };
        Denial { status, code: code.into(), message: message.into() }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The word for programs.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)
    }
}

impl std::error::Error for Denial {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_never_a_success() {
        for (asked, status) in [(200, 403), (302, 403), (0, 403), (401, 401), (503, 503), (600, 403)] {
            assert_eq!(Denial::new(asked, "x", "y").status(), status);
        }
    }
}
