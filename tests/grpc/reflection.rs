use crate::support::*;
use thresher::server::Options;
use tonic::Code;
use tonic_reflection::pb::{v1, v1alpha};

const MODERATION: &str = "thresher.v1.ModerationService";

/// Asks one version of the service for the services and for a file.
macro_rules! reflect {
    ($version:ident, $channel:expr) => {{
        use $version::server_reflection_request::MessageRequest;
        use $version::server_reflection_response::MessageResponse;
        let mut client = $version::server_reflection_client::ServerReflectionClient::new($channel);
        let requests = [
            MessageRequest::ListServices(String::new()),
            MessageRequest::FileContainingSymbol(MODERATION.into()),
        ]
        .map(|message| $version::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message),
        });
        let stream = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap();
        let mut answers = stream.into_inner();
        let listed = answers.message().await.unwrap().unwrap().message_response;
        let Some(MessageResponse::ListServicesResponse(listed)) = listed else { panic!("{listed:?}") };
        let names: Vec<_> = listed.service.into_iter().map(|s| s.name).collect();
        assert_eq!(names, ["thresher.v1.ModelService", MODERATION, "grpc.health.v1.Health"]);
        let file = answers.message().await.unwrap().unwrap().message_response;
        let Some(MessageResponse::FileDescriptorResponse(file)) = file else { panic!("{file:?}") };
        let described = String::from_utf8_lossy(&file.file_descriptor_proto[0]).into_owned();
        assert!(described.contains("StreamModerateComments"));
    }};
}

#[tokio::test]
async fn both_versions_list_and_describe_the_services() {
    let server = TestServer::start().await;
    reflect!(v1, server.channel().await);
    reflect!(v1alpha, server.channel().await);
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let server = TestServer::start_with(Options { reflection: false, ..options() }).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(server.channel().await);
    let request = v1::ServerReflectionRequest::default();
    let status = client.server_reflection_info(tokio_stream::iter([request])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}
