//! The byte stream of a connection, with a separate write half for plaintext.
//!
//! A thread that publishes rows (publishing thread) can write to a plaintext socket while the
//! connection's task waits for input.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::TlsStream;

use crate::net::stream::{CountedStream, Stream};

/// The stream of a connection after its handshakes.
pub(super) enum ByteStream {
    /// Plaintext. Publishing threads write directly through the write half. The connection's task
    /// writes through the read half, which gives access to the whole socket.
    Plain(OwnedReadHalf, Arc<OwnedWriteHalf>),
    /// TLS. Only the connection's task uses it: other threads cannot share the TLS state.
    Tls(Box<TlsStream<CountedStream>>),
}

impl From<Stream> for ByteStream {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Plain(stream) => {
                let (read, write) = stream.into_inner().into_split();
                Self::Plain(read, Arc::new(write))
            }
            Stream::Tls(mut stream) => {
                stream.get_mut().0.stop_counting();
                Self::Tls(stream)
            }
        }
    }
}

impl ByteStream {
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        match self {
            Self::Plain(read, _) => ready!(Pin::new(read).poll_read(context, &mut buffer))?,
            Self::Tls(stream) => ready!(Pin::new(stream).poll_read(context, &mut buffer))?,
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }

    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream: &TcpStream = match self {
            Self::Tls(stream) => return Pin::new(stream).poll_write(context, bytes),
            Self::Plain(read, _) => (*read).as_ref(),
        };
        loop {
            // The socket is usually writable, so readiness is polled only after a failed attempt.
            match stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
            ready!(stream.poll_write_ready(context))?;
        }
    }

    /// Flushes what TLS has buffered; plaintext is not buffered.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(..) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Shuts down the write direction. TLS sends close_notify, so that the peer can distinguish the
    /// end from a truncated stream.
    pub(super) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(read, _) => {
                let stream: &TcpStream = read.as_ref();
                SockRef::from(stream).shutdown(std::net::Shutdown::Write)
            }
            Self::Tls(stream) => stream.shutdown().await,
        }
    }
}
