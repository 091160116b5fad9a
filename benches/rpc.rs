//! What a call costs beside what it calls for: a comment judged in process, and
//! the same by a client over a connection of this machine, alone, in a batch
//! and in a stream.
//!
//! Run with `cargo bench --bench rpc`. It measures time on the clock, client
//! included; `thresher-bench` (in examples/) measures the server alone, and
//! against a server that does nothing.
// A benchmark has nobody to report to but whoever runs it.
#![allow(clippy::expect_used)]

use divan::{Bencher, black_box, counter::ItemsCount};
use std::future::pending;
use std::sync::{Arc, LazyLock};
use thresher::comment::Comment;
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::Policies;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::{self, Instruments, Options, Security, pb};
use tokio::runtime::Runtime;
use tonic::transport::Channel;

const TEXT: &str = include_str!("comments/325.txt");
/// Comments in a batch or a stream.
const MANY: usize = 100;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime starts"));

static MODERATOR: LazyLock<Arc<Moderator>> =
    LazyLock::new(|| Arc::new(Moderator::new(Model::shipped().expect("the shipped model loads"))));

/// A client of a server that runs until the end.
static CLIENT: LazyLock<ModerationServiceClient<Channel>> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let listener = server::bind(([127, 0, 0, 1], 0).into()).await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let policies = Policies::embedded().expect("the embedded policies are whole");
        let (models, policies) = (Arc::new(Arc::clone(&MODERATOR).into()), Arc::new(policies.into()));
        let (security, options) = (Security::default(), Options::default());
        let instruments = Instruments::default();
        let serving = server::serve(listener, models, policies, security, options, instruments, pending());
        tokio::spawn(serving);
        ModerationServiceClient::connect(format!("http://{address}")).await.expect("it listens")
    })
});

fn main() {
    divan::main();
}

fn request() -> pb::ModerateCommentRequest {
    let comment = pb::Comment { text: TEXT.trim_end().into(), ..pb::Comment::default() };
    pb::ModerateCommentRequest { comment: Some(comment), ..pb::ModerateCommentRequest::default() }
}

#[divan::bench]
fn in_process(bencher: Bencher) {
    let policies = Policies::embedded().expect("the embedded policies are whole");
    let comment = Comment::new(TEXT.trim_end(), 1 << 20).expect("the text is not blank");
    let mut scratch = Scratch::default();
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let comment = black_box(&comment);
        MODERATOR.assess(comment, None, policies.site(""), Ask::default(), &mut scratch).verdict.action
    });
}

#[divan::bench]
fn call(bencher: Bencher) {
    let mut client = CLIENT.clone();
    bencher
        .counter(ItemsCount::new(1_usize))
        .bench_local(|| RUNTIME.block_on(client.moderate_comment(request())).expect("the call is answered"));
}

#[divan::bench]
fn batch(bencher: Bencher) {
    let mut client = CLIENT.clone();
    bencher.counter(ItemsCount::new(MANY)).bench_local(|| {
        let batch = pb::BatchModerateCommentsRequest { requests: vec![request(); MANY] };
        RUNTIME.block_on(client.batch_moderate_comments(batch)).expect("the call is answered")
    });
}

#[divan::bench]
fn stream(bencher: Bencher) {
    let mut client = CLIENT.clone();
    bencher.counter(ItemsCount::new(MANY)).bench_local(|| {
        let one = || pb::StreamModerateCommentsRequest { request_id: "r".into(), request: Some(request()) };
        let requests = tokio_stream::iter((0..MANY).map(move |_| one()));
        RUNTIME.block_on(async {
            let answers = client.stream_moderate_comments(requests).await.expect("the call is answered");
            let (mut answers, mut count) = (answers.into_inner(), 0);
            while answers.message().await.expect("the stream goes on").is_some() {
                count += 1;
            }
            assert_eq!(count, MANY);
        })
    });
}
