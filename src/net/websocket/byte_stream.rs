//! The two directions of one connection. In clear they are apart: whoever has something to say may
//! write while the socket's own task waits for what comes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_rustls::TlsStream;

use crate::net::stream::Stream;
/// A connection whose handshakes are over.
pub(super) enum ByteStream {
    /// In clear; the second is for others, the task itself finds the socket behind the first.
    Plain(OwnedReadHalf, Arc<OwnedWriteHalf>),
    /// Through TLS: its state is the task's alone.
    Tls(Box<TlsStream<TcpStream>>),
}

impl From<Stream> for ByteStream {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Plain(stream) => {
                let (read, write) = stream.into_split();
                Self::Plain(read, Arc::new(write))
            }
            Stream::Tls(stream) => Self::Tls(stream),
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
            // It takes them as a rule: whether it does is asked only when it did not.
            match stream.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
            ready!(stream.poll_write_ready(context))?;
        }
    }

    /// TLS may hold back what the socket did not take.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(..) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    /// Says that nothing more is written; TLS tells an end from a cut.
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
