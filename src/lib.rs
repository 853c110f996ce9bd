//! A UDP socket for the browser, on your LAN.

mod endpoint;
mod signal;

pub use endpoint::{
    Channel, Data, Endpoint, Event, Limits, Payload, PeerId, Reason, SendOutcome, Stats, Transmit, Why,
};
pub use signal::{Answer, MESSAGE_BYTES_MAX, OFFER_BYTES_MAX, Offer, OfferError, Refusal};
