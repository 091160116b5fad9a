//! A gRPC client that does as little as it can, so that the load costs little
//! beside the server: one HTTP/2 connection, messages encoded beforehand,
//! answers counted and only looked at when asked for.

use anyhow::{Context, Result, anyhow};
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use prost::bytes::{Bytes, BytesMut};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// The head of a gRPC message: a flag for compression and the length, in bytes.
const FRAME_HEAD: usize = 5;
/// Nothing waits for windows that the client could have opened.
const WINDOW: u32 = 4 << 20;

/// One connection to a server.
#[derive(Clone)]
pub struct Peer {
    send: SendRequest<Bytes>,
    address: SocketAddr,
}

/// What came back from a call.
#[derive(Debug)]
pub struct Answer {
    /// The messages, with their heads.
    pub body: Bytes,
    /// The head or the trailers, whichever holds the status.
    pub status: HeaderMap,
}

impl Answer {
    /// The number of the status; 2 (UNKNOWN) without one.
    pub fn code(&self) -> u32 {
        let code = self.status.get("grpc-status").and_then(|code| code.to_str().ok());
        code.and_then(|code| code.parse().ok()).unwrap_or(2)
    }

    /// The message of an answer that has one.
    pub fn message(&self) -> Bytes {
        self.body.slice(FRAME_HEAD.min(self.body.len())..)
    }
}

/// A message with its head, as it goes over the wire.
pub fn framed(message: &impl prost::Message) -> Result<Bytes> {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(FRAME_HEAD + length);
    bytes.extend_from_slice(&[0]);
    bytes.extend_from_slice(&u32::try_from(length)?.to_be_bytes());
    message.encode(&mut bytes)?;
    Ok(bytes.freeze())
}

impl Peer {
    pub async fn connect(address: SocketAddr) -> Result<Peer> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot reach {address}"))?;
        stream.set_nodelay(true)?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(4 * WINDOW);
        let (send, connection) = builder.handshake(stream).await?;
        // Ends with the server or with the last handle; each call tells.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Peer { send, address })
    }

    /// Begins a call of an RPC; `headers` are added to those of gRPC.
    async fn open(
        &self,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<(h2::client::ResponseFuture, SendStream<Bytes>)> {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .body(())?;
        request.headers_mut().extend(headers.clone());
        let mut send = self.send.clone().ready().await?;
        Ok(send.send_request(request, false)?)
    }

    /// A unary call with a message that has its head.
    pub async fn call(&self, path: &str, headers: &HeaderMap, message: Bytes) -> Result<Answer> {
        let (response, mut body) = self.open(path, headers).await?;
        // A server that refuses has no need of the message.
        let _ = body.send_data(message, true);
        let (head, mut body) = response.await?.into_parts();
        if head.headers.contains_key("grpc-status") {
            return Ok(Answer { body: Bytes::new(), status: head.headers });
        }
        let mut whole = BytesMut::new();
        while let Some(bytes) = read(&mut body).await? {
            whole.extend_from_slice(&bytes);
        }
        let status = body.trailers().await?.unwrap_or_default();
        Ok(Answer { body: whole.freeze(), status })
    }

    /// A streaming call that sends one of the messages for each answer, and
    /// `ahead` of them at first. Gives every answer to `take`, which says
    /// whether to go on, after a pause for each piece that comes in.
    pub async fn stream(
        &self,
        path: &str,
        mut messages: impl Iterator<Item = Bytes>,
        ahead: usize,
        pause: Duration,
        mut take: impl FnMut(Bytes) -> bool,
    ) -> Result<()> {
        let (response, mut send) = self.open(path, &HeaderMap::new()).await?;
        for message in messages.by_ref().take(ahead) {
            send.send_data(message, false)?;
        }
        let (_, mut body) = response.await?.into_parts();
        let (mut unread, mut open, mut left) = (BytesMut::new(), true, ahead);
        while let Some(bytes) = read(&mut body).await? {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            unread.extend_from_slice(&bytes);
            let mut next = BytesMut::new();
            while let Some(answer) = split(&mut unread) {
                left -= 1;
                open &= take(answer);
                if open && let Some(message) = messages.next() {
                    next.extend_from_slice(&message);
                    left += 1;
                }
            }
            if !next.is_empty() {
                send.send_data(next.freeze(), false)?;
            }
            if left == 0 {
                send.send_data(Bytes::new(), true)?;
            }
        }
        let status = body.trailers().await?.ok_or_else(|| anyhow!("the stream ended without a status"))?;
        let answer = Answer { body: Bytes::new(), status };
        if answer.code() == 0 {
            Ok(())
        } else {
            Err(anyhow!("the stream ended with status {}", answer.code()))
        }
    }
}

/// The next piece of a body; none at its end.
async fn read(body: &mut RecvStream) -> Result<Option<Bytes>> {
    let Some(bytes) = poll_fn(|cx| body.poll_data(cx)).await.transpose()? else { return Ok(None) };
    body.flow_control().release_capacity(bytes.len())?;
    Ok(Some(bytes))
}

/// Takes a whole message, without its head, off the front.
fn split(unread: &mut BytesMut) -> Option<Bytes> {
    let length = u32::from_be_bytes(unread.get(1..FRAME_HEAD)?.try_into().ok()?) as usize;
    if unread.len() < FRAME_HEAD + length {
        return None;
    }
    let mut message = unread.split_to(FRAME_HEAD + length);
    Some(message.split_off(FRAME_HEAD).freeze())
}
