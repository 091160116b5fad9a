//! A response as it is sent: piece by piece, with what its call holds.

use super::claim::Claim;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;

/// The transport takes a piece of an answer whole when the peer has room for a
/// byte of it, and only then asks for the next: the longest such piece.
const PIECE_BYTES: usize = 16 * 1024;

/// The body of a response, with what its call holds.
pub(super) struct Held<P> {
    body: Body,
    /// What of a frame was not yet asked for.
    rest: Bytes,
    claim: Claim,
    _held: P,
}

impl<P> Held<P> {
    /// The peer is owed the head already.
    pub fn new(body: Body, claim: Claim, held: P) -> Held<P> {
        claim.wait().owe();
        Held { body, rest: Bytes::new(), claim, _held: held }
    }
}

impl<P: Unpin> HttpBody for Held<P> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // More is asked for only when the peer has room for it.
        self.claim.wait().settle();
        let mut frame = match self.rest.is_empty() {
            true => Pin::new(&mut self.body).poll_frame(cx),
            false => Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.rest))))),
        };
        if let Poll::Ready(Some(Ok(frame))) = &mut frame
            && let Some(data) = frame.data_mut()
            && data.len() > PIECE_BYTES
        {
            self.rest = data.split_off(PIECE_BYTES);
        }
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            self.claim.wait().owe();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() { self.body.size_hint() } else { SizeHint::default() }
    }
}
