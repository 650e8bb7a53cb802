//! Recording facts: what each event changes, before anything is planned. An event about an instance or an effect that is
//! not (or no longer) known changes nothing, so late and repeated events are harmless.

use super::backoff::PATIENT;
use super::desk::Desk;
use super::facts::{Eviction, Facts, Hold, Holding, Why};
use super::notices;
use super::slot::{HookRun, Instance, Slot, Started, Waiting};
use super::{Backoff, Effect, Event, Failure, Hook, Notice, Output, ProbeKind};
use crate::model::{Attempt, ContainerName, Exit, Seconds, Time};

/// Records the event.
pub(super) fn reduce(facts: &mut Facts, desk: &mut Desk<'_>, event: Event) {
    facts.accepted.get_or_insert(desk.now);
    match event {
        Event::Tick => {}
        Event::Delete { grace } => delete(facts, desk, grace),
        Event::Evict { reason, message } => evict(facts, desk, reason, message),
        Event::VolumesChanged if facts.volumes.state == Hold::Absent => {
            facts.volumes.outdated = desk.flight().has(&Effect::MountVolumes);
            facts.volumes.retry.hurry();
        }
        Event::VolumesChanged => {}
        Event::Done { id, result } => {
            if let Some(effect) = desk.take(id) {
                done(facts, desk, effect, result);
            }
        }
        Event::Pulling { id } => {
            let pulls = |slot: &&mut Slot| desk.flight().is_pull_of(id, &slot.spec.name);
            if let Some(slot) = facts.slots.iter_mut().find(pulls) {
                slot.tell_of_pulling(desk);
            }
        }
        Event::Exited { attempt, exit } => exited(facts, desk, &attempt, exit),
        Event::Probed {
            attempt,
            probe,
            healthy,
        } => probed(facts, &attempt, probe, healthy),
    }
}

/// Even grace 0 leaves a second (rule F4).
fn delete(facts: &mut Facts, desk: &Desk<'_>, grace: Option<Seconds>) {
    let grace = grace.unwrap_or(desk.pod.spec.grace).max(Seconds(1));
    if !facts.deleted && facts.outcome.is_none() {
        facts.later_generations += 1;
    }
    facts.deleted = true;
    facts.end(Why::Deleted, desk.now + grace);
}

/// The grace is a second, whatever the pod's own is (rule F10).
fn evict(facts: &mut Facts, desk: &mut Desk<'_>, reason: &'static str, message: String) {
    if facts.outcome.is_some() {
        return;
    }
    facts.end(Why::Evicted, desk.now + Seconds(1));
    let evicted = facts
        .ending
        .is_some_and(|ending| ending.why == Why::Evicted);
    if evicted && facts.eviction.is_none() {
        desk.record(notices::evicted(reason, &message));
        facts.eviction = Some(Eviction { reason, message });
    }
}

fn exited(facts: &mut Facts, desk: &mut Desk<'_>, attempt: &Attempt, exit: Exit) {
    let round = facts.round;
    let Some(slot) = current(facts, attempt) else {
        return;
    };
    let Some(instance) = &mut slot.current else {
        return;
    };
    instance.exit.get_or_insert(exit);
    desk.give_up_hook(attempt, Hook::PostStart);
    desk.give_up_hook(attempt, Hook::PreStop);
    slot.settle(round);
}

fn probed(facts: &mut Facts, attempt: &Attempt, probe: ProbeKind, healthy: bool) {
    let Some(instance) = current(facts, attempt).and_then(|slot| slot.current.as_mut()) else {
        return;
    };
    match (probe, healthy) {
        (ProbeKind::Readiness, healthy) => instance.readiness_passed = healthy,
        (ProbeKind::Startup, true) => instance.startup_passed = true,
        (ProbeKind::Startup, false) if instance.startup_passed => {}
        (ProbeKind::Startup | ProbeKind::Liveness, false) => {
            instance.failed_probe.get_or_insert(probe);
        }
        (ProbeKind::Liveness, true) => {}
    }
}

fn done(facts: &mut Facts, desk: &mut Desk<'_>, effect: Effect, result: Result<Output, Failure>) {
    match effect {
        Effect::MountVolumes => {
            let failure = acquired(&mut facts.volumes, &PATIENT, desk.now, result);
            complain(facts, desk, failure.as_ref().map(notices::mount));
        }
        Effect::CreateHost => {
            if let Ok(Output::Host { pod_ip, host_ip }) = &result {
                facts.pod_ip.clone_from(pod_ip);
                facts.host_ip.clone_from(host_ip);
            }
            let failure = acquired(&mut facts.host, &desk.config.restarts, desk.now, result);
            complain(facts, desk, failure.as_ref().map(notices::sandbox));
        }
        Effect::ReleaseHost => released(&mut facts.host, desk, result),
        Effect::UnmountVolumes => released(&mut facts.volumes, desk, result),
        Effect::Pull { container, .. } => pulled(facts, desk, &container, result),
        Effect::Start { attempt, image_id } => {
            start_answered(facts, desk, &attempt, image_id, result);
        }
        Effect::RunHook { attempt, hook } => hook_returned(facts, desk, &attempt, hook, result),
        // TERM is sent once: if it can't be delivered, KILL follows all the same.
        Effect::Terminate { .. } => {}
        Effect::Kill { attempt } => killed(facts, desk, &attempt, result),
    }
}

