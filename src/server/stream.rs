//! The answers of one `StreamModerateComments` call.

use super::auth::Caller;
use super::gate::Arrival;
use super::judge::{Asking, Judge, Snapshot, TURN_BYTES, ThreadMemo};
use super::shutdown::Call;
use super::status::Refusal;
use super::{convert, pb};
use crate::signals::past::Past;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::Sleep;
use tokio_stream::Stream;
use tonic::{Status, Streaming};

/// Reads a request when an answer is asked for, and not before: HTTP/2 asks
/// only while the caller takes the answers, so that at most one request waits
/// here and the caller's own sending is slowed down by flow control. A caller
/// over its rate is slowed down in the same way, not refused.
pub(super) struct Answers {
    requests: Streaming<pb::StreamModerateCommentsRequest>,
    judge: Judge,
    caller: Arc<Caller>,
    memo: ThreadMemo,
    call: Call,
    /// The bytes judged since others last had a turn.
    turn: usize,
    ended: bool,
    /// Whether the next request has been counted against the caller's rate.
    counted: bool,
    /// Until when the next request is not read.
    pause: Option<Pin<Box<Sleep>>>,
    /// A request that was read and waits for what the store says of it.
    read: Option<Read>,
}

/// A request, since when it is there, and under what it is judged.
struct Read {
    message: pb::StreamModerateCommentsRequest,
    arrival: Arrival,
    snapshot: Snapshot,
    asking: Option<Asking>,
}

impl Answers {
    pub fn new(
        requests: Streaming<pb::StreamModerateCommentsRequest>,
        judge: Judge,
        caller: Arc<Caller>,
        call: Call,
    ) -> Self {
        Self {
            requests,
            judge,
            caller,
            memo: ThreadMemo::default(),
            call,
            turn: 0,
            ended: false,
            counted: false,
            pause: None,
            read: None,
        }
    }

    /// Takes a request in, and asks the store about it.
    fn read(&mut self, message: pb::StreamModerateCommentsRequest) -> Read {
        let snapshot = self.judge.snapshot();
        let requests = message.request.as_slice();
        let asking = self.judge.ask_store(&self.caller, requests, &snapshot, &mut self.memo);
        // A comment of a stream comes in when it is read.
        Read { message, arrival: Arrival::now(), snapshot, asking }
    }

    fn answer(&mut self, read: Read, elsewhere: &[Past]) -> pb::StreamModerateCommentsResponse {
        let Read { message, arrival, snapshot, .. } = read;
        let pb::StreamModerateCommentsRequest { request_id, request } = message;
        let outcome = match (convert::check_request_id(&request_id), request) {
            (Err(violations), _) => Err(self.judge.refuse(Refusal::Invalid(violations))),
            (Ok(()), None) => Err(self.judge.refuse(Refusal::Invalid(convert::missing("request")))),
            (Ok(()), Some(request)) => {
                self.turn += convert::text_bytes(&request);
                let (judge, memo) = (&self.judge, &mut self.memo);
                judge.judge(&self.caller, &request, &arrival, &snapshot, memo, elsewhere.first())
            }
        };
        pb::StreamModerateCommentsResponse { request_id, answer: Some(outcome.into()) }
    }
}

impl Stream for Answers {
    type Item = Result<pb::StreamModerateCommentsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        if this.call.poll_ending(cx).is_ready() {
            this.ended = true;
            return Poll::Ready(Some(Err(this.judge.refuse(Refusal::ShuttingDown).into())));
        }
        if this.turn >= TURN_BYTES {
            this.turn = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while !this.counted {
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            match this.caller.take(1) {
                Ok(()) => this.counted = true,
                Err(wait) => this.pause = Some(Box::pin(tokio::time::sleep(wait))),
            }
        }
        if this.read.is_none() {
            match ready!(Pin::new(&mut this.requests).poll_next(cx)) {
                Some(Ok(message)) => this.read = Some(this.read(message)),
                // What follows a message that cannot be read cannot be found.
                Some(Err(status)) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(status)));
                }
                None => {
                    this.ended = true;
                    return Poll::Ready(None);
                }
            }
        }
        let elsewhere = match this.read.as_mut().and_then(|read| read.asking.as_mut()) {
            Some(asking) => ready!(asking.as_mut().poll(cx)),
            None => Vec::new(),
        };
        this.counted = false;
        Poll::Ready(this.read.take().map(|read| Ok(this.answer(read, &elsewhere))))
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("ended", &self.ended).finish_non_exhaustive()
    }
}
