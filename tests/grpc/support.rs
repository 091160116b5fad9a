//! A server of one's own for each test, and requests to send to it.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use thresher::model::Model;
use thresher::moderator::Moderator;
use thresher::policy::{Policies, PolicyStore};
use thresher::registry::ModelStore;
use thresher::server::pb::moderate_comment_answer::Outcome;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::{self, DrainReport, Instruments, Options, Security, ServeError, pb};
use thresher::shadow::Shadow;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A wait that ends only when the thing tested is broken.
pub const FOR_EVER: Duration = Duration::from_secs(120);

/// Longer than any test runs.
pub const NEVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The shipped model; loaded once.
pub static MODERATOR: LazyLock<Arc<Moderator>> =
    LazyLock::new(|| Arc::new(Moderator::new(Model::shipped().expect("the shipped model loads"))));

/// The policies that ship inside the binary.
pub static POLICIES: LazyLock<Arc<PolicyStore>> =
    LazyLock::new(|| Arc::new(Policies::embedded().expect("the embedded policies are whole").into()));

/// The shipped model for every site.
fn shipped() -> Arc<ModelStore> {
    Arc::new(Arc::clone(&MODERATOR).into())
}

/// A running server.
pub struct TestServer {
    pub address: SocketAddr,
    /// Where metrics and probes are answered.
    pub admin: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<DrainReport, ServeError>>,
}

/// No pause before the server stops accepting, and no end to its patience.
pub fn options() -> Options {
    // The tasks of a test's clients are in the same runtime and look like calls
    // that wait.
    Options {
        lame_duck: Duration::ZERO,
        drain_deadline: NEVER,
        max_wait: NEVER,
        give_way_after: NEVER,
        ..Options::default()
    }
}

impl TestServer {
    pub async fn start() -> Self {
        Self::start_with(options()).await
    }

    pub async fn start_with(options: Options) -> Self {
        Self::start_secured(Security::default(), options).await
    }

    pub async fn start_secured(security: Security, options: Options) -> Self {
        Self::serve(security, options, Arc::clone(&POLICIES), shipped()).await
    }

    /// A server under policies of the test's own.
    pub async fn start_under(policies: &str) -> Self {
        let policies = Policies::parse(policies, "the test's policies").unwrap();
        Self::start_on(Arc::new(policies.into())).await
    }

    /// The same, with options of its own.
    pub async fn start_with_rules(policies: &str, options: Options) -> Self {
        let policies = Policies::parse(policies, "the test's policies").unwrap();
        Self::serve(Security::default(), options, Arc::new(policies.into()), shipped()).await
    }

    /// A server under policies that may change.
    pub async fn start_on(policies: Arc<PolicyStore>) -> Self {
        Self::serve(Security::default(), options(), policies, shipped()).await
    }

    /// A server with models that may change.
    pub async fn start_with_models(models: Arc<ModelStore>, security: Security) -> Self {
        Self::serve_beside(security, options(), Arc::clone(&POLICIES), models, None).await
    }

    /// A server under policies of the test's own, with models that may change.
    pub async fn start_under_with_models(policies: &str, models: Arc<ModelStore>) -> Self {
        let policies = Policies::parse(policies, "the test's policies").unwrap();
        Self::serve(Security::default(), options(), Arc::new(policies.into()), models).await
    }

    /// A server that shows what it judges to a candidate.
    pub async fn start_beside(policies: &str, shadow: Arc<Shadow>) -> Self {
        let policies = Policies::parse(policies, "the test's policies").unwrap();
        let policies = Arc::new(policies.into());
        Self::serve_beside(Security::default(), options(), policies, shipped(), Some(shadow)).await
    }

    async fn serve(
        security: Security,
        options: Options,
        policies: Arc<PolicyStore>,
        models: Arc<ModelStore>,
    ) -> Self {
        Self::serve_beside(security, options, policies, models, None).await
    }

