//! Frame reader: decodes a client's bytes into frames (RFC 6455).
//!
//! PURE: no I/O. The reader keeps only bytes that are not handled yet, so an idle connection holds
//! no buffer.

use std::borrow::Cow;

use super::close_reason::CloseReason;

/// Maximum number of fragments of one message.
const FRAGMENTS_MAX: u8 = 64;
/// Longest payload of a control frame, in bytes.
const CONTROL_MAX: usize = 125;

/// A decoded frame.
#[derive(Debug, PartialEq, Eq)]
pub enum FrameEvent<'a> {
    /// A complete text message.
    Text(Cow<'a, str>),
    /// A ping with this payload, which the pong must repeat.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// A close with this payload.
    Close(&'a [u8]),
    /// A fragment of an incomplete message.
    Part,
}

/// The state of the frame reader between two reads.
#[derive(Debug)]
pub struct FrameReader {
    /// An incomplete frame, or complete frames that were not handled yet.
    partial: Vec<u8>,
    /// Length of `partial` at which the next frame can be complete; 0 if it may be complete now.
    bytes_needed: usize,
    /// The fragments of an incomplete message.
    message: Vec<u8>,
    fragments: u8,
    /// Number of bytes of `message` that were checked as UTF-8.
    checked: usize,
    frame_max: usize,
    message_max: usize,
}

struct FrameHeader {
    last: bool,
    opcode: u8,
    /// Offset of the payload.
    start: usize,
    length: usize,
    key: [u8; 4],
}

impl FrameReader {
    /// Creates a reader with size limits in bytes. `early`: bytes received before the first read.
    pub fn new(early: &[u8], frame_max: usize, message_max: usize) -> Self {
        let (partial, message) = (early.to_vec(), Vec::new());
        Self { partial, bytes_needed: 0, message, fragments: 0, checked: 0, frame_max, message_max }
    }

    /// Sets the size limits in bytes.
    pub fn set_limits(&mut self, frame_max: usize, message_max: usize) {
        (self.frame_max, self.message_max) = (frame_max, message_max);
    }

    /// Returns the number of bytes that are allocated.
    pub fn held_bytes(&self) -> usize {
        self.partial.capacity() + self.message.capacity()
    }

    /// Releases all kept bytes.
    pub fn discard(&mut self) {
        (self.partial, self.message) = (Vec::new(), Vec::new());
    }

    /// Whether the kept bytes may contain a complete frame.
    pub fn may_have_frame(&self) -> bool {
        !self.partial.is_empty() && self.partial.len() >= self.bytes_needed
    }

    /// Adds `read` to the kept bytes, then removes and returns all of them; `None` if the frame is
    /// still incomplete.
    pub fn append(&mut self, read: &[u8]) -> Option<Vec<u8>> {
        // Grows to the size of the incomplete frame, not beyond.
        let missing = self.bytes_needed.saturating_sub(self.partial.len());
        self.partial.reserve_exact(missing.max(read.len()));
        self.partial.extend_from_slice(read);
        self.may_have_frame().then(|| std::mem::take(&mut self.partial))
    }

    /// Whether no bytes are kept, so that input can be decoded in place.
    pub fn is_empty(&self) -> bool {
        self.partial.is_empty()
    }

    /// Keeps bytes that were not handled.
    pub fn keep_unread(&mut self, rest: &[u8]) {
        self.partial = rest.to_vec();
    }

    /// Decodes the first frame of `bytes`, unmasks its payload in place, and returns the frame's
    /// length and event; `None` if the frame is incomplete.
    pub fn next_frame<'a>(
        &mut self,
        bytes: &'a mut [u8],
    ) -> Result<Option<(usize, FrameEvent<'a>)>, CloseReason> {
        self.bytes_needed = bytes.len() + 1;
        let Some(header) = self.parse_header(bytes)? else { return Ok(None) };
        let end = header.start + header.length;
        if bytes.len() < end {
            self.bytes_needed = end;
            return Ok(None);
        }
        self.bytes_needed = 0;
        let payload = &mut bytes[header.start..end];
        unmask(payload, header.key);
        Ok(Some((end, self.event(&header, payload)?)))
    }

    fn parse_header(&self, bytes: &[u8]) -> Result<Option<FrameHeader>, CloseReason> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        let (last, opcode) = (first & 0x80 != 0, first & 0x0f);
        // Reserved bits must be 0: no extension is negotiated. Client frames must be masked.
        if first & 0x70 != 0 || second & 0x80 == 0 || !matches!(opcode, 0..=2 | 8..=10) {
            return Err(CloseReason::PeerGone);
        }
        let (length, after) = match (second & 0x7f, rest) {
            (126, &[a, b, ..]) => (u64::from(u16::from_be_bytes([a, b])), 4),
            (127, &[a, b, c, d, e, f, g, h, ..]) => {
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10)
            }
            (126 | 127, _) => return Ok(None),
            (length, _) => (u64::from(length), 2),
        };
        // A frame that is too large is refused before its payload is received.
        let length = usize::try_from(length).map_err(|_| CloseReason::TooLarge)?;
        if opcode >= 8 && (!last || length > CONTROL_MAX) {
            return Err(CloseReason::PeerGone);
        }
        if opcode == 2 {
            return Err(CloseReason::BinaryFrame);
        }
        // A control frame between the fragments of a message is not part of the message.
        let collected = if opcode >= 8 { 0 } else { self.message.len() };
        if length > self.frame_max || length.saturating_add(collected) > self.message_max {
            return Err(CloseReason::TooLarge);
        }
        let Some(&[a, b, c, d]) = bytes.get(after..after + 4) else { return Ok(None) };
        Ok(Some(FrameHeader { last, opcode, start: after + 4, length, key: [a, b, c, d] }))
    }

    fn event<'a>(
        &mut self,
        header: &FrameHeader,
        payload: &'a [u8],
    ) -> Result<FrameEvent<'a>, CloseReason> {
        let is_fragmented = self.fragments > 0;
        match (header.opcode, header.last) {
            (8, _) if payload.len() == 1 => Err(CloseReason::PeerGone),
            (8, _) => {
                let reason = payload.get(2..).unwrap_or_default();
                std::str::from_utf8(reason).map_err(|_| CloseReason::InvalidUtf8)?;
                Ok(FrameEvent::Close(payload))
            }
            (9, _) => Ok(FrameEvent::Ping(payload)),
            (10, _) => Ok(FrameEvent::Pong),
            (1, true) if !is_fragmented => {
                let text = std::str::from_utf8(payload).map_err(|_| CloseReason::InvalidUtf8)?;
                Ok(FrameEvent::Text(Cow::Borrowed(text)))
            }
            // A new message before the last fragment, or a continuation without a first fragment.
            (opcode, _) if (opcode == 1) == is_fragmented => Err(CloseReason::PeerGone),
            (_, last) => {
                if self.fragments == FRAGMENTS_MAX {
                    return Err(CloseReason::TooLarge);
                }
                self.fragments += 1;
                self.message.extend_from_slice(payload);
                self.check_text()?;
                if !last {
                    return Ok(FrameEvent::Part);
                }
                (self.fragments, self.checked) = (0, 0);
                let whole = String::from_utf8(std::mem::take(&mut self.message));
                Ok(FrameEvent::Text(Cow::Owned(whole.map_err(|_| CloseReason::InvalidUtf8)?)))
            }
        }
    }

    /// Checks the new bytes of a fragmented message, so that an invalid message is refused early.
    fn check_text(&mut self) -> Result<(), CloseReason> {
        match std::str::from_utf8(&self.message[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(CloseReason::InvalidUtf8),
        }
        Ok(())
    }
}

