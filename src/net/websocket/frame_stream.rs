//! One connection as WebSocket frames, decoded and encoded in place.
//!
//! This module replaces tungstenite's framing: frames are decoded in the buffer that they were read
//! into, and an idle connection holds no buffer. `cargo bench --bench peers` compares the CPU time
//! and memory with those of an echo on tokio-tungstenite. A property test compares the frame reader
//! with tungstenite.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::net::tcp::OwnedWriteHalf;
use zeroize::Zeroize;

use super::byte_stream::ByteStream;
use super::close_reason::CloseReason;
use super::frame_reader::{FrameEvent, FrameReader};
use crate::net::stream::Stream;
use crate::settings::ServerLimits;

/// Maximum number of bytes of one read. Each thread has one read buffer; a connection uses the
/// buffer only while the connection is polled.
const READ_BUFFER_BYTES: usize = 16 * 1024;
/// Largest write buffer that is kept for reuse, in bytes.
const WRITE_BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Maximum number of bytes that are read from a peer after the close frame, so that a flood ends.
const DISCARDED_BYTES_MAX: usize = 256 * 1024;
/// First byte of a text frame: FIN bit and opcode.
const TEXT: u8 = 0x81;
/// First byte of a close frame.
const CLOSE: u8 = 0x88;
/// A complete ping without payload. Frames of a server are not masked.
const PING: [u8; 2] = [0x89, 0];
/// First byte of a pong.
const PONG: u8 = 0x8a;
/// Longest header of a server frame, in bytes.
const HEADER_BYTES_MAX: usize = 10;
/// Longest reason in a close frame, after the code, in bytes.
const REASON_BYTES_MAX: usize = 123;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER_BYTES]);
    /// The spare write buffer of this thread.
    static WRITE_BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A WebSocket stream of frames.
pub struct FrameStream {
    stream: ByteStream,
    reader: FrameReader,
    /// Frames to be written. The buffer is released when all of them are written.
    out: Vec<u8>,
    /// Bytes of `out` that are written.
    written: usize,
    /// If `out` has more bytes than this, the next text frame closes the connection.
    out_max: usize,
    /// Whether the bytes of the frame that is being handled are erased afterwards.
    erases_frame: bool,
}

/// The receiver of decoded frames.
pub trait FrameHandler {
    /// Returns the stream to read from.
    fn stream(&mut self) -> &mut FrameStream;
    /// Handles a frame. Returns false if the next frames must wait.
    fn on_frame(&mut self, event: FrameEvent<'_>) -> Result<bool, CloseReason>;
}

impl FrameStream {
    /// Creates a stream after the upgrade, with the limits for connections without a session.
    /// `early`: the bytes received together with the upgrade request.
    pub fn new(stream: Stream, early: &[u8], limits: &ServerLimits) -> Self {
        let out_max = limits.outbox_bytes.saturating_mul(2).saturating_add(limits.message_bytes);
        let unbound_max = limits.unauthenticated_message_bytes;
        let frame_max = limits.frame_bytes.min(unbound_max);
        let reader = FrameReader::new(early, frame_max, limits.message_bytes.min(unbound_max));
        let (stream, out) = (stream.into(), Vec::new());
        Self { stream, reader, out, written: 0, out_max, erases_frame: false }
    }

    /// Sets the size limits of received frames and messages, in bytes.
    pub fn set_limits(&mut self, frame_max: usize, message_max: usize) {
        self.reader.set_limits(frame_max, message_max);
    }

    /// Returns the number of bytes that are allocated for input and output.
    pub fn held_bytes(&self) -> usize {
        self.reader.held_bytes() + self.out.capacity()
    }

    /// Releases the buffers; returns whether a frame was only partly written.
    pub fn discard(&mut self) -> bool {
        self.reader.discard();
        let is_partly_written = self.written > 0;
        (self.out, self.written) = (Vec::new(), 0);
        is_partly_written
    }

    /// Adds a text frame for the next flush. `text` must be UTF-8: all callers pass encoded JSON.
    pub fn text(&mut self, text: &[u8]) -> Result<(), CloseReason> {
        self.text_with(text.len(), |out| out.extend_from_slice(text))
    }

