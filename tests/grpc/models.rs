//! Models that change while comments are judged, and the service that changes
//! them.

#[path = "../models/small.rs"]
mod small;

use crate::metrics::sample;
use crate::support::*;
use small::{golden, model, version};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use tempfile::TempDir;
use thresher::keys::{Missing, Role, Secret, edit};
use thresher::model::Model;
use thresher::moderator::Moderator;
use thresher::registry::{ModelStore, Sources};
use thresher::server::pb::model_service_client::ModelServiceClient;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::{KeyFile, Security, pb};
use tokio::time::{Duration, sleep, timeout};
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

const TEXT: &str = "Fr33 roses for everybody at www.prizes.example!";

/// A server with a registry of a few small models, the first of which is the
/// base model.
struct Registry {
    server: TestServer,
    folder: TempDir,
    store: Arc<ModelStore>,
    versions: Vec<String>,
    /// The scores that each model has for the comment of these tests.
    scores: BTreeMap<String, BTreeMap<String, f32>>,
}

impl Registry {
    async fn start(security: Security) -> Registry {
        let folder = tempfile::tempdir().unwrap();
        let (mut versions, mut scores) = (Vec::new(), BTreeMap::new());
        for seed in 0..3 {
            let bytes = model("m", seed);
            fs::write(folder.path().join(format!("{seed}.safetensors")), &bytes).unwrap();
            let moderator = Moderator::new(Model::from_bytes(&bytes, "m").unwrap());
            versions.push(version(&bytes));
            scores.insert(version(&bytes), moderator.score_golden(&golden(TEXT)).unwrap());
        }
        let first = folder.path().join("0.safetensors");
        let sources = Sources { base: Some(first), folder: Some(folder.path().into()), ..Sources::default() };
        let (store, refreshed) = ModelStore::open(sources);
        assert_eq!(refreshed.problems, [""; 0]);
        let store = Arc::new(store);
        let server = TestServer::start_with_models(Arc::clone(&store), security).await;
        Registry { server, folder, store, versions, scores }
    }

