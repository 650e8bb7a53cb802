//! What may start, in which order: init containers and sidecars one at a time, then the mains (rules A3, A4, A8, A9).

use super::desk::Desk;
use super::slot::{Gap, HookRun, Instance, Slot};
use super::{Effect, Hook, notices};
use crate::model::Role;

/// How far a container that is to run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is being pulled or started, or its postStart hook runs.
    UnderWay,
    /// It waits for a back-off.
    Waits,
    /// It needs nothing more to be running.
    Up,
}

/// Starts everything that may start now.
pub(super) fn bring_up(slots: &mut [Slot], round: u32, desk: &mut Desk<'_>) {
    // Bringing up one main holds up the mains after it, its postStart hook included; its back-off does not (rule A4).
    let mut mains_held_up = false;
    let open = open(slots, round);
    for slot in slots.iter_mut().take(open) {
        let is_main = slot.spec.role == Role::Main;
        let may_start = slot.will_start(&desk.pod.spec, round) && !(is_main && mains_held_up);
        if slot.is_down() && !may_start {
            continue;
        }
        let progress = slot.bring_up(desk);
        mains_held_up |= is_main && progress == Progress::UnderWay;
    }
}

/// How many containers, counted from the first, may run. It is the newest init entry that has begun which lets the next one
/// start. Entries before it are past: their sidecars are restarted, and nothing waits for that.
fn open(slots: &[Slot], round: u32) -> usize {
    let is_init = |slot: &&Slot| slot.spec.role != Role::Main;
    let inits = slots.iter().take_while(is_init).count();
    let begun = |slot: &Slot| slot.has_begun(round);
    if slots.iter().skip(inits).any(begun) {
        return slots.len();
    }
    let newest = (1..)
        .zip(slots.iter().take(inits))
        .filter(|(_, s)| begun(s))
        .last();
    let open = match newest {
        None => 1,
        Some((place, slot)) if slot.lets_the_next_start(round) => place + 1,
        Some((place, _)) => place,
    };
    if open > inits { slots.len() } else { open }
}

impl Slot {
    /// Takes the next step towards a running container: the back-off, the pull, the start, the postStart hook.
    fn bring_up(&mut self, desk: &mut Desk<'_>) -> Progress {
        if let Some(instance) = &mut self.current {
            return instance.finish_start(desk);
        }
        if !self.gap_is_over(desk) {
            return Progress::Waits;
        }
        match self.pull.image.take() {
            Some(image_id) => self.start(image_id, desk),
            None => self.fetch(desk),
        }
    }

    fn start(&mut self, image_id: String, desk: &mut Desk<'_>) -> Progress {
        let attempt = self.next_attempt();
        desk.ensure(Effect::Start {
            attempt: attempt.clone(),
            image_id,
        });
        self.current = Some(Instance::starting(attempt, &self.spec));
        Progress::UnderWay
    }

    /// Whether the wait since the last instance or the last failed start is over (rules B9, B11).
    fn gap_is_over(&mut self, desk: &mut Desk<'_>) -> bool {
        let Some(gap) = self.gap.filter(|gap| !gap.served) else {
            return true;
        };
        let (since, restarts) = (gap.since, &desk.config.restarts);
        let wait = gap
            .fixed
            .unwrap_or_else(|| self.restarts.wait(restarts, since));
        if !desk.has_come(since + wait) {
            if self.waiting.is_none() {
                self.waiting = Some(notices::crash_loop_waiting(desk.pod, &self.spec, wait));
                desk.record(notices::crash_loop(desk.pod, &self.spec));
            }
            return false;
        }
        if gap.fixed.is_none() {
            self.restarts
                .advance(&desk.config.restarts, since, desk.now);
        }
        self.gap = Some(Gap {
            served: true,
            ..gap
        });
        true
    }
}

impl Instance {
    /// Runs the postStart hook as soon as the start was answered (rule E1).
    fn finish_start(&mut self, desk: &mut Desk<'_>) -> Progress {
        if self.stop.is_some() {
            return Progress::Up;
        }
        if self.started.is_none() {
            return Progress::UnderWay;
        }
        match self.post_start {
            HookRun::Ahead => {
                desk.ensure(Effect::RunHook {
                    attempt: self.attempt.clone(),
                    hook: Hook::PostStart,
                });
                self.post_start = HookRun::Running;
                Progress::UnderWay
            }
            HookRun::Running => Progress::UnderWay,
            HookRun::Over | HookRun::Failed => Progress::Up,
        }
    }
}
