//! Hooks (rules E4 to E7).

use std::time::Duration;

use super::super::{HookFailed, run_hook};
use super::server::{answer, listen, redirect, secure_web, web};
use super::{Act, Fake, World, clock};
use crate::engine::{Hook, Notice};
use crate::model::{EnvValue, EnvVar, HookHandler, HttpGet, PortRef, Seconds};

fn get(port: u16) -> HttpGet {
    HttpGet {
        host: None,
        port: PortRef::Number(port),
        path: "/hook".into(),
        https: false,
        headers: Vec::new(),
    }
}

async fn run(world: &World, handler: HookHandler) -> Result<Option<Notice>, HookFailed> {
    let mut spec = world.spec();
    spec.env = vec![EnvVar {
        name: "A".into(),
        value: EnvValue::Text("1".into()),
    }];
    spec.hooks.pre_stop = Some(handler);
    let clock = clock();
    run_hook(&spec, Hook::PreStop, &world.instance(0), clock.as_ref()).await
}

#[tokio::test(start_paused = true)]
async fn e4_a_command_that_exits_with_another_code_than_0_fails() {
    let world = World::of(Fake::of(&[
        Act::Exit("", 0),
        Act::Exit("secret", 3),
        Act::Missing,
    ]));
    let command = || HookHandler::Exec(vec!["sh".into(), "$(A)".into()]);
    assert_eq!(run(&world, command()).await, Ok(None));
    assert!(run(&world, command()).await.is_err());
    assert!(run(&world, command()).await.is_err());
    assert_eq!(
        world.fake.commands(),
        ["sh $(A)"; 3],
        "nothing is expanded, and nothing is tried twice"
    );
}

#[tokio::test(start_paused = true)]
async fn e2_the_command_of_a_hook_that_is_given_up_is_ended() {
    let world = World::of(Fake::of(&[Act::Hang]));
    let command = HookHandler::Exec(vec!["sleep".into()]);
    let given_up = tokio::time::timeout(Duration::from_secs(3_600), run(&world, command)).await;
    assert!(given_up.is_err(), "a hook has no time limit of its own");
    assert_eq!(world.fake.killed(), 1);
}

#[tokio::test(start_paused = true)]
async fn e5_any_answer_is_success() {
    let world = World::new();
    let asked = web(&world.host.net, "0.0.0.0:8080", |_| answer(500, ""));
    assert_eq!(run(&world, HookHandler::HttpGet(get(8080))).await, Ok(None));
    let request = asked.requests().remove(0);
    assert_eq!(request[0], "GET /hook");
    assert!(request.contains(&"user-agent: kube-lifecycle/1.36".to_owned()));
    web(&world.host.net, "0.0.0.0:8081", |_| {
        redirect("http://elsewhere/")
    });
    assert_eq!(run(&world, HookHandler::HttpGet(get(8081))).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn e5_no_answer_is_failure() {
    let world = World::new();
    let failed = run(&world, HookHandler::HttpGet(get(8080))).await;
    assert!(failed.is_err());
    let mut unnamed = get(8080);
    unnamed.port = PortRef::Name("web".into());
    assert!(run(&world, HookHandler::HttpGet(unnamed)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn e5_https_is_not_verified() {
    let world = World::new();
    let asked = secure_web(&world.host.net, "0.0.0.0:8443", |_| answer(200, ""));
    let mut https = get(8443);
    https.https = true;
    assert_eq!(run(&world, HookHandler::HttpGet(https)).await, Ok(None));
    assert_eq!(asked.paths(), ["GET /hook"]);
}

#[tokio::test(start_paused = true)]
async fn e5_https_to_a_plain_server_falls_back_and_says_so() {
    let world = World::new();
    let asked = web(&world.host.net, "0.0.0.0:8080", |_| answer(200, ""));
    let mut https = get(8080);
    https.https = true;
    https.headers = [("Authorization", "secret"), ("X-Me", "1")]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
    let notice = run(&world, HookHandler::HttpGet(https)).await;
    let notice = notice.expect("it fell back").expect("it is told");
    assert_eq!(
        (notice.reason, notice.message.as_str()),
        (
            "LifecycleHTTPFallback",
            "request to HTTPS lifecycle hook got HTTP response, retrying with HTTP for 10.88.0.2:8080"
        )
    );
    let request = asked.requests().remove(0);
    assert!(request.contains(&"x-me: 1".to_owned()));
    assert!(
        !request.iter().any(|line| line.starts_with("authorization")),
        "what was meant for an encrypted connection is not sent without"
    );
}

#[tokio::test(start_paused = true)]
async fn e6_sleep_takes_its_seconds_and_0_none() {
    let world = World::new();
    for seconds in [0, 7] {
        let begun = tokio::time::Instant::now();
        let slept = run(&world, HookHandler::Sleep(Seconds(seconds))).await;
        assert_eq!(slept, Ok(None));
        assert_eq!(begun.elapsed().as_secs(), seconds);
    }
}

#[tokio::test(start_paused = true)]
async fn e7_tcp_socket_always_fails() {
    let world = World::new();
    let _listener = listen(&world.host.net, "0.0.0.0:80");
    assert!(run(&world, HookHandler::TcpSocket).await.is_err());
}
