//! Sends one comment to a running server and prints the answer.
//!
//! ```text
//! cargo run -- serve
//! cargo run --example moderate_comment -- "Win a free phone at www.prizes.example"
//! ```
//!
//! The address comes from `THRESHER_ADDRESS`, `http://127.0.0.1:50051` if that
//! is not set.

use anyhow::{Context, anyhow};
use std::env;
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::pb::{Comment, ModerateCommentRequest};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let text = env::args().nth(1).context("usage: moderate_comment TEXT")?;
    let address = env::var("THRESHER_ADDRESS").unwrap_or_else(|_| "http://127.0.0.1:50051".into());
    let mut client = ModerationServiceClient::connect(address.clone())
        .await
        .with_context(|| format!("no server at {address}"))?;

    let request = ModerateCommentRequest {
        comment: Some(Comment { text, ..Comment::default() }),
        explain: true,
        ..ModerateCommentRequest::default()
    };
    let answer = client.moderate_comment(request).await;
    let answer = answer.map_err(|status| anyhow!("refused: {}", status.message()))?.into_inner();

    println!("{}", answer.action().as_str_name());
    for score in &answer.scores {
        println!("{:<28} {:.3}", score.attribute().as_str_name(), score.score);
    }
    for unscored in &answer.unscored {
        println!("{:<28} {}", unscored.attribute().as_str_name(), unscored.why().as_str_name());
    }
    for reason in &answer.reasons {
        println!("{}: {}", reason.rule, reason.message);
    }
    println!("model {}, policy {}", answer.model_version, answer.policy_version);
    Ok(())
}
