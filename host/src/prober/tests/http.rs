//! `httpGet` (rules D9, D10).

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::super::Outcome;
use super::super::http::Get;
use super::server::{answer, listen, redirect, secure_web, web};
use super::{SECOND, World, failure};
use crate::model::{HttpGet, PortRef};

fn to(path: &str) -> HttpGet {
    HttpGet {
        host: None,
        port: PortRef::Number(8080),
        path: path.into(),
        https: false,
        headers: Vec::new(),
    }
}

async fn probe(world: &World, http: &HttpGet) -> Outcome {
    let net = &world.host.net;
    match Get::new(http, &world.spec(), net, "kube-probe/1.36") {
        Ok(get) => get.probe(net, SECOND).await,
        Err(why) => Outcome::Errored(why),
    }
}

#[tokio::test(start_paused = true)]
async fn d9_a_status_from_200_to_399_is_success_and_others_say_their_number() {
    let world = World::new();
    web(&world.host.net, "0.0.0.0:8080", |path| {
        answer(path[1..].parse().expect("a status"), "not told")
    });
    for status in [200, 204, 299] {
        assert_eq!(
            probe(&world, &to(&format!("/{status}"))).await,
            Outcome::Success,
            "{status}"
        );
    }
    for status in [400, 404, 500, 503] {
        assert_eq!(
            probe(&world, &to(&format!("/{status}"))).await,
            failure(&format!("HTTP probe failed with statuscode: {status}"))
        );
    }
    assert_eq!(
        probe(&world, &to("/304")).await,
        Outcome::Warning("Probe terminated redirects, Response body: ".into()),
        "D10: one that leads nowhere"
    );
}

#[tokio::test(start_paused = true)]
async fn d9_what_is_sent_is_what_a_kubelet_sends() {
    let world = World::new();
    let asked = web(&world.host.net, "0.0.0.0:8080", |_| answer(200, ""));
    probe(&world, &to("/healthz?x=1")).await;
    let mut custom = to("/");
    custom.headers = [("Host", "web.test"), ("X-Custom", "a"), ("Accept", "")]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
    probe(&world, &custom).await;
    let usual = [
        "GET /healthz?x=1",
        "accept: */*",
        "connection: close",
        "host: 10.88.0.2:8080",
        "user-agent: kube-probe/1.36",
    ];
    let own = [
        "GET /",
        "connection: close",
        "host: web.test",
        "user-agent: kube-probe/1.36",
        "x-custom: a",
    ];
    assert_eq!(asked.requests(), [usual, own]);
}

