//! What travels on a channel: text or bytes, owned when it arrives, borrowed when it is sent.

/// A message from a peer. Either kind may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// What the page sent as a string.
    Text(String),
    /// What the page sent as bytes.
    Binary(Vec<u8>),
}

impl Data {
    /// The bytes, whichever kind they are.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Data::Text(text) => text.as_bytes(),
            Data::Binary(bytes) => bytes,
        }
    }
}

/// A message to a peer: a `&str` goes as text, a `&[u8]` as bytes, a [`&Data`](Data) as what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// Arrives as a string.
    Text(&'a str),
    /// Arrives as bytes.
    Binary(&'a [u8]),
}

impl<'a> Payload<'a> {
    /// The bytes, whichever kind they are.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Payload::Text(text) => text.as_bytes(),
            Payload::Binary(bytes) => bytes,
        }
    }

    /// An owned copy.
    pub fn to_data(self) -> Data {
        match self {
            Payload::Text(text) => Data::Text(text.to_owned()),
            Payload::Binary(bytes) => Data::Binary(bytes.to_vec()),
        }
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(text: &'a str) -> Payload<'a> {
        Payload::Text(text)
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(text: &'a String) -> Payload<'a> {
        Payload::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Payload<'a> {
        Payload::Binary(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Payload<'a> {
        Payload::Binary(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Payload<'a> {
        Payload::Binary(bytes)
    }
}

impl<'a> From<&'a Data> for Payload<'a> {
    fn from(data: &'a Data) -> Payload<'a> {
        match data {
            Data::Text(text) => Payload::Text(text),
            Data::Binary(bytes) => Payload::Binary(bytes),
        }
    }
}
