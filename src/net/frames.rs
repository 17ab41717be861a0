//! One socket as frames. Reading, answers to pings and the closing handshake are tungstenite's;
//! texts and pings leave past its buffer, which would keep the size of the largest of them.
//!
//! The two writers never meet in the middle of a frame: while texts are half written nothing is
//! read, so that tungstenite has nothing to answer; what it has to answer is flushed before texts.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Sink, Stream as _};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::stream::Stream;
use crate::link::CloseReason;
use crate::settings::Limits;

/// What an idle socket holds to read into.
const READ_BYTES: usize = 2 * 1024;
/// Answers to pings and to a close.
const CONTROL_BYTES: usize = 16 * 1024;
/// The longest head of a frame.
const HEAD_MAX: usize = 10;
/// The first bytes of a final text frame and the whole of a ping, unmasked as servers send.
const TEXT: u8 = 0x81;
const PING: [u8; 2] = [0x89, 0];

/// One open socket.
pub struct Frames {
    socket: WebSocketStream<Stream>,
    /// Whole frames that wait to be written; nothing is kept once they are through.
    out: Vec<u8>,
    /// Bytes of them that are written.
    written: usize,
    /// What the last flush came to, as room for the next.
    usual: u16,
    out_max: usize,
    /// tungstenite may have an answer that is not flushed.
    answering: bool,
    /// The peer closes: its answer is the last frame.
    closing: bool,
}

impl Frames {
    /// Takes over an upgraded stream; `early` came with the request.
    pub async fn new(stream: Stream, early: &[u8], limits: &Limits) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_write_buffer_size(CONTROL_BYTES)
            .max_message_size(Some(limits.message_bytes))
            .max_frame_size(Some(limits.frame_bytes));
        let (role, config) = (Role::Server, Some(config));
        // Early bytes would replace the small buffer: there are hardly ever any.
        let socket = if early.is_empty() {
            WebSocketStream::from_raw_socket(stream, role, config).await
        } else {
            WebSocketStream::from_partially_read(stream, early.to_vec(), role, config).await
        };
        let out_max = limits.outbox_bytes.saturating_mul(2).saturating_add(limits.message_bytes);
        Self {
            socket,
            out: Vec::new(),
            written: 0,
            usual: 0,
            out_max,
            answering: false,
            closing: false,
        }
    }

    /// The next message. Not to be called while [`Frames::poll_flush`] is not through.
    pub fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, CloseReason>> {
        match ready!(Pin::new(&mut self.socket).poll_next(context)) {
            Some(Ok(message)) => {
                self.closing |= matches!(message, Message::Close(_));
                self.answering |= self.closing || matches!(message, Message::Ping(_));
                Poll::Ready(Ok(message))
            }
            Some(Err(error)) => Poll::Ready(Err(fault(&error))),
            None => Poll::Ready(Err(CloseReason::Gone)),
        }
    }

    /// Adds a text frame to what is written with the next flush.
    pub fn text(&mut self, text: &str) -> Result<(), CloseReason> {
        self.text_by(text.len(), |out| out.extend_from_slice(text.as_bytes()))
    }

    /// Adds a text frame that is made in its place, of about this length. It holds UTF-8; none is
    /// sent if nothing is made.
    pub fn text_by<R>(
        &mut self,
        length: usize,
        make: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> Result<R, CloseReason> {
        // One frame is always taken, however large: its work is done.
        if self.out.len() > self.out_max {
            return Err(CloseReason::SlowConsumer);
        }
        let usual = if self.out.is_empty() { usize::from(self.usual) } else { 0 };
        self.out.reserve((length + HEAD_MAX).max(usual));
        let start = self.out.len();
        // The head of most frames has this size; others are moved to theirs.
        self.out.extend_from_slice(&[TEXT, 126, 0, 0]);
        let body = self.out.len();
        let made = make(&mut self.out);
        let length = self.out.len() - body;
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(0), _) => self.out.truncate(start),
            (Ok(short @ ..126), _) => {
                self.out[start + 1] = short;
                self.out.drain(start + 2..body);
            }
            (_, Ok(usual)) => self.out[start + 2..body].copy_from_slice(&usual.to_be_bytes()),
            _ => {
                self.out[start + 1] = 127;
                self.out.splice(start + 2..body, (length as u64).to_be_bytes());
            }
        }
        Ok(made)
    }

    /// Adds a ping.
    pub fn ping(&mut self) {
        self.out.extend_from_slice(&PING);
    }

    /// Bytes that wait to be written.
    pub fn waiting(&self) -> usize {
        self.out.len() - self.written
    }

    /// Whether nothing waits to be written.
    pub fn is_flushed(&self) -> bool {
        self.out.is_empty() && !self.answering
    }

    /// Writes all that waits; ready when it is through.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if !self.closing && self.written == 0 {
            ready!(self.poll_answer(context))?;
        }
        while self.written < self.out.len() {
            let stream = Pin::new(self.socket.get_mut());
            match ready!(stream.poll_write(context, &self.out[self.written..])) {
                Ok(0) | Err(_) => return Poll::Ready(Err(CloseReason::Gone)),
                Ok(written) => self.written += written,
            }
        }
        // TLS may hold back what the socket did not take.
        if self.written > 0 {
            let stream = Pin::new(self.socket.get_mut());
            ready!(stream.poll_flush(context)).map_err(|_| CloseReason::Gone)?;
        }
        self.usual = u16::try_from(self.out.len()).unwrap_or_default();
        (self.out, self.written) = (Vec::new(), 0);
        self.poll_answer(context)
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        if self.answering {
            ready!(Pin::new(&mut self.socket).poll_flush(context)).map_err(|it| fault(&it))?;
            self.answering = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits, says why the socket is closed and waits for the peer's close, so that
    /// the last words are not lost to a reset.
    pub async fn close(&mut self, frame: CloseFrame) {
        let flushed = std::future::poll_fn(|context| self.poll_flush(context)).await;
        if flushed.is_ok() && self.socket.close(Some(frame)).await.is_ok() {
            while std::future::poll_fn(|context| self.poll_read(context)).await.is_ok() {}
        }
        // TLS tells an end from a cut.
        let _ = self.socket.get_mut().shutdown().await;
    }
}

/// Why a connection ends after an error of its socket.
fn fault(error: &Error) -> CloseReason {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::TooLarge,
        Error::Utf8(_) => CloseReason::NotText,
        _ => CloseReason::Gone,
    }
}
