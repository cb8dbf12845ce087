//! What travels on a control connection. Numbers of kinds and fields never change; an unknown field is passed over.

use prost::Message;

/// The frame's kind of a [`Request`].
pub(super) const REQUEST: u8 = 1;

/// The frame's kind of an [`Answer`].
pub(super) const ANSWER: u8 = 2;

/// Asks for something.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Request {
    /// Names the request on its connection.
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    /// What is asked for.
    #[prost(uint32, tag = "2")]
    pub(super) kind: u32,
    /// The question, as its kind has it.
    #[prost(bytes = "vec", tag = "3")]
    pub(super) body: Vec<u8>,
}

/// The answer to the request of the same number.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Answer {
    #[prost(uint64, tag = "1")]
    pub(super) number: u64,
    /// As the request's kind has it. Nothing if it was refused.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) body: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub(super) refusal: Option<RefusalMessage>,
}

/// Why there is no answer.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RefusalMessage {
    #[prost(uint32, tag = "1")]
    pub(super) code: u32,
    #[prost(string, tag = "2")]
    pub(super) text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_keep_their_bytes() {
        let request = Request { number: 300, kind: 17, body: vec![1, 2] };
        let golden = [0x08, 0xac, 0x02, 0x10, 0x11, 0x1a, 0x02, 1, 2];
        assert_eq!(request.encode_to_vec(), golden);
        assert_eq!(Request::decode(&golden[..]), Ok(request));

        let refusal = Some(RefusalMessage { code: 2, text: "no".to_owned() });
        let answer = Answer { number: 1, body: vec![9], refusal };
        let golden = [0x08, 1, 0x12, 1, 9, 0x1a, 6, 0x08, 2, 0x12, 2, b'n', b'o'];
        assert_eq!(answer.encode_to_vec(), golden);
        assert_eq!(Answer::decode(&golden[..]), Ok(answer));
        // A newer node says more.
        assert_eq!(Answer::decode(&[0x08, 1, 0x20, 5][..]).map(|answer| answer.number), Ok(1));
    }
}
