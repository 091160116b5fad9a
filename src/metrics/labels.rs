//! The labels of the metrics.

use prometheus_client::encoding::EncodeLabelSet;
use std::sync::Arc;

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($label:ident: $type:ty),* })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(super) struct $name { $(pub $label: $type),* }
    )* };
}

labels! {
    /// Empty values are labels that a call does not have.
    RequestLabels { rpc: Arc<str>, site: Arc<str>, action: &'static str, code: &'static str }
    RpcLabel { rpc: Arc<str> }
    SiteLabels { site: Arc<str>, action: &'static str }
    ShadowLabels { site: Arc<str>, action: &'static str, shadow_action: &'static str }
    PolicyLabels { site: Arc<str>, version: String }
    ModelLabels { version: String, feature_space: String }
    BuildLabels { version: &'static str }
    ReasonLabel { reason: &'static str }
    PhaseLabel { phase: &'static str }
    AttributeLabel { attribute: &'static str }
    LanguageLabel { language: &'static str }
    OutcomeLabel { outcome: &'static str }
    ReloadLabels { what: &'static str, outcome: &'static str }
    /// `of` is an attribute or `language`.
    DriftLabels { of: &'static str, day: &'static str }
    DayLabel { day: &'static str }
    WhatLabel { what: &'static str }
}

/// What is taken anew while a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloading {
    /// The policy file and the files of its lists.
    Policy,
    /// The same of the candidate policy in the shadow.
    CandidatePolicy,
    /// The file of API keys.
    Keys,
    /// The server's certificate, its key and the authorities.
    Certificate,
    /// A model file.
    Model,
}

impl Reloading {
    /// All of it.
    pub const ALL: [Reloading; 5] = [
        Reloading::Policy,
        Reloading::CandidatePolicy,
        Reloading::Keys,
        Reloading::Certificate,
        Reloading::Model,
    ];

    /// The name in labels.
    pub const fn name(self) -> &'static str {
        match self {
            Reloading::Policy => "policy",
            Reloading::CandidatePolicy => "candidate_policy",
            Reloading::Keys => "keys",
            Reloading::Certificate => "certificate",
            Reloading::Model => "model",
        }
    }
}
