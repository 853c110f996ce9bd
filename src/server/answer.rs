//! One HTTP answer before it is bytes: status, headers, body.

use std::borrow::Cow;

use crate::signal::{Denial, Refusal, error_json};

/// Who reads a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// The page's own code, or another program: the JSON of `docs/PROTOCOL.md`.
    Program,
    /// Somebody at an address bar, told by `text/html` in `Accept`: the same sentence as plain text.
    Person,
}

impl Asker {
    /// Reads an `Accept` header (RFC 9110, section 12.5.1). Only a navigation names `text/html`; `fetch` sends `*/*`.
    pub(super) fn of(accept: Option<&str>) -> Self {
        match accept {
            Some(accept) if accept.to_ascii_lowercase().contains("text/html") => Asker::Person,
            _ => Asker::Program,
        }
    }
}

/// Who refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    Server(Refusal),
    Application(Denial),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Refused {
        Refused::Server(refusal)
    }
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Refused {
        Refused::Application(denial)
    }
}

/// An answer. `Content-Length` is the body's length and not among the headers; the gate adds what every answer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Cow<'static, [u8]>,
}

impl Answer {
    /// 200 with a JSON body that no cache keeps.
    pub(super) fn json(body: String) -> Self {
        Self::fresh(200, "application/json", body)
    }

    /// A refusal in the form its asker can read, which no cache keeps.
    pub(super) fn refuse(refused: impl Into<Refused>, asker: Asker) -> Self {
        let refused = refused.into();
        let (status, code, message) = match &refused {
            Refused::Server(refusal) => (refusal.status(), refusal.code(), refusal.message()),
            Refused::Application(denial) => (denial.status(), denial.code(), denial.message()),
        };
        match asker {
            Asker::Program => Self::fresh(status, "application/json", error_json(code, message)),
            Asker::Person => {
                Self::fresh(status, "text/plain; charset=utf-8", format!("{message}\n\n{status} {code}\n"))
            }
        }
    }

    /// The same answer with one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn fresh(status: u16, media_type: &str, body: String) -> Self {
        let headers = vec![("Content-Type", media_type.to_owned()), ("Cache-Control", "no-store".to_owned())];
        Answer { status, headers, body: Cow::Owned(body.into_bytes()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_text_and_a_program_json() {
        let person = Asker::of(Some("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"));
        let text = Answer::refuse(Refusal::NotFound, person);
        assert_eq!(text.status, 404);
        assert_eq!(&*text.body, b"There is nothing at this address.\n\n404 not-found\n");

        for accept in [None, Some("*/*"), Some("application/json")] {
            let json = Answer::refuse(Refusal::NotFound, Asker::of(accept));
            assert_eq!(&*json.body, Refusal::NotFound.to_json().as_bytes());
            assert!(json.headers.contains(&("Cache-Control", "no-store".to_owned())));
        }
    }
}