#[tokio::test(start_paused = true)]
async fn d9_a_server_on_loopback_alone_is_not_reached() {
    let world = World::new();
    let asked = web(&world.host.net, "127.0.0.1:8080", |_| answer(200, ""));
    assert_eq!(
        probe(&world, &to("/")).await,
        failure(
            "Get \"http://10.88.0.2:8080/\": dial tcp 10.88.0.2:8080: connect: connection refused"
        )
    );
    let mut by_loopback = to("/");
    by_loopback.host = Some("127.0.0.1".into());
    assert_eq!(
        probe(&world, &by_loopback).await,
        failure(
            "Get \"http://127.0.0.1:8080/\": dial tcp 127.0.0.1:8080: connect: connection refused"
        ),
        "that is the node's loopback, not the pod's"
    );
    assert!(asked.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn d9_a_server_that_takes_too_long_fails() {
    let world = World::new();
    // It accepts, and says nothing.
    let _listener = listen(&world.host.net, "0.0.0.0:8080");
    let begun = tokio::time::Instant::now();
    assert_eq!(
        probe(&world, &to("/")).await,
        failure(
            "Get \"http://10.88.0.2:8080/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        )
    );
    assert_eq!(begun.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn d9_a_server_that_hangs_up_fails() {
    let world = World::new();
    let listener = listen(&world.host.net, "0.0.0.0:8080");
    tokio::spawn(async move {
        while let Ok(stream) = listener.accept().await {
            drop(stream)
        }
    });
    let Outcome::Failure(text) = probe(&world, &to("/")).await else {
        panic!("it hung up");
    };
    assert!(
        text.starts_with("Get \"http://10.88.0.2:8080/\": "),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn d9_an_answer_whose_head_never_ends_fails_before_its_time_is_over() {
    let world = World::new();
    let listener = listen(&world.host.net, "0.0.0.0:8080");
    tokio::spawn(async move {
        while let Ok(stream) = listener.accept().await {
            let mut io = stream.into_io();
            let mut sent = &b"HTTP/1.1 200 OK\r\nX-Endless: "[..];
            while io.write_all(sent).await.is_ok() {
                sent = &[b'x'; 1024];
            }
        }
    });
    let begun = tokio::time::Instant::now();
    let outcome = probe(&world, &to("/")).await;
    assert!(matches!(outcome, Outcome::Failure(_)), "{outcome:?}");
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn d9_no_more_than_ten_kibibytes_of_an_answer_are_read() {
    let world = World::new();
    web(&world.host.net, "0.0.0.0:8080", |_| {
        let mut endless = redirect("http://elsewhere/");
        *endless.body_mut() = vec![b'x'; 1 << 20].into();
        endless
    });
    let Outcome::Warning(text) = probe(&world, &to("/")).await else {
        panic!("a redirect to elsewhere");
    };
    assert_eq!(text.matches('x').count(), 10 * 1024);
}

#[tokio::test(start_paused = true)]
async fn d9_tls_is_not_verified() {
    let world = World::new();
    let asked = secure_web(&world.host.net, "0.0.0.0:8080", |_| answer(200, ""));
    let mut https = to("/");
    https.https = true;
    assert_eq!(probe(&world, &https).await, Outcome::Success);
    assert_eq!(asked.paths(), ["GET /"]);
}

#[tokio::test(start_paused = true)]
async fn d9_https_to_a_server_without_tls_fails() {
    let world = World::new();
    let listener = listen(&world.host.net, "0.0.0.0:8080");
    tokio::spawn(async move {
        while let Ok(stream) = listener.accept().await {
            let _ = stream.write("HTTP/1.1 400 Bad Request\r\n\r\n".into());
        }
    });
    let mut https = to("/");
    https.https = true;
    assert_eq!(
        probe(&world, &https).await,
        failure("Get \"https://10.88.0.2:8080/\": http: server gave HTTP response to HTTPS client")
    );
}

#[tokio::test(start_paused = true)]
async fn d7_a_port_without_a_number_and_a_header_that_cannot_be_sent_are_errors() {
    let world = World::new();
    let mut unnamed = to("/");
    unnamed.port = PortRef::Name("web".into());
    assert_eq!(
        probe(&world, &unnamed).await,
        Outcome::Errored("strconv.Atoi: parsing \"web\": invalid syntax".into())
    );
}

#[tokio::test(start_paused = true)]
async fn d10_redirects_to_the_same_host_are_followed() {
    let world = World::new();
    let asked = web(&world.host.net, "0.0.0.0:8080", |path| match path {
        "/" => redirect("/a"),
        "/a" => redirect("http://10.88.0.2:8080/b"),
        "/b" => answer(500, ""),
        other => panic!("{other}"),
    });
    let mut get = to("/");
    get.headers = vec![("Host".into(), "web.test".into())];
    assert_eq!(
        probe(&world, &get).await,
        failure("HTTP probe failed with statuscode: 500"),
        "where it leads counts"
    );
    assert_eq!(asked.paths(), ["GET /", "GET /a", "GET /b"]);
    let hosts: Vec<String> = asked
        .requests()
        .into_iter()
        .filter_map(|lines| lines.into_iter().find(|line| line.starts_with("host: ")))
        .collect();
    assert_eq!(
        hosts,
        ["host: web.test", "host: web.test", "host: 10.88.0.2:8080"],
        "a location that names a host names the host"
    );
}

#[tokio::test(start_paused = true)]
async fn d10_redirect_to_other_host_succeeds_with_warning() {
    let world = World::new();
    let asked = web(&world.host.net, "0.0.0.0:8080", |_| {
        redirect("http://0.0.0.0:8080/b")
    });
    assert_eq!(
        probe(&world, &to("/")).await,
        Outcome::Warning("Probe terminated redirects, Response body: elsewhere".into())
    );
    assert_eq!(asked.paths().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn d10_after_ten_redirects_it_fails() {
    let world = World::new();
    let asked = web(&world.host.net, "0.0.0.0:8080", |_| redirect("/again"));
    assert_eq!(
        probe(&world, &to("/")).await,
        failure("Get \"http://10.88.0.2:8080/again\": stopped after 10 redirects")
    );
    assert_eq!(asked.paths().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn d9_another_pods_address_is_reached_and_one_beyond_is_refused_by_egress() {
    let world = World::new();
    let switch = world.host.net.switch();
    let mut identity = world.host.net.identity().clone();
    identity.uid = "other".into();
    let other = switch.attach(identity).expect("an address");
    let asked = web(&other, "0.0.0.0:8080", |_| answer(200, ""));
    let mut get = to("/");
    get.host = Some(other.ip().to_string());
    assert_eq!(probe(&world, &get).await, Outcome::Success);
    assert_eq!(asked.paths(), ["GET /"]);
    get.host = Some("192.0.2.1".into());
    assert_eq!(
        probe(&world, &get).await,
        failure(
            "Get \"http://192.0.2.1:8080/\": dial tcp 192.0.2.1:8080: connect: denied by the pod's egress rules"
        )
    );
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(switch.stats().connections, 0, "every connection is closed");
}