    /// Adds a text frame. `write` appends the payload directly to the write buffer: UTF-8 of about
    /// `length` bytes. Adds no frame if `write` appends nothing.
    pub fn text_with<R>(
        &mut self,
        length: usize,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<R, CloseReason> {
        // One frame may exceed the limit, because the message that the frame answers is already
        // handled.
        if self.out.len() > self.out_max {
            return Err(CloseReason::SlowConsumer);
        }
        if self.out.capacity() == 0 {
            self.out = WRITE_BUFFER.take();
        }
        self.out.reserve(length + HEADER_BYTES_MAX);
        let result = text_with(&mut self.out, write);
        if self.out.is_empty() {
            self.release_buffer();
        }
        Ok(result)
    }

    /// Erases the bytes of the frame that is being handled, which may contain a secret such as a
    /// password.
    pub fn erase_frame(&mut self) {
        self.erases_frame = true;
    }

    /// Returns the write buffer to the thread, for the next connection that writes.
    fn release_buffer(&mut self) {
        let mut out = std::mem::take(&mut self.out);
        self.written = 0;
        if (1..=WRITE_BUFFER_BYTES_MAX).contains(&out.capacity()) {
            out.clear();
            WRITE_BUFFER.set(out);
        }
    }

    /// Returns the write half for direct writes; `None` with TLS. Direct writes are allowed only
    /// while this stream has no unwritten frames.
    pub fn direct_writer(&self) -> Option<Arc<OwnedWriteHalf>> {
        match &self.stream {
            ByteStream::Plain(_, write) => Some(write.clone()),
            ByteStream::Tls(_) => None,
        }
    }

    /// Takes over the bytes that a direct write left unsent; the next flush writes them first.
    pub fn restore_unsent(&mut self, unsent: Vec<u8>) {
        self.out = unsent;
    }

    /// Adds a ping.
    pub fn ping(&mut self) {
        self.out.extend_from_slice(&PING);
    }

    /// Adds the pong that answers a ping with this payload, of at most 125 bytes.
    pub fn pong(&mut self, payload: &[u8]) {
        self.control(PONG, payload);
    }

    fn control(&mut self, first: u8, payload: &[u8]) {
        self.out.extend_from_slice(&[first, payload.len() as u8]);
        self.out.extend_from_slice(payload);
    }

    /// Adds the answer to a close frame with this payload. The answer repeats the code if peers may
    /// send this code, and otherwise has the code PROTOCOL_ERROR. If the payload has no code, the
    /// answer has none.
    pub fn answer_close(&mut self, payload: &[u8]) {
        let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        match code {
            Some(1000..=1003 | 1007..=1014 | 3000..=4999) => self.control(CLOSE, &payload[..2]),
            Some(_) => self.control(CLOSE, &PROTOCOL_ERROR.to_be_bytes()),
            None => self.control(CLOSE, &[]),
        }
    }

    /// Returns the number of bytes to be written.
    pub fn buffered(&self) -> usize {
        self.out.len() - self.written
    }

    /// Whether all frames are written.
    pub fn is_flushed(&self) -> bool {
        self.out.is_empty()
    }

    /// Writes all frames; ready when they are written.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        while self.written < self.out.len() {
            match ready!(self.stream.poll_write(context, &self.out[self.written..])) {
                Ok(0) | Err(_) => return Poll::Ready(Err(CloseReason::PeerGone)),
                Ok(written) => self.written += written,
            }
        }
        if self.written > 0 {
            ready!(self.stream.poll_flush(context)).map_err(|_| CloseReason::PeerGone)?;
        }
        self.release_buffer();
        Poll::Ready(Ok(()))
    }

    /// Writes all frames and a close frame, then reads until the peer closes. A socket that is
    /// closed with unread input sends a reset, so the peer could lose the last frames.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let reason = &reason.as_bytes()[..reason.len().min(REASON_BYTES_MAX)];
        self.control(CLOSE, &[&code.to_be_bytes(), reason].concat());
        let flushed = std::future::poll_fn(|context| self.poll_flush(context)).await;
        if flushed.is_ok() {
            // Discards input until the peer, having read the close frame, closes too.
            let mut left = DISCARDED_BYTES_MAX;
            while left > 0 {
                let Ok(read @ 1..) = self.discard_read().await else { break };
                left = left.saturating_sub(read);
            }
        }
        let _ = self.stream.shutdown().await;
    }

    /// Reads once and discards the input; returns its length.
    async fn discard_read(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|context| {
            READ_BUFFER.with_borrow_mut(|buffer| self.stream.poll_read(context, buffer))
        })
        .await
    }
}

/// Appends a text frame with the payload that `write` appends; no frame if `write` appends nothing.
pub fn text_with<R>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let start = out.len();
    // Most frames have a header of this size; in other frames the payload is moved.
    out.extend_from_slice(&[TEXT, 126, 0, 0]);
    let body = out.len();
    let result = write(out);
    let length = out.len() - body;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(0), _) => out.truncate(start),
        (Ok(short @ ..126), _) => {
            out[start + 1] = short;
            out.drain(start + 2..body);
        }
        (_, Ok(usual)) => out[start + 2..body].copy_from_slice(&usual.to_be_bytes()),
        _ => {
            out[start + 1] = 127;
            out.splice(start + 2..body, (length as u64).to_be_bytes());
        }
    }
    result
}

