use crate::support::*;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use thresher::keys::{Missing, Role, Secret, edit};
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::{KeyFile, Options, Security, pb};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;

/// A server that wants keys, and their file.
struct Keyed {
    server: TestServer,
    _folder: TempDir,
    path: PathBuf,
}

impl Keyed {
    /// With a key for moderation on the site `news`.
    async fn start() -> (Self, Secret) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.toml");
        let key = create(&path, "news", Role::Moderate);
        let security = Security { keys: Some(KeyFile::open(&path).unwrap()), ..Security::default() };
        let server = TestServer::start_secured(security, options()).await;
        (Self { server, _folder: folder, path }, key)
    }

    async fn client(&self) -> ModerationServiceClient<Channel> {
        self.server.client().await
    }
}

fn create(path: &Path, site: &str, role: Role) -> Secret {
    let secret = Secret::generate().unwrap();
    let site = site.parse().unwrap();
    edit(path, Missing::Create, |keys| keys.add(&secret, site, role, SystemTime::now())).unwrap();
    secret
}

fn with_key<T>(message: T, key: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    request
}

fn on(site: &str) -> pb::ModerateCommentRequest {
    pb::ModerateCommentRequest { site: site.into(), ..comment("c1", "The roses were lovely.") }
}

fn refused(status: &Status) -> (Code, String) {
    (status.code(), reason(status))
}

