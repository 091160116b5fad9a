//! Connections: how they are accepted, and how they are closed when waiting
//! for them has to end.

use super::shutdown::Lifecycle;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;
use tokio_stream::Stream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::warn;

/// How long to wait after a failure to accept that trying again at once would
/// only repeat, such as running out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Accepts connections for as long as it is asked to.
#[derive(Debug)]
pub(super) struct Incoming {
    listener: TcpListener,
    lifecycle: Lifecycle,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Incoming {
    pub fn new(listener: TcpListener, lifecycle: Lifecycle) -> Self {
        Self { listener, lifecycle, pause: None }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match ready!(self.listener.poll_accept(cx)) {
                Ok((stream, _)) => return Poll::Ready(Some(Ok(Connection::new(stream, &self.lifecycle)))),
                // A peer that left again before it was accepted.
                Err(error) if concerns_one_peer(&error) => {}
                Err(error) => {
                    warn!(%error, "cannot accept connections");
                    self.pause = Some(Box::pin(tokio::time::sleep(ACCEPT_PAUSE)));
                }
            }
        }
    }
}

fn concerns_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

/// A TCP connection that the server can close.
///
/// An HTTP/2 connection on which no byte was ever read does not notice that it
/// should shut down, and one that waits for its peer may wait for ever.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// Whether the peer has sent anything.
    spoke: bool,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    _counted: TaskTrackerToken,
}

impl Connection {
    fn new(stream: TcpStream, lifecycle: &Lifecycle) -> Self {
        // Answers are small and waited for. Without the option they are late,
        // not wrong, so a failure to set it is no reason to refuse the peer.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            spoke: false,
            stopping: Box::pin(lifecycle.stopping.clone().cancelled_owned()),
            cut: Box::pin(lifecycle.cut.clone().cancelled_owned()),
            _counted: lifecycle.connections.token(),
        }
    }

    /// An error once the connection has been cut.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::Error::new(ErrorKind::ConnectionAborted, "the server has shut down")),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.spoke |= buf.filled().len() > before;
        if read.is_pending() && !self.spoke && self.stopping.as_mut().poll(cx).is_ready() {
            // Nothing read: the end of the connection.
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}
