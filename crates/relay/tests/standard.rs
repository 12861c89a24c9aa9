//! The standard services: health for load balancers, reflection for tools, over gRPC and gRPC-Web.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::support::{
    http::{exchange, frame, frames},
    *,
};

const SERVICES: [&str; 3] = ["tacita.v1.ManifestService", "tacita.v1.TokenService", "tacita.v1.CollectionService"];

#[tokio::test]
async fn health_says_serving_for_the_relay_and_each_of_its_services_and_knows_no_other() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let mut health = HealthClient::new(connect(relay.address()).await);
    for service in SERVICES.into_iter().chain([""]) {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let unknown = health.check(HealthCheckRequest { service: "tacita.v1.AdminService".into() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    let head = "POST /grpc.health.v1.Health/Check HTTP/1.1\r\ncontent-type: application/grpc-web+proto\r\n";
    let (_, body) = exchange(relay.address(), head, &frame(&HealthCheckRequest::default())).await;
    let (message, trailers) = frames(&body);
    assert_eq!(HealthCheckResponse::decode(message.as_slice()).unwrap().status(), ServingStatus::Serving);
    assert!(trailers.contains("grpc-status:0"), "{trailers}");

    // Who watches is told nothing new, and is let go when the relay drains.
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    relay.shutdown().await;
    while let Ok(Some(_)) = watch.message().await {}
}

#[tokio::test]
async fn reflection_names_the_services_and_describes_their_messages() {
    let (double, data) = (RunningDouble::start().await, tempfile::tempdir().unwrap());
    let relay = start(double.config(data.path())).await;
    let mut reflection = ServerReflectionClient::new(connect(relay.address()).await);
    let mut ask = async |asked| {
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(asked) };
        let mut answers = reflection.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        answers.next().await.unwrap().unwrap().message_response.unwrap()
    };
    let MessageResponse::ListServicesResponse(list) = ask(MessageRequest::ListServices(String::new())).await else {
        panic!("no list of services");
    };
    let listed: BTreeSet<String> = list.service.into_iter().map(|service| service.name).collect();
    assert!(SERVICES.iter().all(|service| listed.contains(*service)), "{listed:?}");

    let symbol = MessageRequest::FileContainingSymbol("tacita.v1.SubmitReportsRequest".into());
    let MessageResponse::FileDescriptorResponse(files) = ask(symbol).await else { panic!("no description") };
    let text = String::from_utf8_lossy(&files.file_descriptor_proto[0]).into_owned();
    assert!(text.contains("envelopes") && text.contains("SubmitReports"));
}
