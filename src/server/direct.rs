//! The way from message to message without a connection.

use super::auth::Caller;
use super::entries::{self, Message};
use super::gate::Arrival;
use super::judge::{Judge, ThreadMemo};
use super::status::Refusal;
use super::{Options, pb};
use crate::metrics::Metrics;
use crate::policy::PolicyStore;
use crate::registry::ModelStore;
use crate::signals::key::HashKey;
use crate::state::State;
use std::sync::Arc;
use tonic::Status;

/// Answers requests as a server would, without a connection, keys, and limits
/// on calls: for whoever tests, fuzzes or measures that part of the way.
#[derive(Debug)]
pub struct Direct {
    judge: Judge,
    caller: Caller,
}

impl Direct {
    /// What answers as a server with these models, policies and limits of
    /// requests would.
    pub fn new(models: ModelStore, policies: PolicyStore, options: Options) -> Direct {
        let state = Arc::new(State::new(HashKey::random(), options.state_bytes));
        let (models, policies, metrics) = (Arc::new(models), Arc::new(policies), Arc::new(Metrics::new()));
        let judge = Judge::new(models, policies, None, Arc::new(options), metrics, state, None, None);
        Direct { judge, caller: Caller::anyone(None) }
    }

    /// The answer to `ModerateComment`.
    ///
    /// # Errors
    /// What a caller would be told: every violation of the request, or that
    /// something of ours is missing or broken.
    pub fn moderate_comment(
        &self,
        request: &pb::ModerateCommentRequest,
    ) -> Result<pb::ModerateCommentResponse, Status> {
        let snapshot = self.judge.snapshot();
        let memo = &mut ThreadMemo::default();
        Ok(self.judge.judge(&self.caller, request, &Arrival::now(), &snapshot, memo, None)?)
    }

    /// Whether the bytes of a batch are decoded.
    ///
    /// # Errors
    /// What a caller would be told: the first list that is too long.
    pub fn check_batch(&self, bytes: &[u8]) -> Result<(), Status> {
        let checked = entries::check(Message::Batch, bytes, self.judge.options());
        Ok(checked.map_err(|violation| Refusal::Invalid(vec![violation]))?)
    }
}
