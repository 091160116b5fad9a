//! Connections: how they are accepted, and how they are closed when waiting
//! for them has to end.

use super::Options;
use super::peer::{Bell, Peer, Share};
use super::peers::{Enlisted, Peers};
use super::seldom::Seldom;
use super::shutdown::Lifecycle;
use super::tls::Tls;
use super::wire::Wire;
use crate::metrics::{Metrics, Token};
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::transport::server::Connected;
use tracing::{debug, info, warn};

/// How long to wait after a failure to accept that trying again at once would
/// only repeat, such as running out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// What a peer has to say before it counts as one that speaks HTTP/2: the
/// preface and the head of the settings that follow it (RFC 9113, 3.4), in
/// bytes.
const HELLO_BYTES: usize = 24 + 9;

/// How long a peer that was asked to leave has to do so.
const GOODBYE: Duration = Duration::from_secs(1);

/// Of so many connections one is kept free, as long as there is anybody whom to
/// ask for room, so that nobody who comes has to wait for it.
const SPARE: usize = 64;

/// What accepts connections.
#[derive(Debug)]
pub(super) struct Incoming {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    lifecycle: Lifecycle,
    peers: Arc<Peers>,
    max_connections: usize,
    handshake_timeout: Duration,
    metrics: Arc<Metrics>,
    /// See [`Peer::is_stuck`].
    patience: Duration,
    share: Share,
    /// That there are nearly too many, and that there are.
    crowded: Seldom,
    full: Seldom,
    /// That the system lets no more in.
    failing: Seldom,
}

impl Incoming {
    pub fn new(
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        lifecycle: Lifecycle,
        peers: Arc<Peers>,
        options: &Options,
        metrics: Arc<Metrics>,
    ) -> Self {
        let Options { max_connections, handshake_timeout, message_timeout: patience, .. } = *options;
        let share = options.connection_share();
        let (crowded, full, failing) = Default::default();
        Self {
            listener,
            tls,
            lifecycle,
            peers,
            max_connections,
            handshake_timeout,
            metrics,
            patience,
            share,
            crowded,
            full,
            failing,
        }
    }