/// Asks until the answer is the wanted one: the server notices a change of the
/// file in its own time.
async fn until(client: &mut ModerationServiceClient<Channel>, key: &Secret, wanted: Code) {
    let asking = async {
        loop {
            let answer = client.moderate_comment(with_key(on("news"), key.reveal())).await;
            if answer.map_or_else(|status| status.code(), |_| Code::Ok) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(FOR_EVER, asking).await.expect("the server notices");
}

#[tokio::test]
async fn every_call_needs_a_valid_key_and_all_others_are_refused_alike() {
    let (keyed, key) = Keyed::start().await;
    let mut client = keyed.client().await;
    client.moderate_comment(with_key(on("news"), key.reveal())).await.unwrap();

    let batch = || pb::BatchModerateCommentsRequest { requests: vec![on("news")] };
    let stream = || tokio_stream::iter([streamed("r1", "The roses were lovely.")]);
    let stranger = Secret::generate().unwrap();
    let statuses = [
        client.moderate_comment(on("news")).await.unwrap_err(),
        client.batch_moderate_comments(batch()).await.unwrap_err(),
        client.stream_moderate_comments(stream()).await.unwrap_err(),
        client.moderate_comment(with_key(on("news"), stranger.reveal())).await.unwrap_err(),
        client.moderate_comment(with_key(on("news"), &key.id().to_string())).await.unwrap_err(),
        client.batch_moderate_comments(with_key(batch(), "")).await.unwrap_err(),
        // Whether the request is any good is not told to strangers.
        client.moderate_comment(comment("", "")).await.unwrap_err(),
    ];
    for status in &statuses {
        assert_eq!(refused(status), (Code::Unauthenticated, "KEY_REQUIRED".into()));
        assert_eq!(status.message(), statuses[0].message());
    }
}

#[tokio::test]
async fn a_key_is_for_its_site_in_every_call() {
    let (keyed, key) = Keyed::start().await;
    let mut client = keyed.client().await;
    for other in ["", "default", "sport"] {
        let status = client.moderate_comment(with_key(on(other), key.reveal())).await.unwrap_err();
        assert_eq!(refused(&status), (Code::PermissionDenied, "SITE_NOT_ALLOWED".into()), "{other:?}");
    }
    let mixed = || vec![on("news"), on("sport"), on("news")];
    let batch = pb::BatchModerateCommentsRequest { requests: mixed() };
    let answers = client.batch_moderate_comments(with_key(batch, key.reveal())).await.unwrap();
    let requests = mixed()
        .into_iter()
        .map(|request| pb::StreamModerateCommentsRequest { request_id: "r".into(), request: Some(request) });
    let stream = with_key(tokio_stream::iter(requests), key.reveal());
    let streamed = client.stream_moderate_comments(stream).await.unwrap().into_inner();
    let streamed: Vec<_> = streamed.map(|answer| answer.unwrap().answer.unwrap()).collect().await;
    for answers in [answers.into_inner().answers, streamed] {
        assert_eq!(answers.len(), 3);
        for right in [&answers[0], &answers[2]] {
            response(right);
        }
        let wrong = error(&answers[1]);
        assert_eq!((wrong.code, &*wrong.reason), (Code::PermissionDenied as i32, "SITE_NOT_ALLOWED"));
    }
}

#[tokio::test]
async fn a_key_is_for_its_role_and_an_admins_for_all() {
    let (keyed, _) = Keyed::start().await;
    let feedback = create(&keyed.path, "*", Role::Feedback);
    let admin = create(&keyed.path, "*", Role::Admin);
    let mut client = keyed.client().await;
    until(&mut client, &admin, Code::Ok).await;
    let status = client.moderate_comment(with_key(on("news"), feedback.reveal())).await.unwrap_err();
    assert_eq!(refused(&status), (Code::PermissionDenied, "ROLE_NOT_ALLOWED".into()));
}

#[tokio::test]
async fn health_and_reflection_need_no_key() {
    let (keyed, _) = Keyed::start().await;
    let mut health = HealthClient::new(keyed.server.channel().await);
    health.check(HealthCheckRequest::default()).await.unwrap();
    let mut reflection = ServerReflectionClient::new(keyed.server.channel().await);
    let list = MessageRequest::ListServices(String::new());
    let list = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    reflection.server_reflection_info(tokio_stream::iter([list])).await.unwrap();
}

#[tokio::test]
async fn changes_of_the_file_are_noticed_and_a_broken_file_changes_nothing() {
    let (mut keyed, key) = Keyed::start().await;
    let mut client = keyed.client().await;
    let second = create(&keyed.path, "news", Role::Moderate);
    until(&mut client, &second, Code::Ok).await;

    let rotated = Secret::generate().unwrap();
    edit(&keyed.path, Missing::Refuse, |keys| {
        keys.rotate(key.id(), &rotated, SystemTime::now(), Duration::from_secs(3600))?;
        keys.revoke(second.id())
    })
    .unwrap();
    until(&mut client, &second, Code::Unauthenticated).await;
    until(&mut client, &rotated, Code::Ok).await;
    until(&mut client, &key, Code::Ok).await;

    let whole = std::fs::read(&keyed.path).unwrap();
    std::fs::write(&keyed.path, "[[key]]\nid = 7\n").unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    until(&mut client, &rotated, Code::Ok).await;
    // The next good one is taken.
    std::fs::write(&keyed.path, whole).unwrap();
    #[cfg(target_os = "linux")]
    with_a_pipe_instead(&keyed.path).await;
    edit(&keyed.path, Missing::Refuse, |keys| keys.revoke(rotated.id())).unwrap();
    until(&mut client, &rotated, Code::Unauthenticated).await;
    drop(client);
    keyed.server.stop();
    keyed.server.ended().await;
}

#[tokio::test]
async fn an_expired_key_is_refused_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let old = create(&path, "news", Role::Moderate);
    let new = Secret::generate().unwrap();
    edit(&path, Missing::Refuse, |keys| {
        keys.rotate(old.id(), &new, SystemTime::now(), Duration::ZERO).map(|_| ())
    })
    .unwrap();
    let security = Security { keys: Some(KeyFile::open(&path).unwrap()), ..Security::default() };
    let server = TestServer::start_secured(security, Options { reflection: false, ..options() }).await;
    let mut client = server.client().await;
    client.moderate_comment(with_key(on("news"), new.reveal())).await.unwrap();
    let status = client.moderate_comment(with_key(on("news"), old.reveal())).await.unwrap_err();
    assert_eq!(refused(&status), (Code::Unauthenticated, "KEY_REQUIRED".into()));
}

#[tokio::test]
async fn an_open_stream_ends_at_its_next_comment_once_its_key_is_no_longer_good() {
    for rotated in [false, true] {
        let (keyed, key) = Keyed::start().await;
        let (sender, requests) = mpsc::channel(1);
        let send = || {
            sender.send(pb::StreamModerateCommentsRequest {
                request_id: "r1".into(),
                request: Some(on("news")),
            })
        };
        let stream = with_key(ReceiverStream::new(requests), key.reveal());
        let mut client = keyed.client().await;
        let mut answers = client.stream_moderate_comments(stream).await.unwrap().into_inner();
        send().await.unwrap();
        response(&answers.message().await.unwrap().unwrap().answer.unwrap());
        edit(&keyed.path, Missing::Refuse, |keys| {
            if rotated {
                let new = Secret::generate().unwrap();
                return keys.rotate(key.id(), &new, SystemTime::now(), Duration::ZERO).map(|_| ());
            }
            keys.revoke(key.id()).map(drop)
        })
        .unwrap();
        until(&mut client, &key, Code::Unauthenticated).await;
        send().await.unwrap();
        let status = answers.message().await.unwrap_err();
        assert_eq!(refused(&status), (Code::Unauthenticated, "KEY_REQUIRED".into()));
        assert_eq!(answers.message().await.unwrap(), None, "the stream goes on");
    }
}