    async fn serve_beside(
        security: Security,
        options: Options,
        policies: Arc<PolicyStore>,
        models: Arc<ModelStore>,
        shadow: Option<Arc<Shadow>>,
    ) -> Self {
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let admin = server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let admin_address = admin.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(server::serve(
            listener,
            models,
            policies,
            security,
            options,
            Instruments { admin: Some(admin), shadow, ..Instruments::default() },
            shutdown,
        ));
        Self { address, admin: admin_address, stop: Some(stop), running }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap()
    }

    pub async fn channel(&self) -> Channel {
        self.endpoint().connect().await.unwrap()
    }

    pub async fn client(&self) -> ModerationServiceClient<Channel> {
        ModerationServiceClient::new(self.channel().await)
    }

    /// Asks the server to shut down.
    pub fn stop(&mut self) {
        let _ = self.stop.take().expect("the server is asked once").send(());
    }

    /// Waits until the server has shut down.
    pub async fn ended(self) -> DrainReport {
        timeout(FOR_EVER, self.running).await.expect("the server ends").unwrap().unwrap()
    }

    /// Ends the server without waiting for anything.
    pub fn abort(self) {
        self.running.abort();
    }
}

/// An ordinary comment.
pub fn comment(comment_id: &str, text: &str) -> pb::ModerateCommentRequest {
    let comment = pb::Comment { comment_id: comment_id.into(), text: text.into(), ..pb::Comment::default() };
    pb::ModerateCommentRequest { comment: Some(comment), ..pb::ModerateCommentRequest::default() }
}

/// A comment of a stream, with the same id for the request and the comment.
pub fn streamed(id: &str, text: &str) -> pb::StreamModerateCommentsRequest {
    pb::StreamModerateCommentsRequest { request_id: id.into(), request: Some(comment(id, text)) }
}

/// A thread about a garden show.
pub fn thread() -> pb::Thread {
    pb::Thread {
        title: "Garden show opens its gates on Saturday".into(),
        body: "Growers from forty towns bring roses, bulbs and old apple varieties to the park.".into(),
        recent_texts: vec!["The roses were lovely last year.".into(), "Is there parking nearby?".into()],
        ..pb::Thread::default()
    }
}

/// The response of an answer that has one.
pub fn response(answer: &pb::ModerateCommentAnswer) -> &pb::ModerateCommentResponse {
    match answer.outcome.as_ref() {
        Some(Outcome::Response(response)) => response,
        other => panic!("not a response: {other:?}"),
    }
}

/// The error of an answer that has one.
pub fn error(answer: &pb::ModerateCommentAnswer) -> &pb::ModerationError {
    match answer.outcome.as_ref() {
        Some(Outcome::Error(error)) => error,
        other => panic!("not an error: {other:?}"),
    }
}

/// The fields that an error names.
pub fn error_fields(error: &pb::ModerationError) -> Vec<&str> {
    assert_eq!(error.code, Code::InvalidArgument as i32);
    assert_eq!(error.reason, "INVALID_REQUEST");
    error.violations.iter().map(|v| v.field.as_str()).collect()
}

/// The fields that a status names.
pub fn status_fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert_eq!(reason(status), "INVALID_REQUEST");
    let bad_request = status.get_details_bad_request().expect("the status has violations");
    bad_request.field_violations.into_iter().map(|v| v.field).collect()
}

/// The reason that a status gives to programs.
pub fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().expect("the status has a reason");
    assert_eq!(info.domain, "thresher");
    info.reason
}

/// Puts a pipe in the place of a file for as long as a server takes to notice:
/// nobody writes to it, so that whoever opens it waits for ever.
#[cfg(target_os = "linux")]
pub async fn with_a_pipe_instead(path: &std::path::Path) {
    let aside = path.with_extension("aside");
    std::fs::rename(path, &aside).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    std::fs::rename(aside, path).unwrap();
}