fn unmask(payload: &mut [u8], key: [u8; 4]) {
    let (fours, rest) = payload.as_chunks_mut::<4>();
    let key_word = u32::from_ne_bytes(key);
    for four in fours {
        *four = (u32::from_ne_bytes(*four) ^ key_word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::test_runner::FileFailurePersistence;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
    use tokio_tungstenite::tungstenite::{Error, Message};

    const FRAME_MAX: usize = 300;
    const MESSAGE_MAX: usize = 400;

    fn frame(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            length @ 0..126 => out.push(0x80 | length as u8),
            length => {
                out.push(0x80 | 126);
                out.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        out.extend_from_slice(&key);
        out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
        out
    }

    /// Describes the frames that this crate's reader decodes from a stream, up to an error.
    fn ours(pieces: &[&[u8]]) -> Vec<String> {
        let mut reader = FrameReader::new(&[], FRAME_MAX, MESSAGE_MAX);
        let mut events = Vec::new();
        for piece in pieces {
            let mut bytes = if reader.is_empty() {
                piece.to_vec()
            } else {
                match reader.append(piece) {
                    Some(bytes) => bytes,
                    None => continue,
                }
            };
            let mut at = 0;
            loop {
                match reader.next_frame(&mut bytes[at..]) {
                    Ok(None) => break,
                    Ok(Some((used, event))) => {
                        at += used;
                        match event {
                            FrameEvent::Text(text) => events.push(format!("text {text}")),
                            FrameEvent::Ping(payload) => events.push(format!("ping {payload:?}")),
                            FrameEvent::Pong => events.push("pong".to_owned()),
                            FrameEvent::Close(_) => {
                                events.push("close".to_owned());
                                return events;
                            }
                            FrameEvent::Part => {}
                        }
                    }
                    Err(CloseReason::InvalidUtf8) => {
                        return [events, vec!["not text".into()]].concat();
                    }
                    Err(_) => return [events, vec!["error".into()]].concat(),
                }
            }
            reader.keep_unread(&bytes[at..]);
        }
        events
    }

    /// Describes the frames that tungstenite decodes from a stream.
    fn theirs(stream: Vec<u8>) -> Vec<String> {
        struct Half(std::io::Cursor<Vec<u8>>);
        impl std::io::Read for Half {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                std::io::Read::read(&mut self.0, buffer)
            }
        }
        impl std::io::Write for Half {
            fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
                Ok(buffer.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let config = WebSocketConfig::default()
            .max_frame_size(Some(FRAME_MAX))
            .max_message_size(Some(MESSAGE_MAX));
        let half = Half(std::io::Cursor::new(stream));
        let mut socket = WebSocket::from_raw_socket(half, Role::Server, Some(config));
        let mut events = Vec::new();
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => events.push(format!("text {text}")),
                Ok(Message::Ping(payload)) => events.push(format!("ping {:?}", &payload[..])),
                Ok(Message::Pong(_)) => events.push("pong".to_owned()),
                Ok(Message::Close(_)) => {
                    events.push("close".to_owned());
                    return events;
                }
                // This crate's reader refuses a binary frame without decoding its payload.
                Ok(Message::Binary(_) | Message::Frame(_)) => events.push("error".to_owned()),
                Err(Error::Utf8(_)) => return [events, vec!["not text".into()]].concat(),
                // The test stream ended without a close.
                Err(Error::Protocol(error)) if format!("{error:?}").contains("ResetWithout") => {
                    return events;
                }
                Err(Error::ConnectionClosed | Error::Io(_)) => return events,
                Err(_) => return [events, vec!["error".into()]].concat(),
            }
        }
    }

    fn payload() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => "[a-zé€]{0,40}".prop_map(String::into_bytes),
            1 => proptest::collection::vec(any::<u8>(), 0..6),
            1 => "[a-z]{120,130}".prop_map(String::into_bytes),
            1 => "[a-z]{290,310}".prop_map(String::into_bytes),
        ]
    }

    fn frames() -> impl Strategy<Value = Vec<u8>> {
        let first = prop_oneof![
            8 => Just(0x81u8), 3 => Just(0x01), 3 => Just(0x00), 3 => Just(0x80), 2 => Just(0x89),
            1 => Just(0x8a), 1 => Just(0x88), 1 => Just(0xc1), 1 => Just(0x09), 1 => Just(0x83),
        ];
        let one = (first, payload(), any::<[u8; 4]>());
        proptest::collection::vec(one, 0..8).prop_map(|frames| {
            frames.iter().flat_map(|(first, payload, key)| frame(*first, payload, *key)).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 5_000,
            ..ProptestConfig::with_failure_persistence(
                FileFailurePersistence::WithSource("regressions")
            )
        })]
        #[test]
        fn tungstenite_reads_the_same(stream in frames(), cuts in any::<[u16; 4]>()) {
            let expected = theirs(stream.clone());
            prop_assert_eq!(ours(&[&stream]), expected.clone());
            // The result does not depend on how the stream is split.
            let mut cuts = cuts.map(|cut| usize::from(cut) % (stream.len() + 1));
            cuts.sort_unstable();
            let [a, b, c, d] = cuts;
            let pieces =
                [&stream[..a], &stream[a..b], &stream[b..c], &stream[c..d], &stream[d..]];
            prop_assert_eq!(ours(&pieces), expected);
        }

        #[test]
        fn no_input_panics(stream in proptest::collection::vec(any::<u8>(), 0..200)) {
            ours(&[&stream]);
        }
    }

    /// Asserts that both readers decode a stream to the same frames, whole and split at any byte.
    fn assert_same(stream: &[u8]) {
        let expected = theirs(stream.to_vec());
        assert_eq!(ours(&[stream]), expected);
        for cut in 0..=stream.len() {
            assert_eq!(ours(&[&stream[..cut], &stream[cut..]]), expected, "split at {cut}");
        }
    }

    #[test]
    fn a_close_frame_with_an_invalid_code_and_reason() {
        assert_same(&[136, 131, 0, 0, 0, 0, 226, 130, 172]);
    }

    #[test]
    fn an_invalid_first_fragment_after_a_message_of_empty_fragments() {
        assert_same(&[1, 128, 0, 0, 0, 0, 128, 128, 0, 0, 0, 0, 1, 130, 0, 0, 0, 0, 128, 0]);
    }

    #[test]
    fn a_ping_between_fragments_does_not_count_as_part_of_the_message() {
        let part = |first| frame(first, &[b'a'; 290], [1, 2, 3, 4]);
        let ping = frame(0x89, &[b'p'; 120], [1, 2, 3, 4]);
        let rest = frame(0x80, &[b'b'; 110], [1, 2, 3, 4]);
        let whole = [part(0x01), ping, rest].concat();
        assert_eq!(ours(&[&whole]).len(), 2);
        assert_eq!(ours(&[&[part(0x01), part(0x80)].concat()]), ["error"]);
    }

    #[test]
    fn an_announced_length_allocates_no_memory() {
        let mut reader = FrameReader::new(&[], 1 << 20, 1 << 20);
        let mut huge = vec![0x81, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4, b'x'];
        assert_eq!(reader.next_frame(&mut huge), Ok(None));
        reader.keep_unread(&huge);
        assert!(reader.partial.capacity() < 64 && !reader.may_have_frame());
        let mut larger = vec![0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0];
        assert_eq!(reader.next_frame(&mut larger), Err(CloseReason::TooLarge));
    }

    #[test]
    fn a_message_with_too_many_fragments_is_refused() {
        let part = frame(0x00, b"a", [1, 2, 3, 4]);
        let mut stream = frame(0x01, b"a", [1, 2, 3, 4]);
        (1..FRAGMENTS_MAX).for_each(|_| stream.extend_from_slice(&part));
        let whole = [&stream[..], &frame(0x80, b"", [0; 4])].concat();
        assert_eq!(ours(&[&stream]), Vec::<String>::new());
        assert_eq!(ours(&[&whole]), ["error"]);
    }
}
