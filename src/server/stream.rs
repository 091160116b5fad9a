//! The answers of one `StreamModerateComments` call.

use super::auth::{Auth, Caller};
use super::gate::Arrival;
use super::judge::{Asking, Judge, Snapshot, TURN_BYTES, ThreadMemo};
use super::shutdown::Call;
use super::status::{self, Refusal};
use super::{convert, pb};
use crate::keys::Role;
use crate::signals::past::Past;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::time::{Instant, Sleep, sleep};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

/// Reads a request when an answer is asked for, and not before: HTTP/2 asks
/// only while the caller takes the answers, so that at most one request waits
/// here and the caller's own sending is slowed down by flow control. A caller
/// over its rate is slowed down in the same way, not refused. Whether the caller
/// may still have comments judged is looked at for each.
pub(super) struct Answers {
    requests: Streaming<pb::StreamModerateCommentsRequest>,
    judge: Judge,
    auth: Arc<Auth>,
    caller: Arc<Caller>,
    memo: ThreadMemo,
    call: Call,
    /// The bytes judged since others last had a turn.
    turn: usize,
    ended: bool,
    /// When the stream ends if no request comes in; of use while `is_silent`.
    silence: Pin<Box<Sleep>>,
    /// Whether a request is waited for.
    is_silent: bool,
    /// A request that was not yet counted against the caller's rate.
    next: Option<pb::StreamModerateCommentsRequest>,
    /// Until when it is not.
    pause: Option<Pin<Box<Sleep>>>,
    /// A request that was counted and waits for what the store says of it.
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
        auth: Arc<Auth>,
        caller: Arc<Caller>,
        call: Call,
    ) -> Self {
        Self {
            requests,
            silence: Box::pin(sleep(judge.options().stream_idle_timeout)),
            judge,
            auth,
            caller,
            memo: ThreadMemo::default(),
            call,
            turn: 0,
            ended: false,
            is_silent: false,
            next: None,
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

    /// Waits for the next request, until there was none for too long.
    fn poll_next_request(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(), Status>>> {
        if self.next.is_some() {
            return Poll::Ready(Some(Ok(())));
        }
        let Poll::Ready(next) = Pin::new(&mut self.requests).poll_next(cx) else {
            let limit = self.judge.options().stream_idle_timeout;
            if !std::mem::replace(&mut self.is_silent, true) {
                self.silence.as_mut().reset(Instant::now() + limit);
            }
            ready!(self.silence.as_mut().poll(cx));
            return Poll::Ready(Some(Err(self.judge.refuse(Refusal::Idle(limit)).into())));
        };
        self.is_silent = false;
        // What follows a message that cannot be read cannot be found.
        Poll::Ready(next.map(|next| match next {
            Ok(next) => {
                self.next = Some(next);
                Ok(())
            }
            Err(status) => Err(match status::undecodable(&status) {
                Some(refusal) => self.judge.refuse(refusal).into(),
                None => status,
            }),
        }))
    }

    /// Waits until the caller may have one more comment judged, or may have none.
    fn poll_admission(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            match self.auth.check_again(&self.caller, Role::Moderate) {
                Ok(caller) => self.caller = caller,
                Err(refusal) => return Poll::Ready(Err(self.judge.refuse(refusal).into())),
            }
            match self.caller.take(1) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(wait) => self.pause = Some(Box::pin(sleep(wait))),
            }
        }
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
        if this.read.is_none() {
            let next = match ready!(this.poll_next_request(cx)) {
                Some(Ok(())) => Some(ready!(this.poll_admission(cx))),
                other => other,
            };
            if !matches!(next, Some(Ok(()))) {
                this.ended = true;
                return Poll::Ready(next.and_then(Result::err).map(Err));
            }
            this.read = this.next.take().map(|message| this.read(message));
        }
        let elsewhere = match this.read.as_mut().and_then(|read| read.asking.as_mut()) {
            Some(asking) => ready!(asking.as_mut().poll(cx)),
            None => Vec::new(),
        };
        Poll::Ready(this.read.take().map(|read| Ok(this.answer(read, &elsewhere))))
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("ended", &self.ended).finish_non_exhaustive()
    }
}
