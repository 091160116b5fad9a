//! Sends one comment to a running server and prints the answer.
//!
//! ```text
//! cargo run -- serve
//! cargo run --example moderate_comment -- "Win a free phone at www.prizes.example"
//! ```
//!
//! The environment says where the server is and what it wants:
//!
//! - `THRESHER_ADDRESS`: `http://127.0.0.1:50051` if it is not set; with
//!   `https://`, the server shows a certificate;
//! - `THRESHER_KEY`: the API key, if the server wants one;
//! - `THRESHER_CA`: a file with the certificate, in PEM, of the authority that
//!   the server's comes from;
//! - `THRESHER_CERTIFICATE` and `THRESHER_CERTIFICATE_KEY`: files with a
//!   certificate of one's own and its private key, if the server wants one.

use anyhow::{Context, anyhow};
use std::{env, fs};
use thresher::server::pb::moderation_service_client::ModerationServiceClient;
use thresher::server::pb::{Comment, ModerateCommentRequest, Reason};
use tonic::Request;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let text = env::args().nth(1).context("usage: moderate_comment TEXT")?;
    let address = env::var("THRESHER_ADDRESS").unwrap_or_else(|_| "http://127.0.0.1:50051".into());
    let channel = endpoint(&address)?.connect().await.with_context(|| format!("no server at {address}"))?;
    let mut client = ModerationServiceClient::new(channel);

    let mut request = Request::new(ModerateCommentRequest {
        comment: Some(Comment { text, ..Comment::default() }),
        explain: true,
        ..ModerateCommentRequest::default()
    });
    if let Ok(key) = env::var("THRESHER_KEY") {
        let bearer = format!("Bearer {key}").parse().context("THRESHER_KEY is no API key")?;
        request.metadata_mut().insert("authorization", bearer);
    }
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
        print_reason("", reason);
    }
    for reason in &answer.shadow_reasons {
        print_reason("in shadow mode: ", reason);
    }
    println!("model {}, policy {}", answer.model_version, answer.policy_version);
    Ok(())
}

/// Where the server is, and with `https://` how it is trusted.
fn endpoint(address: &str) -> anyhow::Result<Endpoint> {
    let endpoint = Endpoint::from_shared(address.to_owned()).context("THRESHER_ADDRESS is no address")?;
    if !address.starts_with("https://") {
        return Ok(endpoint);
    }
    let read = |name: &str| -> anyhow::Result<Option<Vec<u8>>> {
        let Ok(path) = env::var(name) else { return Ok(None) };
        Ok(Some(fs::read(&path).with_context(|| format!("{path}: cannot be read"))?))
    };
    let mut tls = ClientTlsConfig::new();
    if let Some(ca) = read("THRESHER_CA")? {
        tls = tls.ca_certificate(Certificate::from_pem(ca));
    }
    match (read("THRESHER_CERTIFICATE")?, read("THRESHER_CERTIFICATE_KEY")?) {
        (Some(certificate), Some(key)) => tls = tls.identity(Identity::from_pem(certificate, key)),
        (None, None) => {}
        _ => return Err(anyhow!("THRESHER_CERTIFICATE and THRESHER_CERTIFICATE_KEY go together")),
    }
    Ok(endpoint.tls_config(tls)?)
}

/// The rule, what moderators are told, and the entries of lists it found.
fn print_reason(before: &str, reason: &Reason) {
    println!("{before}{}: {}", reason.rule, reason.message);
    for hit in &reason.list_hits {
        println!("  on list {}: {}", hit.list, hit.entry);
    }
}
