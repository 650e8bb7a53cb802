//! Workers: rhythm, tries, events (rules D3, D7, D8, D11, D14, D16).

use std::sync::Arc;
use std::time::Duration;

use super::super::{PodProbes, Report, Sight};
use super::server::{answer, listen, web};
use super::{Act, Fake, SECOND, World, clock};
use crate::engine::ProbeKind::{self, Liveness, Readiness, Startup};
use crate::model::{Pod, PortRef, Probe, ProbeHandler, Seconds, Time, testing};

fn exec() -> Probe {
    Probe {
        handler: ProbeHandler::Exec(vec!["check".into()]),
        period: Seconds(10),
        ..testing::probe()
    }
}

fn with(pod: &Pod, kind: ProbeKind, probe: Probe) -> Pod {
    let mut pod = pod.clone();
    let probes = &mut Arc::make_mut(&mut pod.spec).mains[0].probes;
    match kind {
        Startup => probes.startup = Some(probe),
        Liveness => probes.liveness = Some(probe),
        Readiness => probes.readiness = Some(probe),
    }
    pod
}

/// The probes of a pod of one, and when they were begun.
struct Test {
    world: World,
    probes: PodProbes,
    begun: tokio::time::Instant,
}

impl Test {
    fn new(world: World, kind: ProbeKind, probe: Probe) -> Self {
        let pod = with(&world.pod, kind, probe);
        Self {
            probes: PodProbes::start(&pod, &clock()).expect("a probe"),
            world,
            begun: tokio::time::Instant::now(),
        }
    }

    /// An instance that has run since now.
    fn sight(&self, number: u32) -> Sight {
        let now = Time::from_unix_secs(1_000_000) + self.begun.elapsed();
        Sight {
            running: Some((self.world.instance(number), now)),
            started: true,
            ready: true,
            ending: false,
        }
    }

    fn show(&self, sight: Sight) {
        self.probes.show(&"c".into(), sight);
    }

    /// The next report within an hour, and the second it came.
    async fn next(&mut self) -> (u64, String) {
        let report = tokio::time::timeout(3_600 * SECOND, self.probes.report()).await;
        let text = match report {
            Err(_) => "nothing".to_owned(),
            Ok(None) => "the end".to_owned(),
            Ok(Some(Report::Notice(notice))) => format!("{}: {}", notice.reason, notice.message),
            Ok(Some(Report::Verdict {
                attempt,
                probe,
                healthy,
            })) => format!("{attempt:?} {probe:?} {healthy}"),
        };
        (self.begun.elapsed().as_secs(), text)
    }

    /// How many commands were run within that time.
    async fn commands_in(&mut self, seconds: u64) -> usize {
        let before = self.world.fake.commands().len();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.world.fake.commands().len() - before
    }
}

fn told(second: u64, text: &str) -> (u64, String) {
    (second, text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn d3_ticks_come_at_the_workers_own_rhythm_once_the_container_runs() {
    let mut test = Test::new(World::new(), Liveness, exec());
    assert_eq!(test.commands_in(3).await, 0, "nothing runs yet");
    test.show(test.sight(0));
    assert_eq!(test.commands_in(6).await, 0, "up to one period late");
    assert_eq!(test.commands_in(2).await, 1, "at second 10");
    assert_eq!(test.commands_in(30).await, 3, "every 10 seconds");
}

#[tokio::test(start_paused = true)]
async fn d3_workers_that_begin_one_after_the_other_tick_together() {
    let clock = clock();
    let begun = tokio::time::Instant::now();
    let mut tests = Vec::new();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(4)).await;
        let world = World::of(Fake::of(&[Act::Exit("", 1)]));
        let pod = with(&world.pod, Liveness, exec());
        tests.push((PodProbes::start(&pod, &clock).expect("a probe"), world));
    }
    let at = Time::from_unix_secs(1_000_000);
    for (probes, world) in &tests {
        let sight = Sight {
            running: Some((world.instance(0), at)),
            started: true,
            ..Sight::default()
        };
        probes.show(&"c".into(), sight);
    }
    for (probes, _) in &mut tests {
        assert!(probes.report().await.is_some());
        assert_eq!(begun.elapsed().as_millis(), 50);
    }
}

