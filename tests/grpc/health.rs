use crate::support::*;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

fn service(name: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: name.into() }
}

#[tokio::test]
async fn the_server_and_its_service_are_healthy_and_no_other_is_known() {
    let server = TestServer::start().await;
    let mut health = HealthClient::new(server.channel().await);
    for name in ["", "thresher.v1.ModerationService"] {
        let response = health.check(service(name)).await.unwrap().into_inner();
        assert_eq!(response.status(), ServingStatus::Serving, "{name:?}");
    }
    let status = health.check(service("thresher.v1.Moderation")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn a_watch_sees_the_end_and_does_not_hold_it_up() {
    let mut server = TestServer::start().await;
    let mut health = HealthClient::new(server.channel().await);
    let mut watch = health.watch(service("")).await.unwrap().into_inner();
    let mut next = async || watch.message().await.unwrap().map(|m| m.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));
    server.stop();
    // The pause is none, so that the end may overtake the news.
    let seen = next().await;
    assert!(matches!(seen, None | Some(ServingStatus::NotServing)), "{seen:?}");
    assert_eq!(server.ended().await, thresher::server::DrainReport::default());
}
