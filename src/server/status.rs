//! From what went wrong to what the caller is told. The only file that names
//! gRPC status codes.

use super::pb;
use crate::registry::RegistryError;
use http::HeaderMap;
use std::sync::LazyLock;
use std::time::Duration;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

type Response = http::Response<Body>;

/// Who says so, in every ErrorInfo.
const DOMAIN: &str = "thresher";

/// The reason of the only trouble with models that is the caller's.
const MODEL_NOT_FOUND: &str = "MODEL_NOT_FOUND";

/// When to try again on overload. Calls take microseconds, so that what there
/// is too much of is over soon; the rest is for the caller's own backoff.
const OVERLOAD_RETRY_DELAY: Duration = Duration::from_secs(1);
/// The longest delay that is told.
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(3600);

/// Something wrong with one field of a request. Never holds a text of the
/// request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// The path of the field: `comment.text`, `attributes[1]`.
    pub field: String,
    /// What is wrong, and the limit: it reads on from the field's name.
    pub description: String,
}

/// Why a call, or one comment of several, gets no assessment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The request is not one that can be judged; at least one violation.
    Invalid(Vec<Violation>),
    /// The call carries no key, or none that is valid.
    NoKey,
    /// The key is for another role.
    OtherRole,
    /// The key is for another site.
    OtherSite,
    /// The caller is over its rate, and within it again after this.
    TooFast(Duration),
    /// As many calls are in flight as may be, or as much is in them.
    Overloaded,
    /// The call kept its place waiting for its caller when others wanted it.
    GaveWay,
    /// The request did not come in in time.
    TooSlow,
    /// Nothing came in on a stream for so long.
    Idle(Duration),
    /// No model could be used for the site since the start, and its policy says
    /// to refuse then.
    NoModel,
    /// The registry of models does not have what was asked for, or cannot do it
    /// as things are.
    Registry {
        /// What is wrong, for programs.
        reason: &'static str,
        /// What is wrong, for operators.
        message: String,
    },
    /// The site's deadline has passed, and its policy says to refuse then.
    Late,
    /// The request lacks what the site's policy needs; a sentence that says
    /// what.
    NoContext(String),
    /// The server takes no new work.
    ShuttingDown,
    /// The server failed. The caller learns no more than that.
    Bug,
}

impl Refusal {
    fn code(&self) -> Code {
        match self {
            Refusal::Invalid(_) => Code::InvalidArgument,
            Refusal::NoKey => Code::Unauthenticated,
            Refusal::OtherRole | Refusal::OtherSite => Code::PermissionDenied,
            Refusal::TooFast(_) | Refusal::Overloaded | Refusal::GaveWay => Code::ResourceExhausted,
            Refusal::TooSlow | Refusal::Idle(_) | Refusal::Late => Code::DeadlineExceeded,
            Refusal::NoModel | Refusal::ShuttingDown => Code::Unavailable,
            Refusal::Registry { reason: MODEL_NOT_FOUND, .. } => Code::NotFound,
            Refusal::Registry { .. } | Refusal::NoContext(_) => Code::FailedPrecondition,
            Refusal::Bug => Code::Internal,
        }
    }