#[tokio::test(start_paused = true)]
async fn d3_the_initial_delay_is_counted_from_the_start_of_the_instance() {
    let probe = Probe {
        period: Seconds(1),
        initial_delay: Seconds(5),
        ..exec()
    };
    let mut test = Test::new(World::new(), Liveness, probe);
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    test.show(test.sight(0));
    // Started at 3.5 s: the tick of second 8 comes too early.
    assert_eq!(test.commands_in(5).await, 0);
    assert_eq!(test.commands_in(1).await, 1);
}

#[tokio::test(start_paused = true)]
async fn d3_a_started_container_that_is_not_ready_is_asked_at_once() {
    let fake = Fake::of(&[Act::Exit("", 1), Act::Exit("", 1)]);
    let mut test = Test::new(World::of(fake), Readiness, exec());
    tokio::time::sleep(3 * SECOND).await;
    let waits = Sight {
        ready: false,
        ..test.sight(0)
    };
    test.show(waits.clone());
    assert_eq!(test.commands_in(1).await, 1);
    assert_eq!(
        test.next().await,
        told(4, "Unhealthy: Readiness probe failed: ")
    );
    assert_eq!(test.commands_in(1).await, 0);
    test.show(waits.clone());
    assert_eq!(
        test.commands_in(1).await,
        1,
        "each time its status is shown"
    );
    test.next().await;
    assert_eq!(test.next().await, told(10, "c#0 Readiness true"));
    test.show(test.sight(0));
    assert_eq!(test.commands_in(1).await, 0, "not when it is ready");
    let not_started = Sight {
        started: false,
        ..waits
    };
    test.show(not_started);
    assert_eq!(
        test.commands_in(1).await,
        0,
        "not before it has started (D4)"
    );
}

#[tokio::test(start_paused = true)]
async fn d5_d6_d16_every_failure_is_told_and_the_threshold_has_a_verdict() {
    let probe = Probe {
        failure_threshold: 3,
        ..exec()
    };
    let fake = Fake::of(&[Act::Exit("no", 1), Act::Exit("no", 2), Act::Exit("no", 3)]);
    let mut test = Test::new(World::of(fake), Liveness, probe);
    test.show(test.sight(0));
    let failed = "Unhealthy: Liveness probe failed: no";
    assert_eq!(test.next().await, told(0, failed));
    assert_eq!(test.next().await, told(10, failed));
    assert_eq!(test.next().await, told(20, failed));
    assert_eq!(test.next().await, told(20, "c#0 Liveness false"));
    assert_eq!(test.commands_in(60).await, 0, "D6: on hold");
    test.show(test.sight(1));
    assert_eq!(test.commands_in(60).await, 6, "D6: a new instance");
}

#[tokio::test(start_paused = true)]
async fn d7_what_cannot_be_run_is_tried_three_times_told_once_and_changes_nothing() {
    let probe = Probe {
        failure_threshold: 1,
        ..exec()
    };
    let acts = [
        Act::Missing,
        Act::Missing,
        Act::Missing,
        Act::Missing,
        Act::Exit("", 1),
    ];
    let mut test = Test::new(World::of(Fake::of(&acts)), Liveness, probe);
    test.show(test.sight(0));
    assert_eq!(
        test.next().await,
        told(
            0,
            "Unhealthy: Liveness probe errored and resulted in unknown state: \
             exec: \"check\": executable file not found in $PATH"
        )
    );
    assert_eq!(test.world.fake.commands().len(), 3);
    assert_eq!(
        test.next().await,
        told(10, "Unhealthy: Liveness probe failed: "),
        "the second try of the second run"
    );
    assert_eq!(test.next().await, told(10, "c#0 Liveness false"));
}