/// Close code "protocol error" of RFC 6455, the answer to an invalid code.
const PROTOCOL_ERROR: u16 = 1002;

/// Passes to the handler the frames that an earlier call kept. If there are none, reads once and
/// passes the received frames. Returns false if no input is available.
pub fn poll_read(
    handler: &mut impl FrameHandler,
    context: &mut Context<'_>,
) -> Result<bool, CloseReason> {
    if handler.stream().reader.may_have_frame() {
        let mut kept = handler.stream().reader.append(&[]).unwrap_or_default();
        return dispatch_frames(handler, &mut kept).map(|()| true);
    }
    READ_BUFFER.with_borrow_mut(|buffer| {
        let frames = handler.stream();
        let read = match frames.stream.poll_read(context, buffer) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(0) | Err(_)) => return Err(CloseReason::PeerGone),
            Poll::Ready(Ok(read)) => read,
        };
        if frames.reader.is_empty() {
            dispatch_frames(handler, &mut buffer[..read])?;
        } else if let Some(mut joined) = frames.reader.append(&buffer[..read]) {
            dispatch_frames(handler, &mut joined)?;
        }
        Ok(true)
    })
}

fn dispatch_frames(handler: &mut impl FrameHandler, bytes: &mut [u8]) -> Result<(), CloseReason> {
    let mut at = 0;
    while at < bytes.len() {
        let Some((used, event)) = handler.stream().reader.next_frame(&mut bytes[at..])? else {
            break;
        };
        let continues = handler.on_frame(event);
        if std::mem::take(&mut handler.stream().erases_frame) {
            bytes[at..at + used].zeroize();
        }
        at += used;
        if !continues? {
            break;
        }
    }
    if at < bytes.len() {
        handler.stream().reader.keep_unread(&bytes[at..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn spare() -> usize {
        WRITE_BUFFER.with_borrow(Vec::capacity)
    }

    /// A stream, and the socket of its peer.
    async fn connected() -> (FrameStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (FrameStream::new(Stream::Plain(stream.into()), &[], &ServerLimits::default()), peer)
    }

    /// A handler to which the text `secret` is a secret.
    struct Handler(FrameStream);

    impl FrameHandler for Handler {
        fn stream(&mut self) -> &mut FrameStream {
            &mut self.0
        }

        fn on_frame(&mut self, event: FrameEvent<'_>) -> Result<bool, CloseReason> {
            if matches!(event, FrameEvent::Text(text) if text == "secret") {
                self.0.erase_frame();
            }
            Ok(true)
        }
    }

    #[tokio::test]
    async fn only_frames_with_secrets_are_erased() {
        let mut handler = Handler(connected().await.0);
        let frame = |text: &str| {
            let head = [TEXT, 0x80 | text.len() as u8, 0, 0, 0, 0];
            [&head, text.as_bytes()].concat()
        };
        let (plain, secret) = (frame("plain"), frame("secret"));
        let mut bytes = [&plain[..], &secret, &plain].concat();
        dispatch_frames(&mut handler, &mut bytes).unwrap();
        assert_eq!(bytes, [&plain[..], &vec![0; secret.len()], &plain].concat());
    }

    #[tokio::test]
    async fn a_flushed_stream_keeps_no_buffer() {
        let (mut frames, mut peer) = connected().await;

        frames.text(b"Hello").unwrap();
        assert!(frames.out.capacity() > 0 && spare() == 0, "no buffer before the flush");
        std::future::poll_fn(|context| frames.poll_flush(context)).await.unwrap();
        let (kept, of_thread) = (frames.out.capacity(), spare());
        assert!(kept == 0 && of_thread > 0, "{kept}, {of_thread}");
        let mut read = [0; 7];
        peer.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"\x81\x05Hello");

        frames.text_with(100, |_| ()).unwrap();
        let (kept, of_thread) = (frames.out.capacity(), spare());
        assert!(kept == 0 && of_thread > 0, "{kept}, {of_thread}");
        assert!(frames.is_flushed() && frames.buffered() == 0);

        frames.text(&[b'x'; WRITE_BUFFER_BYTES_MAX + 1]).unwrap();
        frames.release_buffer();
        assert_eq!((frames.out.capacity(), spare()), (0, 0), "a large buffer was kept");
    }
}