fn acquired(
    holding: &mut Holding,
    backoff: &Backoff,
    now: Time,
    result: Result<Output, Failure>,
) -> Option<Failure> {
    match result {
        Ok(_) => {
            *holding = Holding {
                state: Hold::Held,
                ..Holding::default()
            };
            None
        }
        Err(failure) => {
            holding.retry.fail(backoff, now);
            if std::mem::take(&mut holding.outdated) {
                holding.retry.hurry();
            }
            Some(failure)
        }
    }
}

/// Of a pod coming to its end, what failed was broken off on purpose: nobody is told.
fn complain(facts: &Facts, desk: &mut Desk<'_>, notice: Option<Notice>) {
    if let (Some(notice), None) = (notice, facts.ending) {
        desk.record(notice);
    }
}

fn released(holding: &mut Holding, desk: &Desk<'_>, result: Result<Output, Failure>) {
    match result {
        Ok(_) => holding.state = Hold::Released,
        Err(_) => holding.retry.fail(&PATIENT, desk.now),
    }
}

fn pulled(
    facts: &mut Facts,
    desk: &mut Desk<'_>,
    name: &ContainerName,
    result: Result<Output, Failure>,
) {
    let Some(slot) = facts.slots.iter_mut().find(|s| &s.spec.name == name) else {
        return;
    };
    slot.pull_answered(result, desk);
}

/// The start's answer. If the instance's exit came first, it ran whatever the answer says.
fn start_answered(
    facts: &mut Facts,
    desk: &mut Desk<'_>,
    attempt: &Attempt,
    image_id: String,
    result: Result<Output, Failure>,
) {
    let (round, ending) = (facts.round, facts.ending.is_some());
    let Some(slot) = current(facts, attempt) else {
        return;
    };
    let Some(instance) = &mut slot.current else {
        return;
    };
    let started = match (result, &instance.exit) {
        (Ok(Output::Started { container_id, at }), _) => Started {
            at,
            container_id: Some(container_id),
        },
        (_, Some(exit)) => Started {
            at: exit.at,
            container_id: None,
        },
        (result, None) => {
            let failure = result.err().unwrap_or(Failure {
                reason: "RunContainerError",
                message: "the start did not say what was started".into(),
            });
            if failure.reason == notices::NOT_CONFIGURED {
                slot.start_not_configured(image_id, desk.now);
            } else {
                slot.start_failed(desk.config, desk.now);
            }
            if !ending {
                let notice = notices::start_failed(&slot.spec, &failure);
                let waiting = Waiting {
                    reason: failure.reason,
                    message: Some(failure.message),
                };
                if slot.shows(waiting, desk.now) {
                    desk.record(notice);
                }
            }
            return;
        }
    };
    instance.started = Some(started);
    desk.record(notices::created(&slot.spec));
    desk.record(notices::started(&slot.spec));
    slot.settle(round);
}

fn hook_returned(
    facts: &mut Facts,
    desk: &mut Desk<'_>,
    attempt: &Attempt,
    hook: Hook,
    result: Result<Output, Failure>,
) {
    let Some(slot) = current(facts, attempt) else {
        return;
    };
    let Some(instance) = &mut slot.current else {
        return;
    };
    match (hook, result) {
        (Hook::PostStart, Ok(_)) => instance.post_start = HookRun::Over,
        (Hook::PostStart, Err(_)) => {
            instance.post_start = HookRun::Failed;
            slot.waiting = Some(notices::post_start_waiting());
            desk.record(notices::post_start_failed(&slot.spec));
        }
        (Hook::PreStop, result) => {
            if let Some(stop) = &mut instance.stop {
                stop.pre_stop = HookRun::Over;
            }
            if result.is_err() {
                desk.record(notices::pre_stop_failed(&slot.spec));
            }
        }
    }
}

fn killed(
    facts: &mut Facts,
    desk: &mut Desk<'_>,
    attempt: &Attempt,
    result: Result<Output, Failure>,
) {
    let Some(slot) = current(facts, attempt) else {
        return;
    };
    let Some(instance) = &mut slot.current else {
        return;
    };
    let Some(stop) = &mut instance.stop else {
        return;
    };
    match result {
        Ok(_) => stop.killed = true,
        Err(failure) => {
            stop.kill_retry.fail(&PATIENT, desk.now);
            desk.record(notices::kill_failed(&failure));
        }
    }
}

/// The container whose instance this attempt is, if it is the one that may be alive.
fn current<'f>(facts: &'f mut Facts, attempt: &Attempt) -> Option<&'f mut Slot> {
    let is_it = |i: &Instance| i.attempt == *attempt;
    let mut slots = facts.slots.iter_mut();
    slots.find(|slot| slot.current.as_ref().is_some_and(is_it))
}
