//! Signalling: the body of `POST ./connect` becomes an [`Offer`], an [`Answer`] becomes the body of the response, and a
//! [`Refusal`] says why not. Pure text in, plain types out; past this module there are only offers that can be used.

mod answer;
mod denial;
mod offer;
mod refusal;

pub use answer::{Answer, AnswerError, SessionAnswer};
pub use denial::Denial;
pub use offer::{MESSAGE_BYTES_MAX, OFFER_BYTES_MAX, Offer, OfferError, SessionAsk};
pub use refusal::Refusal;
pub(crate) use refusal::error_json;
