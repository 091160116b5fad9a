//! Messages that are none: what cannot be decoded is the caller's mistake, and is
//! told and counted as one.

use crate::metrics::sample;
use crate::support::*;
use prost::bytes::Bytes;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// Bytes in the place of the first field of every message, which are no message
/// and no text.
#[derive(Clone, PartialEq, prost::Message)]
struct Garbage {
    #[prost(bytes = "bytes", tag = "1")]
    first: Bytes,
}

fn garbage() -> Garbage {
    Garbage { first: Bytes::from_static(b"canary \xff\xfe") }
}

async fn told(channel: &Channel, path: &'static str) -> Status {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let (path, codec) =
        (http::uri::PathAndQuery::from_static(path), ProstCodec::<Garbage, Garbage>::default());
    if !path.as_str().ends_with("StreamModerateComments") {
        return grpc.unary(Request::new(garbage()), path, codec).await.unwrap_err();
    }
    let requests = Request::new(tokio_stream::iter([garbage()]));
    let answers = grpc.streaming(requests, path, codec).await;
    answers.unwrap().into_inner().message().await.unwrap_err()
}

#[tokio::test]
async fn what_cannot_be_decoded_is_the_callers_mistake() {
    let server = TestServer::start().await;
    let channel = server.channel().await;
    let paths = [
        "/thresher.v1.ModerationService/ModerateComment",
        "/thresher.v1.ModerationService/BatchModerateComments",
        "/thresher.v1.ModerationService/StreamModerateComments",
        "/thresher.v1.ModelService/GetModel",
        "/thresher.v1.ModelService/LoadModel",
        "/thresher.v1.ModelService/ActivateModel",
        "/thresher.v1.ModelService/RollbackModel",
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
    ];
    for path in paths {
        let status = told(&channel, path).await;
        assert_eq!(status_fields(&status), ["request"], "{path}");
        assert!(status.message().starts_with("request cannot be decoded: "), "{path}: {status:?}");
        assert!(!format!("{status:?}").contains("canary"), "{status:?}");
    }
    let count =
        async |what: &str| sample(&server, &format!("thresher_refusals_total{{reason=\"{what}\"}}")).await;
    assert_eq!(count("INVALID_REQUEST").await, Some(paths.len() as f64));
    assert_eq!(count("INTERNAL").await, None);
    // The field is named, so that the sender can find it.
    let status = told(&channel, paths[3]).await;
    assert!(status.message().contains("GetModelRequest.model_version"), "{status:?}");
}

#[tokio::test]
async fn framing_against_the_rules_of_grpc_stays_what_they_say() {
    let server = TestServer::start().await;
    let send = crate::faults::caller(server.address, 65_535).await;
    let path = "/grpc.health.v1.Health/Check";
    // A message that says it is packed, where none may be.
    let (response, mut body) = crate::faults::call(&send, server.address, path).await.unwrap();
    body.send_data(Bytes::from_static(&[1, 0, 0, 0, 0]), true).unwrap();
    let head = response.await.unwrap();
    assert_eq!(Status::from_header_map(head.headers()).unwrap().code(), Code::Internal);
}
