//! The service `ModerationService`.

use super::auth::Auth;
use super::gate::{Arrival, arrival, caller};
use super::judge::{Judge, TURN_BYTES, ThreadMemo};
use super::limits::Worked;
use super::shutdown::Lifecycle;
use super::status::Refusal;
use super::stream::Answers;
use super::{convert, pb};
use crate::metrics::Judged;
use pb::moderate_comment_answer::Outcome;
use prost::Message;
use std::slice::from_ref;
use std::sync::Arc;
use tonic::{Request, Response, Status, Streaming};
use tracing::Span;

/// The store is asked about so many comments of a batch at once, at most.
const TURN_COMMENTS: usize = 128;

/// Judges comments one by one, in batches and in streams.
#[derive(Debug)]
pub(super) struct Moderation {
    judge: Judge,
    auth: Arc<Auth>,
    lifecycle: Lifecycle,
}

impl Moderation {
    pub fn new(judge: Judge, auth: Arc<Auth>, lifecycle: Lifecycle) -> Self {
        Self { judge, auth, lifecycle }
    }
}

#[tonic::async_trait]
impl pb::moderation_service_server::ModerationService for Moderation {
    async fn moderate_comment(
        &self,
        mut request: Request<pb::ModerateCommentRequest>,
    ) -> Result<Response<pb::ModerateCommentResponse>, Status> {
        let _call = self.lifecycle.enter().map_err(|refusal| self.judge.refuse(refusal))?;
        let caller = caller(&request)?;
        caller.take(1).map_err(|wait| self.judge.refuse(Refusal::TooFast(wait)))?;
        let arrival = arrival(&mut request);
        let request = request.into_inner();
        let (snapshot, mut memo) = (self.judge.snapshot(), ThreadMemo::default());
        let elsewhere = self.judge.elsewhere(&caller, from_ref(&request), &snapshot, &mut memo).await;
        let response =
            self.judge.judge(&caller, &request, &arrival, &snapshot, &mut memo, elsewhere.first())?;
        // Only now is the name known to be fit for a log.
        if !request.site.is_empty() {
            Span::current().record("site", request.site.as_str());
        }
        let site = self.judge.metrics().site(&request.site);
        let judged = Judged { site, action: action_name(response.action()) };
        let mut response = Response::new(response);
        response.extensions_mut().insert(judged);
        response.extensions_mut().insert(Worked);
        Ok(response)
    }

    async fn batch_moderate_comments(
        &self,
        mut request: Request<pb::BatchModerateCommentsRequest>,
    ) -> Result<Response<pb::BatchModerateCommentsResponse>, Status> {
        let _call = self.lifecycle.enter().map_err(|refusal| self.judge.refuse(refusal))?;
        let caller = caller(&request)?;
        // The phases of a thousand comments would tell nobody anything.
        let arrival = Arrival { trace: None, ..arrival(&mut request) };
        let batch = request.into_inner();
        convert::check_batch(&batch, batch.encoded_len(), self.judge.options())
            .map_err(|violations| self.judge.refuse(Refusal::Invalid(violations)))?;
        caller.take(batch.requests.len()).map_err(|wait| self.judge.refuse(Refusal::TooFast(wait)))?;
        let (snapshot, mut memo) = (self.judge.snapshot(), ThreadMemo::default());
        let mut answers = Vec::with_capacity(batch.requests.len());
        let mut rest = &batch.requests[..];
        while !rest.is_empty() {
            if !answers.is_empty() {
                tokio::task::yield_now().await;
            }
            let (turn, later) = rest.split_at(turn(rest));
            rest = later;
            let elsewhere = self.judge.elsewhere(&caller, turn, &snapshot, &mut memo).await;
            for (i, request) in turn.iter().enumerate() {
                let elsewhere = elsewhere.get(i);
                let judged = self.judge.judge(&caller, request, &arrival, &snapshot, &mut memo, elsewhere);
                answers.push(judged.into());
            }
        }
        let mut response = Response::new(pb::BatchModerateCommentsResponse { answers });
        response.extensions_mut().insert(Worked);
        Ok(response)
    }

    type StreamModerateCommentsStream = Answers;

    async fn stream_moderate_comments(
        &self,
        request: Request<Streaming<pb::StreamModerateCommentsRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let call = self.lifecycle.enter().map_err(|refusal| self.judge.refuse(refusal))?;
        let caller = caller(&request)?;
        let (judge, auth) = (self.judge.clone(), Arc::clone(&self.auth));
        Ok(Response::new(Answers::new(request.into_inner(), judge, auth, caller, call)))
    }
}

/// How many of some requests are judged before others have a turn.
fn turn(requests: &[pb::ModerateCommentRequest]) -> usize {
    let mut bytes = 0;
    let is_over = |request: &pb::ModerateCommentRequest| {
        bytes += convert::text_bytes(request);
        bytes >= TURN_BYTES
    };
    let last = requests.iter().take(TURN_COMMENTS).position(is_over);
    last.map_or(requests.len().min(TURN_COMMENTS), |last| last + 1)
}

/// The name of an action as everything but the API has it.
fn action_name(action: pb::Action) -> &'static str {
    action.as_str_name().trim_start_matches("ACTION_")
}

impl From<Result<pb::ModerateCommentResponse, Refusal>> for pb::ModerateCommentAnswer {
    fn from(outcome: Result<pb::ModerateCommentResponse, Refusal>) -> Self {
        let outcome = match outcome {
            Ok(response) => Outcome::Response(response),
            Err(refusal) => Outcome::Error(refusal.into()),
        };
        Self { outcome: Some(outcome) }
    }
}