    async fn models(&self) -> ModelServiceClient<Channel> {
        ModelServiceClient::new(self.server.channel().await)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn request() -> pb::ModerateCommentRequest {
    let golden = golden(TEXT);
    let thread = pb::Thread { title: golden.title, body: golden.body, ..pb::Thread::default() };
    pb::ModerateCommentRequest { thread: Some(thread), ..comment("c", TEXT) }
}

fn on(site: &str) -> pb::ModerateCommentRequest {
    pb::ModerateCommentRequest { site: site.into(), ..request() }
}

fn activate(version: &str, site: &str) -> pb::ActivateModelRequest {
    pb::ActivateModelRequest { model_version: version.into(), site: site.into() }
}

fn roll_back(site: &str) -> pb::RollbackModelRequest {
    pb::RollbackModelRequest { site: site.into() }
}

/// Whether an answer is of one model: its version and every score, that of
/// OFF_TOPIC against the thread included.
fn check(answer: &pb::ModerateCommentResponse, scores: &BTreeMap<String, BTreeMap<String, f32>>) {
    let expected = &scores[&answer.model_version];
    assert_eq!(answer.scores.len(), expected.len());
    for score in &answer.scores {
        let name = score.attribute().as_str_name().trim_start_matches("ATTRIBUTE_");
        assert_eq!(score.score, expected[name], "{name} of {}", answer.model_version);
    }
}

/// 10,000 comments: four callers, each with 500 calls, 10 batches of 100 and a
/// stream of 1,000, while models are activated and taken back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_under_load_mix_nothing_and_fail_nothing() {
    let registry = Registry::start(Security::default()).await;
    let done = Arc::new(AtomicBool::new(false));
    let swaps = {
        let (mut models, done, versions) =
            (registry.models().await, Arc::clone(&done), registry.versions.clone());
        tokio::spawn(async move {
            let mut swaps = 0;
            while !done.load(Ordering::Relaxed) {
                for version in &versions {
                    let changed = models.activate_model(activate(version, "")).await.unwrap().into_inner();
                    assert_eq!(&changed.site_model.unwrap().model_version, version);
                    swaps += 1;
                }
                models.rollback_model(roll_back("")).await.unwrap();
            }
            swaps
        })
    };
    let mut callers = Vec::new();
    for _ in 0..4 {
        let (mut client, scores) = (registry.server.client().await, registry.scores.clone());
        callers.push(tokio::spawn(async move {
            let mut seen = HashSet::new();
            for call in 0..500 {
                let answer = client.moderate_comment(request()).await.unwrap().into_inner();
                check(&answer, &scores);
                seen.insert(answer.model_version);
                if call % 50 == 0 {
                    let batch = pb::BatchModerateCommentsRequest { requests: vec![request(); 100] };
                    let answers = client.batch_moderate_comments(batch).await.unwrap().into_inner().answers;
                    let first = &response(&answers[0]).model_version;
                    assert!(answers.iter().all(|answer| response(answer).model_version == *first));
                    answers.iter().for_each(|answer| check(response(answer), &scores));
                }
            }
            // A stream may go from one model to the next, but only between answers;
            // the thread that it remembers goes with the model that read it.
            let requests = tokio_stream::iter(0..1_000).map(|i| pb::StreamModerateCommentsRequest {
                request_id: i.to_string(),
                request: Some(request()),
            });
            let mut answers = client.stream_moderate_comments(requests).await.unwrap().into_inner();
            let mut count = 0;
            while let Some(answer) = answers.message().await.unwrap() {
                check(response(answer.answer.as_ref().unwrap()), &scores);
                count += 1;
            }
            assert_eq!(count, 1_000);
            seen
        }));
    }
    let mut seen = HashSet::new();
    for caller in callers {
        seen.extend(caller.await.unwrap());
    }
    done.store(true, Ordering::Relaxed);
    assert!(swaps.await.unwrap() > 3);
    assert!(seen.len() > 1, "comments were judged by {seen:?} alone");
}

#[tokio::test]
async fn models_are_listed_loaded_activated_by_site_and_taken_back() {
    let registry = Registry::start(Security::default()).await;
    fs::write(registry.file("broken.safetensors"), "no model").unwrap();
    let [first, second, third] = &registry.versions[..] else { panic!("three models") };
    let mut models = registry.models().await;
    let listed = models.list_models(pb::ListModelsRequest {}).await.unwrap().into_inner();
    let versions: Vec<_> = listed.models.iter().map(|model| model.model_version.as_str()).collect();
    assert_eq!(versions, [first, first, second, third, ""]);
    let broken = &listed.models[4];
    assert!(broken.file_name == "broken.safetensors" && broken.problem.contains("not a whole model"));
    assert_eq!((listed.models[2].golden_comment_count, listed.models[2].attributes.len()), (2, 9));
    let site = |site: &str, version: &str| pb::SiteModel {
        site: site.into(),
        model_version: version.into(),
        ..pb::SiteModel::default()
    };
    assert_eq!(listed.site_models, [site("default", first)]);

    let named = |version: &str| version.to_owned();
    let loaded = models.load_model(pb::LoadModelRequest { model_version: named(second) }).await.unwrap();
    let got = models.get_model(pb::GetModelRequest { model_version: named(second) }).await.unwrap();
    assert_eq!(loaded.into_inner().model, got.into_inner().model);

    let changed = models.activate_model(activate(second, "news.example")).await.unwrap().into_inner();
    assert_eq!(changed.site_model, Some(site("news.example", second)));
    let changed = models.activate_model(activate(third, "news.example")).await.unwrap().into_inner();
    let previous = pb::SiteModel { previous_model_version: named(second), ..site("news.example", third) };
    assert_eq!(changed.site_model, Some(previous));
    models.activate_model(activate(second, "")).await.unwrap();
    let mut client = registry.server.client().await;
    // One batch for several sites: each answer is of its site's model.
    let requests = vec![on("news.example"), on(""), on("news.example"), on("elsewhere")];
    let batch = pb::BatchModerateCommentsRequest { requests };
    let answers = client.batch_moderate_comments(batch).await.unwrap().into_inner().answers;
    let versions: Vec<_> = answers.iter().map(|answer| &response(answer).model_version).collect();
    assert_eq!(versions, [third, second, third, second]);
    answers.iter().for_each(|answer| check(response(answer), &registry.scores));

    for (expected, gone_back) in [(second, "news.example"), (second, "news.example"), (first, "")] {
        let changed = models.rollback_model(roll_back(gone_back)).await.unwrap().into_inner();
        assert_eq!(&changed.site_model.unwrap().model_version, expected);
    }
    let status = models.rollback_model(roll_back("")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "NOTHING_TO_ROLL_BACK"));
    let status = models.activate_model(activate("m@000000000000", "")).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "MODEL_NOT_FOUND"));
    let status = models.activate_model(activate("", "")).await.unwrap_err();
    assert_eq!(status_fields(&status), ["model_version"]);
    let status = models.rollback_model(roll_back("a site")).await.unwrap_err();
    assert_eq!(status_fields(&status), ["site"]);
    for version in ["m@000000000000", ""] {
        models.get_model(pb::GetModelRequest { model_version: version.into() }).await.unwrap_err();
        models.load_model(pb::LoadModelRequest { model_version: version.into() }).await.unwrap_err();
    }
    for (reason, count) in [("NOTHING_TO_ROLL_BACK", 1.0), ("MODEL_NOT_FOUND", 3.0), ("INVALID_REQUEST", 4.0)]
    {
        let name = format!("thresher_refusals_total{{reason={reason:?}}}");
        assert_eq!(sample(&registry.server, &name).await, Some(count), "{reason}");
    }
}

