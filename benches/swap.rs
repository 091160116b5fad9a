//! What a swap of models costs those who call meanwhile: the latency of unary
//! calls over a real connection, first with one model throughout, then with
//! another model of the same size activated twenty times a second.
//!
//! ```text
//! cargo bench --bench swap
//! ```
// A bench may stop at the first surprise.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use thresher::model::artifact::{deserialize, serialize};
use thresher::model::{Metadata, Model};
use thresher::policy::{Policies, PolicyStore};
use thresher::registry::{ModelStore, Sources};
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::{self, Instruments, Options, Security, pb};

/// How many calls are measured with and without swaps.
const CALLS: usize = 20_000;
/// How often another model is activated.
const EVERY: Duration = Duration::from_millis(50);

const TEXT: &str = "I went there on Saturday with the children and we had a lovely time, although the queue at the \
                    gate was long. The roses were at their best, the old apple varieties were a surprise, and \
                    the tram home was punctual. See www.gardens.example/map for where to find the shade at noon.";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/models/thresher-en.safetensors");
    let bytes = fs::read(shipped).unwrap();
    let (parts, metadata, _) = deserialize(&bytes, shipped).unwrap();
    let versions = ["one", "two"].map(|name| {
        let bytes = serialize(&parts, &Metadata { name: name.into(), ..metadata.clone() }).unwrap();
        fs::write(folder.path().join(format!("{name}.safetensors")), &bytes).unwrap();
        Model::from_bytes(&bytes, name).unwrap().version().to_owned()
    });
    let (models, refreshed) =
        ModelStore::open(Sources { folder: Some(folder.path().into()), ..Sources::default() });
    assert!(refreshed.problems.is_empty());
    let models = Arc::new(models);
    let policies: Arc<PolicyStore> = Arc::new(Policies::embedded().unwrap().into());
    let listener = server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (security, never) = (Security::default(), std::future::pending());
    let (options, instruments) = (Options::default(), Instruments::default());
    let serving = Arc::clone(&models);
    tokio::spawn(server::serve(listener, serving, policies, security, options, instruments, never));
    let mut client = ModerationServiceClient::connect(address).await.unwrap();

    measure(&mut client).await;
    println!("{CALLS} calls, microseconds  median   99 %  99.9 %    most");
    show("one model", measure(&mut client).await);
    let (done, swaps) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let swapping = {
        let (done, swaps) = (Arc::clone(&done), Arc::clone(&swaps));
        std::thread::spawn(move || {
            for version in versions.iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // Read, tested, written down and swapped.
                models.activate("default", version).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(EVERY);
            }
        })
    };
    show("swapped meanwhile", measure(&mut client).await);
    done.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    println!("{} swaps", swaps.load(Ordering::Relaxed));
}

/// The latency of each call, one after the other, in order of size.
async fn measure(client: &mut ModerationServiceClient<tonic::transport::Channel>) -> Vec<Duration> {
    let comment = pb::Comment { text: TEXT.into(), ..pb::Comment::default() };
    let request =
        pb::ModerateCommentRequest { comment: Some(comment), ..pb::ModerateCommentRequest::default() };
    let mut latencies = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let started = Instant::now();
        client.moderate_comment(request.clone()).await.unwrap();
        latencies.push(started.elapsed());
    }
    latencies.sort();
    latencies
}

fn show(name: &str, latencies: Vec<Duration>) {
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_micros();
    let (median, p99, p999, most) = (at(0.5), at(0.99), at(0.999), at(1.0));
    println!("{name:<25} {median:>7} {p99:>6} {p999:>7} {most:>7}");
}
