//! The machine's own promises: whatever the order of events, nothing is lost and nothing is done twice.

use super::drive::{START, exited, pod};
use crate::engine::{Action, EffectId, Event, Output};
use crate::model::Phase;
use crate::model::RestartPolicy::{Always, Never};

#[test]
fn a1_an_exit_may_come_before_the_starts_answer() {
    let mut d = pod(Always).main("m").idle();
    d.hold("start m#0");
    d.go();
    let attempt = d.attempt("m");
    let at = d.now;
    d.send(exited(attempt, 3, at));
    assert!(!d.has_done("start m#1"), "the first start isn't answered");
    d.release("start m#0");
    assert_eq!(d.state("m"), "Running");
    let last = d
        .container("m")
        .last_state
        .expect("the first instance ended");
    assert_eq!(last.exit_code, 3);
    assert_eq!(last.container_id.as_deref(), Some("wasm://m#0"));
}

#[test]
fn of_two_ends_the_first_counts() {
    let mut d = pod(Never).main("m").idle();
    d.hold("start m#0");
    d.go();
    let (attempt, at) = (d.attempt("m"), d.now);
    d.send(exited(attempt.clone(), 3, at));
    d.send(exited(attempt, 0, at));
    d.release("start m#0");
    assert_eq!(d.state("m"), "Terminated Error 3");
}

#[test]
fn a_start_that_completes_after_the_delete_is_stopped() {
    let mut d = pod(Always).main("m").idle();
    d.hold("start m");
    d.go();
    d.delete(Some(5));
    assert!(d.has_done("abandon start m#0"));
    assert!(!d.forgotten);
    d.pass_secs(60);
    d.did();
    d.release("start m#0");
    assert_eq!(d.did(), ["term m#0"]);
    d.pass_secs(2);
    assert!(d.forgotten);
    assert_eq!(d.phase(), Phase::Failed);
}

#[test]
fn a_start_that_fails_after_the_delete_is_nobodys_business() {
    let mut d = pod(Always).main("m").idle();
    d.hold("start m");
    d.go();
    let told = d.told();
    d.delete(None);
    d.break_off("start m#0", "RunContainerError");
    assert_eq!(d.told(), told);
    assert!(d.forgotten);
}

#[test]
fn repeated_and_unknown_events_change_nothing() {
    let mut d = pod(Never).main("m").run();
    d.did();
    let (attempt, at) = (d.attempt("m"), d.now);
    for id in [0, 1, 2, 3, 4, 99] {
        let result = Ok(Output::Unit);
        d.send(Event::Done {
            id: EffectId(id),
            result,
        });
    }
    let mut other = attempt.clone();
    other.number = 7;
    d.send(exited(other.clone(), 1, at));
    other.container = "nobody".into();
    d.send(exited(other, 1, at));
    assert_eq!(d.state("m"), "Running");
    d.send(exited(attempt.clone(), 0, at));
    d.send(exited(attempt, 1, at));
    assert_eq!(d.phase(), Phase::Succeeded);
}

#[test]
fn two_events_at_one_instant_are_legal() {
    let mut d = pod(Always).main("a").main("b").run();
    d.exit("a", 1);
    d.exit("b", 1);
    d.delete(None);
    d.delete(Some(0));
    assert_eq!(d.now, START);
    assert_eq!(d.container("a").restart_count, 1);
}

#[test]
fn effect_ids_are_never_used_again() {
    let mut d = pod(Always).main("m").idle();
    let mut ids = Vec::new();
    let mut events = vec![Event::Tick];
    for _ in 0..50 {
        let event = events.pop().unwrap_or(Event::Tick);
        d.now = d.now + std::time::Duration::from_secs(400);
        for action in d.machine.step(d.now, event) {
            if let Action::Run(id, _) = action {
                ids.push(id);
                events.push(Event::Done {
                    id,
                    result: Ok(Output::Unit),
                });
            }
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert!(count > 10);
}

#[test]
fn the_status_is_published_only_when_it_changed() {
    let mut d = pod(Always).main("m").run();
    let published = d.published.len();
    d.go();
    d.pass_secs(100);
    assert_eq!(d.published.len(), published);
    assert!(d.published.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn nothing_happens_after_forget() {
    let mut d = pod(Always).main("m").idle();
    d.delete(None);
    let status = d.status();
    assert!(d.machine.step(d.now, Event::Tick).is_empty());
    assert!(
        d.machine
            .step(d.now, Event::Delete { grace: None })
            .is_empty()
    );
    assert_eq!(d.status(), status);
    assert_eq!(d.machine.wake_at(), None);
}
