//! The bytes of a connection, with TLS or without.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

/// A TCP connection, with TLS or without.
///
/// The handshake is made by whoever first reads or writes, which is the task
/// of the connection: it holds up no other connection, and needs no queue and
/// no task of its own.
pub(super) enum Wire {
    Plain(TcpStream),
    Handshake(Box<Accept<TcpStream>>),
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake failed.
    Closed,
}

impl Wire {
    pub fn new(stream: TcpStream, acceptor: Option<&TlsAcceptor>) -> Wire {
        match acceptor {
            None => Wire::Plain(stream),
            Some(acceptor) => Wire::Handshake(Box::new(acceptor.accept(stream))),
        }
    }

    /// The stream, once there is one to read from and to write to.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Stream>>> {
        if let Wire::Handshake(handshake) = self {
            *self = match ready!(Pin::new(handshake).poll(cx)) {
                Ok(stream) => Wire::Tls(Box::new(stream)),
                Err(error) => {
                    *self = Wire::Closed;
                    return Poll::Ready(Err(error));
                }
            };
        }
        match self {
            Wire::Plain(stream) => Poll::Ready(Ok(Pin::new(stream))),
            Wire::Tls(stream) => Poll::Ready(Ok(Pin::new(stream.as_mut()))),
            Wire::Handshake(_) | Wire::Closed => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }
}

/// What can be read from and written to.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(cx))?.poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_stream(cx))?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_stream(cx))?.poll_write_vectored(cx, bufs)
    }

    /// Both kinds of stream take several pieces at once.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            // Nothing was said yet that could end in good order.
            Wire::Handshake(_) | Wire::Closed => Poll::Ready(Ok(())),
        }
    }
}
