//! A minimal tonic server to hold Thresher against: it takes the same requests
//! on the same path and answers with as many bytes, without looking at either.
//! It can also judge, so that ways to run a server can be compared without the
//! rest of Thresher around them.

use super::comments::{Moderate, assess};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use prost::Message;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use thresher::server::pb;
use tokio::net::{TcpListener, TcpSocket};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::{BoxFuture, Service};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// The echo server.
#[derive(Args, Clone, Debug)]
pub struct Echo {
    /// The length of an answer, in bytes.
    #[arg(long, default_value_t = 400)]
    answer_bytes: usize,
    /// What is done with a comment before it is answered.
    #[arg(long, default_value = "nothing")]
    work: Work,
    /// A runtime of its own for each processor, all on one port (SO_REUSEPORT).
    #[arg(long)]
    per_core: bool,
    /// The windows of HTTP/2 for a stream and for a connection, in KiB.
    #[arg(long)]
    window_kib: Option<u32>,
    /// Let HTTP/2 find its windows by itself.
    #[arg(long)]
    adaptive_window: bool,
    /// Compress answers.
    #[arg(long)]
    gzip: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Work {
    /// Nothing at all.
    Nothing,
    /// Judged where the call runs.
    Inline,
    /// Judged in the pool for blocking work.
    Pooled,
}

impl Echo {
    pub fn run(self) -> Result<()> {
        let state = Arc::new(State { moderate: Moderate::new()?, echo: self });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        if !state.echo.per_core {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            return runtime.block_on(async {
                let listener = TcpListener::bind(address).await?;
                println!("listening on {}", listener.local_addr()?);
                serve(listener, state).await
            });
        }
        let first = shared(address)?;
        let address = first.local_addr()?;
        let cores = std::thread::available_parallelism()?.get();
        let more = (1..cores).map(|_| shared(address)).collect::<Result<Vec<_>>>()?;
        println!("listening on {address}");
        let threads: Vec<_> = std::iter::once(first)
            .chain(more)
            .map(|socket| {
                let state = Arc::clone(&state);
                std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    runtime.block_on(async { serve(socket.listen(1024)?, state).await })
                })
            })
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(ended) => ended?,
                Err(_) => bail!("a server panicked"),
            }
        }
        Ok(())
    }
}

/// A socket on an address that others may have as well.
fn shared(address: SocketAddr) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn serve(listener: TcpListener, state: Arc<State>) -> Result<()> {
    let incoming =
        TcpListenerStream::new(listener).map(|stream| stream.inspect(|s| drop(s.set_nodelay(true))));
    let window = state.echo.window_kib.map(|kib| kib * 1024);
    let server = Server::builder()
        .initial_stream_window_size(window)
        .initial_connection_window_size(window)
        .http2_adaptive_window(state.echo.adaptive_window.then_some(true))
        .add_service(Answering(state));
    Ok(server.serve_with_incoming(incoming).await?)
}

struct State {
    moderate: Moderate,
    echo: Echo,
}

/// As many bytes as a message has, under the number of its largest field.
#[derive(Clone, PartialEq, Message)]
pub struct Blob {
    #[prost(bytes = "vec", tag = "2")]
    payload: Vec<u8>,
}

#[derive(Clone)]
struct Answering(Arc<State>);

impl NamedService for Answering {
    const NAME: &'static str = "thresher.v1.ModerationService";
}

impl Service<http::Request<Body>> for Answering {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let state = Arc::clone(&self.0);
        Box::pin(async move {
            let mut grpc = Grpc::new(ProstCodec::<Blob, Blob>::default());
            if state.echo.gzip {
                grpc = grpc
                    .accept_compressed(CompressionEncoding::Gzip)
                    .send_compressed(CompressionEncoding::Gzip);
            }
            Ok(match state.echo.work {
                Work::Nothing => grpc.unary(Repeat(state), request).await,
                Work::Inline | Work::Pooled => grpc.unary(Judge(state), request).await,
            })
        })
    }
}

fn answer(state: &State) -> Response<Blob> {
    Response::new(Blob { payload: vec![b'x'; state.echo.answer_bytes.saturating_sub(3)] })
}

struct Repeat(Arc<State>);

impl UnaryService<Blob> for Repeat {
    type Response = Blob;
    type Future = Ready<Result<Response<Blob>, Status>>;

    fn call(&mut self, _: Request<Blob>) -> Self::Future {
        ready(Ok(answer(&self.0)))
    }
}

struct Judge(Arc<State>);

impl UnaryService<Blob> for Judge {
    type Response = Blob;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Blob>, Status>> + Send>>;

    fn call(&mut self, request: Request<Blob>) -> Self::Future {
        let state = Arc::clone(&self.0);
        Box::pin(async move {
            let comment = pb::Comment::decode(request.into_inner().payload.as_slice());
            let comment = comment.map_err(|_| Status::invalid_argument("no comment"))?;
            let work = state.echo.work;
            let judge = move || {
                assess(&state.moderate, &comment.text);
                answer(&state)
            };
            if work == Work::Inline {
                return Ok(judge());
            }
            tokio::task::spawn_blocking(judge).await.map_err(|_| Status::internal("the pool failed"))
        })
    }
}