#[tokio::test(start_paused = true)]
async fn d8_a_command_that_takes_too_long_is_ended_and_has_failed() {
    let probe = Probe {
        timeout: Seconds(2),
        ..exec()
    };
    let mut test = Test::new(World::of(Fake::of(&[Act::Hang])), Startup, probe);
    let starting = Sight {
        started: false,
        ready: false,
        ..test.sight(0)
    };
    test.show(starting);
    assert_eq!(
        test.next().await,
        told(
            2,
            "Unhealthy: Startup probe failed: command timed out: \"check\" timed out after 2s"
        )
    );
    assert_eq!(test.world.fake.killed(), 1);
    assert_eq!(test.next().await, told(10, "c#0 Startup true"));
}

#[tokio::test(start_paused = true)]
async fn d8_a_commands_time_begins_when_it_runs() {
    let fake = Fake::of(&[Act::Compiled(25 * SECOND), Act::Exit("ill", 1)]);
    let mut test = Test::new(World::of(fake), Liveness, exec());
    test.show(test.sight(0));
    assert_eq!(
        test.next().await,
        told(25, "Unhealthy: Liveness probe failed: ill"),
        "the first ended well, and the next is late"
    );
    assert_eq!(test.world.fake.commands().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn d11_a_connection_is_enough_for_tcp() {
    let world = World::new();
    let tcp = |port| Probe {
        handler: ProbeHandler::TcpSocket {
            host: None,
            port: PortRef::Number(port),
        },
        ..exec()
    };
    let net = Arc::clone(&world.host.net);
    let _listener = listen(&net, "10.88.0.2:8080");
    let mut test = Test::new(world, Readiness, tcp(8080));
    test.show(test.sight(0));
    assert_eq!(test.next().await, told(0, "c#0 Readiness true"));
    let _local = listen(&net, "127.0.0.1:8081");
    let mut test = Test::new(test.world, Readiness, tcp(8081));
    test.show(test.sight(0));
    assert_eq!(
        test.next().await,
        told(
            0,
            "Unhealthy: Readiness probe failed: dial tcp 10.88.0.2:8081: connect: connection refused"
        ),
        "what listens on loopback alone is not reached"
    );
}

#[tokio::test(start_paused = true)]
async fn d10_d16_a_warning_is_told_and_counts_as_success() {
    let world = World::new();
    web(&world.host.net, "0.0.0.0:8080", |_| answer(304, ""));
    let probe = Probe {
        handler: ProbeHandler::HttpGet(crate::model::HttpGet {
            host: None,
            port: PortRef::Number(8080),
            path: "/".into(),
            https: false,
            headers: Vec::new(),
        }),
        ..exec()
    };
    let mut test = Test::new(world, Readiness, probe);
    test.show(test.sight(0));
    let warning =
        "ProbeWarning: Readiness probe warning: Probe terminated redirects, Response body: ";
    assert_eq!(test.next().await, told(0, warning));
    assert_eq!(test.next().await, told(0, "c#0 Readiness true"));
}

#[tokio::test(start_paused = true)]
async fn d14_at_the_pods_end_liveness_stops_and_readiness_goes_on() {
    for (kind, commands) in [(Liveness, 0), (Readiness, 6)] {
        let mut test = Test::new(World::new(), kind, exec());
        test.show(test.sight(0));
        tokio::time::sleep(SECOND).await;
        test.show(Sight {
            ending: true,
            ..test.sight(0)
        });
        assert_eq!(test.commands_in(60).await, commands, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn probes_end_with_their_pod() {
    let mut test = Test::new(World::of(Fake::of(&[Act::Hang])), Liveness, exec());
    test.show(test.sight(0));
    assert_eq!(test.commands_in(0).await, 0);
    tokio::time::sleep(Duration::from_millis(1)).await;
    let Test { world, probes, .. } = test;
    drop(probes);
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(world.fake.commands().len(), 1);
    assert_eq!(world.fake.killed(), 1, "what it was running is ended");
    assert!(
        PodProbes::start(&world.pod, &clock()).is_none(),
        "no probes, no workers"
    );
}