fn with_key<T>(message: T, key: &Secret) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {}", key.reveal()).parse().unwrap());
    request
}

#[tokio::test]
async fn models_are_the_admins_business_and_each_has_its_sites() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.toml");
    let create = |site: &str, role: Role| {
        let (secret, site) = (Secret::generate().unwrap(), site.parse().unwrap());
        edit(&path, Missing::Create, |keys| keys.add(&secret, site, role, SystemTime::now())).unwrap();
        secret
    };
    let (moderator, news, all) =
        (create("*", Role::Moderate), create("news", Role::Admin), create("*", Role::Admin));
    let security = Security { keys: Some(KeyFile::open(&path).unwrap()), ..Security::default() };
    let registry = Registry::start(security).await;
    let mut models = registry.models().await;
    let status = models.list_models(pb::ListModelsRequest {}).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "KEY_REQUIRED"));
    let second = &registry.versions[1];
    let status = models.activate_model(with_key(activate(second, ""), &moderator)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "ROLE_NOT_ALLOWED"));
    for site in ["", "default", "sports"] {
        let refused = [
            models.activate_model(with_key(activate(second, site), &news)).await.map(drop),
            models.rollback_model(with_key(roll_back(site), &news)).await.map(drop),
        ];
        for status in refused.map(Result::unwrap_err) {
            assert_eq!(
                (status.code(), reason(&status).as_str()),
                (Code::PermissionDenied, "SITE_NOT_ALLOWED")
            );
        }
    }
    models.activate_model(with_key(activate(second, "news"), &news)).await.unwrap();
    models.activate_model(with_key(activate(second, "sports"), &all)).await.unwrap();
    for (key, sites) in [(&news, &["default", "news"][..]), (&all, &["default", "news", "sports"])] {
        let listed = models.list_models(with_key(pb::ListModelsRequest {}, key)).await.unwrap().into_inner();
        let listed: Vec<_> = listed.site_models.into_iter().map(|site| site.site).collect();
        assert_eq!(listed, sites);
    }
}

#[tokio::test]
async fn files_that_change_are_taken_into_service_by_themselves() {
    let registry = Registry::start(Security::default()).await;
    let [_, _, third] = &registry.versions[..] else { panic!("three models") };
    fs::write(registry.file("0.safetensors"), "no model").unwrap();
    sleep(Duration::from_millis(50)).await;
    fs::write(registry.file("activations.toml"), format!("[sites]\ndefault = [\"{third}\"]\n")).unwrap();
    let mut client = registry.server.client().await;
    let changed = async {
        loop {
            let answer = client.moderate_comment(request()).await.unwrap().into_inner();
            check(&answer, &registry.scores);
            if answer.model_version == *third {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(FOR_EVER, changed).await.expect("the change is noticed");
    assert!(registry.store.current().is_ready());
}

#[tokio::test]
async fn without_a_model_health_says_so_and_calls_are_refused_until_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("base.safetensors");
    fs::write(&base, "no model").unwrap();
    let (store, refreshed) = ModelStore::open(Sources { base: Some(base.clone()), ..Sources::default() });
    assert_eq!(refreshed.problems.len(), 1);
    let mut server = TestServer::start_with_models(Arc::new(store), Security::default()).await;
    let mut health = HealthClient::new(server.channel().await);
    let service = |name: &str| HealthCheckRequest { service: name.into() };
    let mut watch = health.watch(service("thresher.v1.ModerationService")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let status = health.check(service("")).await.unwrap().into_inner().status();
    assert_eq!(status, ServingStatus::NotServing);
    // Whoever may mend it is answered.
    let mut models = ModelServiceClient::new(server.channel().await);
    let listed = models.list_models(pb::ListModelsRequest {}).await.unwrap().into_inner();
    assert!(!listed.models[0].problem.is_empty() && listed.site_models[0].model_version.is_empty());
    let mut client: ModerationServiceClient<Channel> = server.client().await;
    let status = client.moderate_comment(request()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "NO_MODEL"));

    fs::write(&base, model("mended", 5)).unwrap();
    let next = timeout(FOR_EVER, watch.message()).await.expect("health says that there is a model");
    assert_eq!(next.unwrap().unwrap().status(), ServingStatus::Serving);
    assert_eq!(health.check(service("")).await.unwrap().into_inner().status(), ServingStatus::Serving);
    client.moderate_comment(request()).await.unwrap();
    server.stop();
    drop((watch, health));
    server.ended().await;
}