    /// The name of the reason that callers' programs are told.
    pub fn reason(&self) -> &'static str {
        match self {
            Refusal::Invalid(_) => "INVALID_REQUEST",
            Refusal::NoKey => "KEY_REQUIRED",
            Refusal::OtherRole => "ROLE_NOT_ALLOWED",
            Refusal::OtherSite => "SITE_NOT_ALLOWED",
            Refusal::TooFast(_) => "RATE_LIMITED",
            Refusal::Overloaded => "OVERLOADED",
            Refusal::GaveWay => "GAVE_WAY",
            Refusal::TooSlow => "REQUEST_TOO_SLOW",
            Refusal::Idle(_) => "STREAM_IDLE",
            Refusal::NoModel => "NO_MODEL",
            Refusal::Registry { reason, .. } => reason,
            Refusal::Late => "DEADLINE_PASSED",
            Refusal::NoContext(_) => "CONTEXT_MISSING",
            Refusal::ShuttingDown => "SHUTTING_DOWN",
            Refusal::Bug => "INTERNAL",
        }
    }

    /// After what time another try may go better.
    fn retry_delay(&self) -> Option<Duration> {
        match self {
            Refusal::TooFast(wait) => Some((*wait).min(LONGEST_RETRY_DELAY)),
            Refusal::Overloaded | Refusal::GaveWay | Refusal::NoModel | Refusal::Late => {
                Some(OVERLOAD_RETRY_DELAY)
            }
            _ => None,
        }
    }

    fn message(&self) -> String {
        match self {
            Refusal::Invalid(violations) => summary(violations),
            Refusal::NoKey => "a valid API key is required, sent as `authorization: Bearer KEY`".into(),
            Refusal::OtherRole => "the API key is not for this service".into(),
            Refusal::OtherSite => "the API key is not for this site".into(),
            Refusal::TooFast(_) => "too many comments a second; try again a little later".into(),
            Refusal::Overloaded => {
                "too many calls, or too much in them, at a time; try again a little later".into()
            }
            Refusal::GaveWay => {
                "the call waited for its caller while others wanted its place; try again a little later"
                    .into()
            }
            Refusal::TooSlow => "the request did not come in in time".into(),
            Refusal::Idle(limit) => {
                format!("no comment came in on the stream for {} ms; open another", limit.as_millis())
            }
            Refusal::NoModel => "the server has no model for this site; its operator can find out why".into(),
            Refusal::Registry { message, .. } => message.clone(),
            Refusal::Late => "the deadline of the site's policy passed before the comment was scored".into(),
            Refusal::NoContext(what) => format!("the site's policy cannot be applied: {what}"),
            Refusal::ShuttingDown => "the server is shutting down; try again elsewhere or later".into(),
            Refusal::Bug => "the server failed on this request; its operator can find out why".into(),
        }
    }
}

/// The first violation in full, for callers that show no details.
fn summary(violations: &[Violation]) -> String {
    let Some((first, rest)) = violations.split_first() else {
        return "the request is invalid".into();
    };
    let Violation { field, description } = first;
    match rest.len() {
        0 => format!("{field} {description}"),
        1 => format!("{field} {description} (and 1 more violation)"),
        more => format!("{field} {description} (and {more} more violations)"),
    }
}

impl From<RegistryError> for Refusal {
    fn from(error: RegistryError) -> Refusal {
        let reason = match &error {
            RegistryError::Unknown(_) => MODEL_NOT_FOUND,
            RegistryError::NoFolder => "NO_REGISTRY",
            RegistryError::Pinned { .. } => "SITE_PINNED",
            RegistryError::NothingBefore(_) => "NOTHING_TO_ROLL_BACK",
            RegistryError::TooManySites(_) => "TOO_MANY_SITES",
            RegistryError::Artifact(_) | RegistryError::SelfTest { .. } => "MODEL_UNUSABLE",
            RegistryError::Activations(_) | RegistryError::File { .. } => "REGISTRY_UNUSABLE",
        };
        let message = match &error {
            // Callers log what they are told, and may have sent anything.
            RegistryError::Unknown(_) => "no model has that version; ListModels shows those there are".into(),
            RegistryError::NothingBefore(_) => "no model was activated for that site".into(),
            error => error.to_string(),
        };
        Refusal::Registry { reason, message }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let mut details = ErrorDetails::new();
        details.set_error_info(refusal.reason(), DOMAIN, []);
        if let Refusal::Invalid(violations) = &refusal {
            let violations =
                violations.iter().map(|v| FieldViolation::new(v.field.as_str(), v.description.as_str()));
            details.set_bad_request(violations.collect::<Vec<_>>());
        }
        if let Some(delay) = refusal.retry_delay() {
            details.set_retry_info(Some(delay));
        }
        Status::with_error_details(refusal.code(), refusal.message(), details)
    }
}

/// What a caller is told instead of a status of the transport's own about a
/// message that cannot be decoded. The transport takes that for a failure of the
/// server (INTERNAL), which it is not; what fails in the server has details.
/// Framing that is against gRPC's own rules stays INTERNAL, as these want it.
pub(super) fn undecodable(status: &Status) -> Option<Refusal> {
    let is_ours = status.code() != Code::Internal || !status.details().is_empty();
    if is_ours || status.message().starts_with("protocol error") {
        return None;
    }
    // Names of fields and what is wrong with their encoding, no contents.
    let description = format!("cannot be decoded: {}", status.message());
    Some(Refusal::Invalid(vec![Violation { field: "request".into(), description }]))
}

