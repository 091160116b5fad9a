//! What is sent, and what judging it costs without a server.

use super::process::thread_cpu;
use super::wire::framed;
use anyhow::{Context, Result, anyhow};
use prost::bytes::Bytes;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thresher::comment::Comment;
use thresher::model::Model;
use thresher::moderator::{Ask, Moderator, Scratch};
use thresher::policy::{Action, Policies};
use thresher::server::pb;

/// The comments of the benches, written for them.
const TEXT: &str =
    concat!(include_str!("../../benches/comments/2400.txt"), include_str!("../../benches/comments/325.txt"));
/// How many different texts are sent in turn, so that no cache knows them all.
const TEXTS: usize = 64;

/// Texts of about so many characters, each beginning at another word.
pub fn texts(characters: usize) -> Vec<String> {
    let words: Vec<&str> = TEXT.split_whitespace().collect();
    let from = |first: usize| {
        let mut text = String::new();
        for word in words.iter().cycle().skip(first * words.len() / TEXTS) {
            if text.len() + word.len() >= characters {
                break;
            }
            text.push_str(word);
            text.push(' ');
        }
        text.trim_end().to_owned()
    };
    (0..TEXTS).map(from).collect()
}

pub fn request(text: &str) -> pb::ModerateCommentRequest {
    let comment = pb::Comment { comment_id: "c-1234567".into(), text: text.into(), ..pb::Comment::default() };
    pb::ModerateCommentRequest { comment: Some(comment), ..pb::ModerateCommentRequest::default() }
}

/// Requests as they go over the wire, one for each text.
pub fn unary(texts: &[String]) -> Result<Arc<[Bytes]>> {
    texts.iter().map(|text| framed(&request(text))).collect()
}

/// Batches of so many comments.
pub fn batches(texts: &[String], size: usize) -> Result<Arc<[Bytes]>> {
    let batch = |first: usize| {
        let requests = texts.iter().cycle().skip(first).take(size).map(|text| request(text)).collect();
        framed(&pb::BatchModerateCommentsRequest { requests })
    };
    (0..4).map(|i| batch(i * 7)).collect()
}

/// Requests of a stream.
pub fn streamed(texts: &[String]) -> Result<Arc<[Bytes]>> {
    let one = |text: &String| {
        framed(&pb::StreamModerateCommentsRequest {
            request_id: "1234567".into(),
            request: Some(request(text)),
        })
    };
    texts.iter().map(one).collect()
}

/// The shipped model and policies.
pub struct Moderate {
    moderator: Moderator,
    policies: Policies,
}

impl Moderate {
    pub fn new() -> Result<Moderate> {
        let moderator = Moderator::new(Model::shipped()?);
        Ok(Moderate { moderator, policies: Policies::embedded()? })
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Judges a text in the memory of this thread.
pub fn assess(with: &Moderate, text: &str) -> Option<Action> {
    let comment = Comment::new(text, 1 << 20).ok()?;
    SCRATCH.with_borrow_mut(|scratch| {
        let policy = with.policies.site("");
        Some(with.moderator.assess(&comment, None, policy, Ask::default(), scratch).verdict.action)
    })
}

/// The processor time that judging one of the texts takes, in seconds, measured
/// for so long on all processors at once: where two share one core's caches and
/// units, whoever has them alone is faster than any server under load can be.
pub fn assess_cpu(with: &Moderate, texts: &[String], time: Duration) -> Result<f64> {
    let start = Instant::now();
    let judge = || {
        let (mut judged, before) = (0_u32, thread_cpu()?);
        while start.elapsed() < time {
            for text in texts {
                black_box(assess(with, black_box(text))).context("the text can be judged")?;
                judged += 1;
            }
        }
        anyhow::Ok((thread_cpu()? - before, judged))
    };
    let processors = std::thread::available_parallelism()?.get();
    let measured = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..processors).map(|_| scope.spawn(judge)).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?).collect()
    });
    let measured: Result<Vec<(f64, u32)>> = measured;
    let (cpu, judged) = measured?.into_iter().fold((0.0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    Ok(cpu / f64::from(judged))
}