    /// Accepts connections until the server stops, and has each served until it
    /// is over: by `serve`, which is told when to bring it to its end.
    pub async fn run<S: Future<Output = ()> + Send + 'static>(
        mut self,
        serve: impl Fn(Connection, WaitForCancellationFutureOwned) -> S,
    ) {
        let stopping = self.lifecycle.stopping.clone();
        let mut open = JoinSet::new();
        loop {
            let mut connection = tokio::select! {
                () = stopping.cancelled() => break,
                Some(_) = open.join_next() => continue,
                connection = self.next() => connection,
            };
            let (peer, leave) = (Arc::clone(&connection.peer), stopping.child_token());
            // Whoever serves it waits for more until told that it is over.
            connection.over = Some(leave.clone().drop_guard());
            let served = serve(connection, leave.clone().cancelled_owned());
            open.spawn(until_it_leaves(peer, leave, served));
        }
        // What still wants to connect is refused by the system.
        drop(self);
        while open.join_next().await.is_some() {}
    }

    /// The next connection for which there is room.
    async fn next(&mut self) -> Connection {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    if let Some(connection) = self.admit(stream) {
                        return connection;
                    }
                }
                // A peer that left again before it was accepted.
                Err(error) if concerns_one_peer(&error) => {}
                Err(error) => {
                    if self.failing.now() {
                        warn!(%error, "cannot accept connections");
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// A connection of the stream; none when there are as many as may be.
    fn admit(&mut self, stream: TcpStream) -> Option<Connection> {
        let open = self.lifecycle.connections.len();
        let spare = (self.max_connections / SPARE).max(1);
        if open + spare >= self.max_connections && self.peers.make_room() {
            self.metrics.connection_gave_way();
            if self.crowded.now() {
                let connections = self.max_connections;
                info!(connections, "nearly as many connections as may be; those of no use make room");
            }
        }
        if open >= self.max_connections {
            self.metrics.connection_refused();
            // Closing it tells the peer at once, which not accepting would not.
            if self.full.now() {
                warn!(connections = self.max_connections, "too many connections; more are closed");
            }
            return None;
        }
        let acceptor = self.tls.as_ref().map(|tls| tls.acceptor());
        let peer = Peer::new(self.share);
        let enlisted = self.peers.enlist(&peer);
        let counted = (self.lifecycle.connections.token(), self.metrics.connection(), enlisted);
        let times = (self.handshake_timeout, self.patience);
        Some(Connection::new(stream, acceptor.as_ref(), peer, times, &self.lifecycle, counted))
    }
}

/// Serves a connection. Its peer may be asked to leave before, and is cut when it
/// does not: at the end of the server if no call is under way, since who is gone
/// without a word would hold it up; before, if none is worked on, which may have
/// been on its way.
async fn until_it_leaves(peer: Arc<Peer>, leave: CancellationToken, served: impl Future<Output = ()>) {
    let mut served = pin!(served);
    tokio::select! {
        () = &mut served => return,
        () = peer.asked_to_leave() => leave.cancel(),
        () = leave.cancelled() => {}
    }
    while timeout(GOODBYE, &mut served).await.is_err() {
        let is_idle = peer.is_leaving() && peer.unused().is_some();
        if is_idle || peer.calls().is_empty() {
            peer.cut();
        }
    }
}

fn concerns_one_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

/// A connection that the server can close.
///
/// A peer that does not get through the handshake in time is cut. Whether one
/// that did is still there is asked by HTTP/2's own pings. An HTTP/2 connection
/// on which no byte was ever read does not notice that it should shut down, and
/// one that waits for its peer may wait for ever.
pub(super) struct Connection {
    wire: Wire,
    peer: Arc<Peer>,
    bell: Arc<Bell>,
    /// Of the bell.
    waker: Waker,
    patience: Duration,
    /// How many bytes the peer has sent, up to [`HELLO_BYTES`], without those
    /// of TLS.
    heard: usize,
    /// When a peer that has not said hello by then is cut.
    handshake: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Says so when it is over.
    over: Option<DropGuard>,
    _counted: (TaskTrackerToken, Token, Enlisted),
}

impl Connection {
    fn new(
        stream: TcpStream,
        acceptor: Option<&TlsAcceptor>,
        peer: Arc<Peer>,
        (handshake_timeout, patience): (Duration, Duration),
        lifecycle: &Lifecycle,
        counted: (TaskTrackerToken, Token, Enlisted),
    ) -> Self {
        // Answers are small and waited for. Without the option they are late,
        // not wrong, so a failure to set it is no reason to refuse the peer.
        let _ = stream.set_nodelay(true);
        let bell = Bell::new(&peer);
        Self {
            waker: Waker::from(Arc::clone(&bell)),
            bell,
            peer,
            patience,
            wire: Wire::new(stream, acceptor),
            heard: 0,
            handshake: Box::pin(sleep(handshake_timeout)),
            stopping: Box::pin(lifecycle.stopping.clone().cancelled_owned()),
            cut: Box::pin(lifecycle.cut.clone().cancelled_owned()),
            over: None,
            _counted: counted,
        }
    }

    /// An error once the connection has been cut.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Err(io::Error::new(ErrorKind::ConnectionAborted, "the server has shut down"));
        }
        if self.peer.is_cut() {
            debug!("a peer was cut to make room");
            return Err(io::Error::new(ErrorKind::ConnectionAborted, "there is no room for the peer"));
        }
        if self.heard < HELLO_BYTES && self.handshake.as_mut().poll(cx).is_ready() {
            debug!("a peer did not get through the handshake in time");
            return Err(io::Error::new(ErrorKind::TimedOut, "the peer did not say hello in time"));
        }
        // Looked at whenever anything moves, HTTP/2's pings included; a peer that
        // does not answer these is cut for that.
        if self.peer.is_stuck(self.patience) {
            debug!("a peer left its answers unread for too long");
            return Err(io::Error::new(ErrorKind::TimedOut, "the peer does not read its answers"));
        }
        Ok(())
    }

    /// Whether the peer never spoke and need not be waited for.
    fn is_idle(&mut self, cx: &mut Context<'_>) -> bool {
        self.heard == 0 && self.stopping.as_mut().poll(cx).is_ready()
    }

    /// The same for what is written: before the TLS handshake is over, that
    /// waits for the peer as well.
    fn or_idle<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() && self.is_idle(cx) {
            return Poll::Ready(Err(io::Error::new(ErrorKind::ConnectionAborted, "the server shuts down")));
        }
        written
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
        let rung = self.peer.listen();
        self.bell.wakes(cx.waker());
        let Self { wire, waker, .. } = &mut *self;
        let read = Pin::new(wire).poll_read(&mut Context::from_waker(waker), buf);
        let bytes = buf.filled().len() - before;
        self.heard = HELLO_BYTES.min(self.heard + bytes);
        if bytes > 0 {
            self.peer.hear(rung, buf.remaining() > 0);
        }
        if read.is_pending() && self.is_idle(cx) {
            // Nothing read: the end of the connection.
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let written = Pin::new(&mut self.wire).poll_write(cx, buf);
        self.or_idle(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let written = Pin::new(&mut self.wire).poll_write_vectored(cx, bufs);
        self.or_idle(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let flushed = Pin::new(&mut self.wire).poll_flush(cx);
        self.or_idle(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

impl Connected for Connection {
    type ConnectInfo = Arc<Peer>;

    fn connect_info(&self) -> Arc<Peer> {
        Arc::clone(&self.peer)
    }
}
