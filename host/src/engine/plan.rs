//! Planning: from what is known to what is to be done. Asks for nothing that is in flight, so planning again yields nothing
//! new until another fact is recorded or a time has come.

use std::time::Duration;

use super::backoff::PATIENT;
use super::desk::Desk;
use super::facts::{Facts, Hold, Holding, Outcome, Why};
use super::phase;
use super::restart::Verdict;
use super::slot::{Ended, Slot};
use super::start;
use super::terminate::{self, StopCause};
use super::{Backoff, Effect, notices};
use crate::model::Role;

/// Plans from the facts.
pub(super) fn plan(facts: &mut Facts, desk: &mut Desk<'_>) {
    decide_the_end(facts, desk);
    if let Some(ending) = facts.ending {
        break_off(facts, desk);
        terminate::stop_all(&mut facts.slots, ending.deadline, desk);
        if facts.all_down() {
            finish(facts, desk);
        }
        return;
    }
    if facts.restarting_all(&desk.pod.spec) && !restart_all(facts, desk) {
        return;
    }
    if prepare(facts, desk) {
        terminate::stop_condemned(&mut facts.slots, desk);
        start::bring_up(&mut facts.slots, facts.round, desk);
    }
}

/// How long a kubelet waits for volumes before it says so and waits again (rule G1).
const VOLUMES_AWAITED: Duration = Duration::from_secs(123);

/// Volumes first, then the logical host, then containers (rule A2). Returns whether both are there.
fn prepare(facts: &mut Facts, desk: &mut Desk<'_>) -> bool {
    let sandbox = desk.config.restarts;
    await_volumes(facts, desk);
    acquire(&facts.volumes, Effect::MountVolumes, &PATIENT, desk)
        && acquire(&facts.host, Effect::CreateHost, &sandbox, desk)
}

/// Rule G1. Of volumes that no container mounts nobody says so.
fn await_volumes(facts: &mut Facts, desk: &mut Desk<'_>) {
    let Some(notice) = notices::volumes_awaited(&desk.pod.spec) else {
        return;
    };
    if facts.volumes.state == Hold::Absent {
        let since = *facts.volumes_awaited.get_or_insert(desk.now);
        if desk.has_come(since + VOLUMES_AWAITED) {
            desk.record(notice);
            facts.volumes_awaited = Some(desk.now);
            desk.wait_until(desk.now + VOLUMES_AWAITED);
        }
    }
}

fn acquire(holding: &Holding, effect: Effect, backoff: &Backoff, desk: &mut Desk<'_>) -> bool {
    if holding.state == Hold::Absent && desk.has_come(holding.retry.due(backoff)) {
        desk.ensure(effect);
    }
    holding.state == Hold::Held
}

/// Whether the pod comes to its end by itself (rules A5, A11, B16). A delete has been recorded before.
fn decide_the_end(facts: &mut Facts, desk: &mut Desk<'_>) {
    if facts.outcome.is_some() {
        return;
    }
    let (pod, round) = (&desk.pod.spec, facts.round);
    let own_end = desk.now + pod.grace;
    let failed_init = |slot: &Slot| {
        slot.spec.role == Role::Init
            && slot.verdict(pod, round) == Some(Verdict::Leave)
            && !slot.ended_in(round).is_some_and(Ended::succeeded)
    };
    if facts.slots.iter().any(failed_init) {
        facts.end(Why::InitFailed, own_end);
    }
    if facts
        .mains()
        .all(|main| main.verdict(pod, round) == Some(Verdict::Leave))
    {
        facts.end(Why::MainsDone, own_end);
    }
    let still_active = match facts.ending {
        None => true,
        Some(ending) => ending.why == Why::MainsDone && !facts.all_down(),
    };
    if let (Some(limit), Some(accepted), true) = (pod.active_deadline, facts.accepted, still_active)
        && desk.has_come(accepted + limit)
    {
        desk.record(notices::deadline_exceeded());
        facts.end(Why::DeadlineExceeded, own_end);
    }
}

/// Nothing that is still being got ready is wanted any more.
fn break_off(facts: &mut Facts, desk: &mut Desk<'_>) {
    for slot in &facts.slots {
        desk.give_up_pull(&slot.spec.name);
    }
    desk.discourage(|effect| {
        matches!(
            effect,
            Effect::MountVolumes | Effect::CreateHost | Effect::Start { .. }
        )
    });
}

/// Kills everything without grace, then begins the next round (rule A16). Returns whether it has begun.
fn restart_all(facts: &mut Facts, desk: &mut Desk<'_>) -> bool {
    break_off(facts, desk);
    for slot in &mut facts.slots {
        slot.waiting = Some(notices::restarting_all_waiting());
        slot.stop(StopCause::RestartAll, desk.now, true, desk);
    }
    if !facts.all_down() {
        return false;
    }
    facts.round = facts.round.saturating_add(1);
    for slot in &mut facts.slots {
        slot.waiting = None;
    }
    true
}

/// No container can be alive: settles how the pod ended (rules B3, B4) and gives back what it holds, each once.
fn finish(facts: &mut Facts, desk: &mut Desk<'_>) {
    if facts.outcome.is_none() {
        facts.outcome = Some(Outcome {
            phase: phase::of_the_end(facts),
            at: desk.now,
        });
    }
    release(
        &mut facts.host,
        Effect::CreateHost,
        Effect::ReleaseHost,
        desk,
    );
    release(
        &mut facts.volumes,
        Effect::MountVolumes,
        Effect::UnmountVolumes,
        desk,
    );
}

fn release(holding: &mut Holding, acquire: Effect, release: Effect, desk: &mut Desk<'_>) {
    match holding.state {
        Hold::Absent if !desk.flight().has(&acquire) => holding.state = Hold::Released,
        Hold::Held if desk.has_come(holding.retry.due(&PATIENT)) => desk.ensure(release),
        Hold::Absent | Hold::Held | Hold::Released => {}
    }
}
