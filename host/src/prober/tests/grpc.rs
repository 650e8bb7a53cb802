//! `grpc` (rule D11), against a server of hyper's.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::super::{Outcome, grpc};
use super::server::{answer, listen, web};
use super::{SECOND, World, failure};
use crate::network::PodNetwork;

/// A health server: the whole is well, `ill` is not, `gone` is not there.
fn health(net: &Arc<PodNetwork>, address: &str) {
    let listener = listen(net, address);
    tokio::spawn(async move {
        while let Ok(stream) = listener.accept().await {
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let io = TokioIo::new(stream.into_io());
            tokio::spawn(http.serve_connection(io, service_fn(reply)));
        }
    });
}

async fn reply(
    request: Request<Incoming>,
) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, Infallible> {
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    assert_eq!(request.headers()["content-type"], "application/grpc");
    assert_eq!(request.headers()["te"], "trailers");
    assert_eq!(request.headers()["user-agent"], "kube-probe/1.36");
    let question = request.into_body().collect().await.expect("a body");
    let question = question.to_bytes();
    let service = question.get(7..).unwrap_or_default();
    let (state, code) = match service {
        b"" => (1, "0"),
        b"ill" => (2, "0"),
        b"silent" => std::future::pending().await,
        _ => (0, "5"),
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().expect("a value"));
    let message = "unknown%20service".parse().expect("a value");
    trailers.insert("grpc-message", message);
    let body = if code == "0" {
        Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, state])
    } else {
        Bytes::new()
    };
    let body = Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers))));
    Ok(Response::new(body.boxed()))
}

#[tokio::test(start_paused = true)]
async fn d11_only_serving_succeeds() {
    let world = World::new();
    let net = &world.host.net;
    health(net, "0.0.0.0:50051");
    assert_eq!(grpc::probe(net, 50051, "", SECOND).await, Outcome::Success);
    assert_eq!(
        grpc::probe(net, 50051, "ill", SECOND).await,
        failure("service unhealthy (responded with \"NOT_SERVING\")")
    );
    assert_eq!(
        grpc::probe(net, 50051, "gone", SECOND).await,
        failure(
            "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service"
        )
    );
    assert_eq!(
        grpc::probe(net, 50051, "silent", SECOND).await,
        failure("timeout: health rpc did not complete within 1s")
    );
    // What was given up leaves nothing behind: not a connection, not a task that holds one.
    tokio::time::sleep(SECOND).await;
    assert_eq!(net.switch().stats().connections, 0);
}

#[tokio::test(start_paused = true)]
async fn d11_a_server_of_another_kind_fails() {
    let world = World::new();
    let net = &world.host.net;
    let text = |outcome| match outcome {
        Outcome::Failure(text) => text,
        other => panic!("{other:?}"),
    };
    let nobody = text(grpc::probe(net, 50051, "", SECOND).await);
    assert!(
        nobody.starts_with("timeout: failed to connect service \"10.88.0.2:50051\" within 1s"),
        "{nobody}"
    );
    web(net, "0.0.0.0:8080", |_| answer(200, "hello"));
    let http = text(grpc::probe(net, 8080, "", SECOND).await);
    assert!(http.starts_with("error: health rpc probe failed"), "{http}");
    let _mute = listen(net, "0.0.0.0:9");
    assert_eq!(
        text(grpc::probe(net, 9, "", SECOND).await),
        "timeout: health rpc did not complete within 1s"
    );
    health(net, "127.0.0.1:50052");
    let local = text(grpc::probe(net, 50052, "", SECOND).await);
    assert!(local.contains("connection refused"), "{local}");
}