/// The same for the head of a response.
pub(super) fn undecodable_head(headers: &HeaderMap) -> Option<Refusal> {
    let code = headers.get(Status::GRPC_STATUS)?;
    if Code::from_bytes(code.as_bytes()) != Code::Internal {
        return None;
    }
    undecodable(&Status::from_header_map(headers)?)
}

/// The answer to a call that is refused as a whole.
pub(super) fn answer(refusal: Refusal) -> Response {
    // A server with too much to do says this many times, and little else should
    // take its time: the head is made once.
    static OVERLOADED: LazyLock<HeaderMap> =
        LazyLock::new(|| Status::from(Refusal::Overloaded).into_http::<Body>().into_parts().0.headers);
    if refusal != Refusal::Overloaded {
        return Status::from(refusal).into_http();
    }
    let mut response = Response::new(Body::empty());
    response.headers_mut().clone_from(&OVERLOADED);
    response
}

impl From<Refusal> for pb::ModerationError {
    fn from(refusal: Refusal) -> pb::ModerationError {
        let (code, reason, message) = (refusal.code() as i32, refusal.reason().into(), refusal.message());
        let violations = match refusal {
            Refusal::Invalid(violations) => violations,
            _ => Vec::new(),
        };
        let violations = violations
            .into_iter()
            .map(|Violation { field, description }| pb::FieldViolation { field, description })
            .collect();
        pb::ModerationError { code, reason, message, violations }
    }
}

/// The name of the status that a response's head or trailers carry, if they
/// carry one.
pub(super) fn name(headers: &HeaderMap) -> Option<&'static str> {
    let code = Code::from_bytes(headers.get(Status::GRPC_STATUS)?.as_bytes());
    Some(match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(field: &str) -> Violation {
        Violation { field: field.into(), description: "is odd".into() }
    }

    #[test]
    fn a_status_carries_its_reason_and_every_violation() {
        let status = Status::from(Refusal::Invalid(vec![violation("a"), violation("b"), violation("c")]));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "a is odd (and 2 more violations)");
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("INVALID_REQUEST", "thresher"));
        let fields: Vec<_> =
            details.bad_request().unwrap().field_violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, ["a", "b", "c"]);
    }

    #[test]
    fn who_may_try_again_is_told_when() {
        let wait = Duration::from_millis(1_500);
        for (refusal, delay) in [(Refusal::TooFast(wait), wait), (Refusal::Overloaded, OVERLOAD_RETRY_DELAY)]
        {
            let status = Status::from(refusal);
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(delay));
        }
        assert!(Status::from(Refusal::NoKey).get_details_retry_info().is_none());
    }

    #[test]
    fn an_error_of_one_comment_says_what_the_status_would() {
        let plain = [
            Refusal::NoKey,
            Refusal::OtherRole,
            Refusal::OtherSite,
            Refusal::ShuttingDown,
            Refusal::Bug,
            Refusal::GaveWay,
            Refusal::NoModel,
            Refusal::Late,
            Refusal::Idle(Duration::from_secs(300)),
            Refusal::NoContext("no thread".into()),
        ];
        for refusal in plain.into_iter().chain([Refusal::Invalid(vec![violation("a")])]) {
            let status = Status::from(refusal.clone());
            let error = pb::ModerationError::from(refusal);
            assert_eq!(error.code, status.code() as i32);
            assert_eq!(error.message, status.message());
            assert_eq!(error.reason, status.get_error_details().error_info().unwrap().reason);
        }
    }

    #[test]
    fn every_code_has_the_name_of_its_number() {
        let names: Vec<_> = (0..=16)
            .map(|code: i32| {
                let mut headers = HeaderMap::new();
                headers.insert(Status::GRPC_STATUS, code.into());
                name(&headers).unwrap()
            })
            .collect();
        assert_eq!(names[0], "OK");
        assert_eq!(names[3], "INVALID_ARGUMENT");
        assert_eq!(names[14], "UNAVAILABLE");
        let unique: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(unique.len(), 17);
        assert_eq!(name(&HeaderMap::new()), None);
    }
}
