//! What comes in for a call before it is decoded: its messages, one by one and
//! unpacked, within the bytes that there may be at a time, and with no more
//! entries than are worth decoding.
//!
//! A message of a few kilobytes can unpack to megabytes, and these can decode to
//! hundreds of them, so both are looked at here. What cannot be read is passed on
//! as it is: the transport says what is wrong with it.

use super::Options;
use super::budget::{Budget, Charge};
use super::claim::{Claim, Wait};
use super::entries::{self, Message};
use super::peer::Peer;
use super::status::{Refusal, Violation};
use crate::metrics::Metrics;
use bytes::BytesMut;
use flate2::read::GzDecoder;
use http::header::HeaderMap;
use http::{HeaderValue, Request};
use http_body::{Body as HttpBody, Frame};
use std::io::{ErrorKind, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

/// The bytes before each message: whether it is packed, and its length.
const HEAD_BYTES: usize = 5;

/// What the calls of a service share.
#[derive(Debug)]
pub(super) struct Intake {
    options: Arc<Options>,
    budget: Arc<Budget>,
    metrics: Arc<Metrics>,
}

impl Intake {
    pub fn new(options: Arc<Options>, metrics: Arc<Metrics>) -> Arc<Intake> {
        let budget = Budget::new(options.max_pending_bytes);
        Arc::new(Intake { options, budget, metrics })
    }

    /// Puts itself before the messages of a call. What these take is the call's
    /// until the charge is dropped. While they do not come in, the call may have
    /// to give up what it claims.
    pub fn guard(self: &Arc<Self>, request: &mut Request<Body>, peer: &Peer, claim: &Claim) -> Arc<Charge> {
        let charge = Charge::new([&self.budget, &peer.bytes].map(Arc::clone));
        let gzip = HeaderValue::from_static("gzip");
        let messages = Messages {
            body: std::mem::take(request.body_mut()),
            kind: Message::of(request.uri().path()),
            is_packed: request.headers().get("grpc-encoding") == Some(&gzip),
            come: BytesMut::new(),
            ended: false,
            trailers: None,
            passing: false,
            charge: Arc::clone(&charge),
            wait: Arc::clone(claim.wait()),
            intake: Arc::clone(self),
        };
        *request.body_mut() = Body::new(messages);
        charge
    }
}

/// The body of a request.
struct Messages {
    body: Body,
    kind: Message,
    is_packed: bool,
    /// What has come in and was not passed on.
    come: BytesMut,
    ended: bool,
    trailers: Option<HeaderMap>,
    /// Whether all else is passed on as it comes, since it cannot be read.
    passing: bool,
    charge: Arc<Charge>,
    wait: Arc<Wait>,
    intake: Arc<Intake>,
}

impl Messages {
    /// The next message, if it has come in. Of a call that has one, it is taken
    /// when the caller has said that there are no more, so that it is not kept
    /// unpacked for one who never does.
    fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let Some(&[packed, length @ ..]) = self.come.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(length) as usize;
        let limit = self.intake.options.decode_limit();
        if length > limit || packed > u8::from(self.is_packed) {
            self.passing = true;
            return Ok(None);
        }
        let end = HEAD_BYTES + length;
        if self.come.len() < end {
            return Ok(None);
        }
        if self.kind != Message::Streamed {
            if self.come.len() > end {
                let description = "must be the only one of its call".into();
                return Err(Refusal::Invalid(vec![Violation { field: "request".into(), description }]));
            }
            if !self.ended {
                return Ok(None);
            }
        }
        let mut message = self.come.split_to(end).freeze();
        if packed != 0
            && let Some(unpacked) = self.unpack(&message[HEAD_BYTES..], limit)?
        {
            message = unpacked.into();
        }
        if message[0] == 0 {
            let (options, message) = (&self.intake.options, &message[HEAD_BYTES..]);
            entries::check(self.kind, message, options).map_err(|one| Refusal::Invalid(vec![one]))?;
        }
        Ok(Some(message))
    }

    /// The message with its head; none when it is longer than it may be or broken.
    fn unpack(&self, packed: &[u8], limit: usize) -> Result<Option<Vec<u8>>, Refusal> {
        let step = (4 * packed.len()).clamp(512, 32_768);
        let (mut unpacked, mut gzip) = (vec![0; HEAD_BYTES], GzDecoder::new(packed));
        loop {
            let before = unpacked.len();
            unpacked.resize(before + step, 0);
            let bytes = match gzip.read(&mut unpacked[before..]) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                Err(_) => return Ok(None),
            };
            unpacked.truncate(before + bytes);
            if bytes == 0 {
                break;
            }
            if unpacked.len() - HEAD_BYTES > limit {
                return Ok(None);
            }
            self.charge.raise(self.come.len() + packed.len() + unpacked.len())?;
        }
        let length = u32::try_from(unpacked.len() - HEAD_BYTES).map_err(|_| Refusal::Bug)?;
        unpacked[1..HEAD_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(Some(unpacked))
    }

    /// Takes in a part of the body.
    fn take_in(&mut self, frame: Frame<Bytes>) -> Result<(), Refusal> {
        match frame.into_data() {
            Ok(data) => {
                self.charge.raise(self.come.len() + data.len())?;
                self.come.extend_from_slice(&data);
            }
            Err(frame) => {
                self.trailers = frame.into_trailers().ok();
                self.ended = true;
            }
        }
        Ok(())
    }

    /// Ends the body with that.
    fn refuse(&mut self, refusal: Refusal) -> Status {
        self.intake.metrics.refused(refusal.reason());
        (self.body, self.come) = Default::default();
        (self.ended, self.trailers) = (true, None);
        refusal.into()
    }
}

impl HttpBody for Messages {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            let next = if this.passing { Ok(None) } else { this.next() };
            match next {
                Ok(None) => {}
                Ok(Some(message)) => {
                    this.wait.came_in();
                    return Poll::Ready(Some(Ok(Frame::data(message))));
                }
                Err(refusal) => return Poll::Ready(Some(Err(this.refuse(refusal)))),
            }
            if (this.passing || this.ended) && !this.come.is_empty() {
                let rest = this.come.split().freeze();
                return Poll::Ready(Some(Ok(Frame::data(rest))));
            }
            if this.ended {
                return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                ready!(this.wait.poll_lost(cx));
                return Poll::Ready(Some(Err(this.refuse(Refusal::GaveWay))));
            };
            match frame {
                Some(Ok(frame)) if this.passing => return Poll::Ready(Some(Ok(frame))),
                Some(Ok(frame)) => {
                    if let Err(refusal) = this.take_in(frame) {
                        return Poll::Ready(Some(Err(this.refuse(refusal))));
                    }
                }
                Some(Err(status)) => return Poll::Ready(Some(Err(status))),
                None => this.ended = true,
            }
        }
    }
}
