//! What may be asked for, and when: starts, hooks, stops, acquiring and releasing.

use super::super::world::{Guest, Thing, World};
use super::memory::Life;
use super::{Broken, Checker, keep};
use crate::engine::{Effect, EffectId, Hook};
use crate::model::{
    Attempt, Container, ExitCodeOperator, RestartPolicy, RestartRule, Role, Seconds, Time,
};

impl Checker {
    /// Checks one effect that is asked for.
    pub(super) fn effect(&self, world: &World, effect: &Effect) -> Result<(), Broken> {
        let twice = self.memory.in_flight.values().any(|other| other == effect);
        keep(!twice, "nothing is asked for while it is in flight", || {
            format!("{effect:?}")
        })?;
        let failed_now = (self.memory.now, effect.clone());
        let at_once = self.memory.failed.contains(&failed_now);
        keep(
            !at_once,
            "what failed is not tried again at the same instant",
            || format!("{effect:?}"),
        )?;
        if is_a_beginning(effect) {
            keep(
                !self.is_ending(),
                "nothing starts after termination began",
                || format!("{effect:?}"),
            )?;
        }
        match effect {
            Effect::MountVolumes => acquire(effect, world.volumes),
            Effect::CreateHost => {
                let mounted = world.volumes.held;
                keep(mounted, "volumes come before the host", String::new)?;
                acquire(effect, world.host)
            }
            Effect::UnmountVolumes => self.release(world, effect, world.volumes),
            Effect::ReleaseHost => self.release(world, effect, world.host),
            Effect::Pull { container, .. } => {
                let runs = self.memory.newest(container).is_some_and(|(_, l)| l.runs());
                keep(
                    !runs,
                    "images are pulled for containers that don't run",
                    || format!("{effect:?}"),
                )
            }
            Effect::Start { attempt, image_id } => self.start(world, attempt, image_id),
            Effect::RunHook { attempt, hook } => self.hook(attempt, *hook),
            Effect::Terminate { attempt } => self.terminate(world, attempt),
            Effect::Kill { attempt } => self.kill(attempt),
        }
    }

    /// The pod comes to its end, by all the machine was told.
    fn is_ending(&self) -> bool {
        let memory = &self.memory;
        let published = memory.published.as_ref();
        memory.deleted
            || memory.evicted
            || published.is_some_and(|status| status.phase.is_terminal())
            || self.active_deadline().is_some_and(|at| memory.now >= at)
    }

    fn active_deadline(&self) -> Option<Time> {
        let limit = self.pod.spec.active_deadline?;
        Some(self.memory.accepted? + limit)
    }

    fn start(&self, world: &World, attempt: &Attempt, image_id: &String) -> Result<(), Broken> {
        let detail = || format!("{attempt:?}");
        let rival = |(other, guest): (&Attempt, &Guest)| {
            other.container == attempt.container && *guest != Guest::Gone
        };
        let rivals = world.guests.iter().any(rival);
        keep(!rivals, "never two live attempts of one container", detail)?;
        let came_to_be = self.memory.lives.get(attempt).is_some_and(|l| l.started);
        keep(!came_to_be, "no attempt is made twice", detail)?;
        let next = self
            .memory
            .newest(&attempt.container)
            .map_or(0, |(newest, _)| newest.number + 1);
        keep(attempt.number == next, "attempts count up from 0", || {
            format!("{attempt:?}, not #{next}")
        })?;
        let held = world.volumes.held && world.host.held;
        keep(held, "containers start with volumes and host", detail)?;
        let pulled = self.memory.pulled.get(&attempt.container) == Some(image_id);
        keep(
            pulled,
            "each start uses what a pull of its own said",
            detail,
        )?;
        let Some(spec) = self.pod.spec.container(&attempt.container) else {
            return keep(false, "only the pod's containers are started", detail);
        };
        if !self.memory.may_restart_all {
            self.order(spec)?;
            self.policy(spec)?;
        }
        self.back_off(spec)
    }

    /// Rules A3, A4, A5, A8.
    fn order(&self, spec: &Container) -> Result<(), Broken> {
        let memory = &self.memory;
        let earlier = self
            .pod
            .spec
            .containers()
            .take_while(|c| c.name != spec.name);
        for other in earlier {
            let mut lives = memory.of(&other.name);
            let passed = match other.role {
                Role::Init => lives.any(Life::succeeded),
                Role::Sidecar => {
                    lives.any(|l| l.started && (l.passed_startup || other.probes.startup.is_none()))
                }
                Role::Main => !memory.in_flight.values().any(|effect| {
                    matches!(effect, Effect::Start { attempt, .. } if attempt.container == other.name)
                }),
            };
            keep(passed, "containers start in order", || {
                format!("{} before {}", spec.name, other.name)
            })?;
        }
        Ok(())
    }

    /// Rules A5, A9, A14, A15, B2.
    fn policy(&self, spec: &Container) -> Result<(), Broken> {
        let Some((attempt, life)) = self.memory.newest(&spec.name) else {
            return Ok(());
        };
        let detail = || format!("{:?} after {attempt:?}: {:?}", spec.name, life.exit);
        let promise = "containers are restarted by rule and policy";
        if spec.role == Role::Init {
            keep(!life.succeeded(), promise, detail)?;
        }
        let code = life.exit.as_ref().map_or(0, |exit| exit.code);
        let own = spec.restart.as_ref();
        let mut rules = own.iter().flat_map(|own| &own.rules);
        let rule_matches = rules.any(|rule| matches(rule, code));
        let policy = own.map_or(self.pod.spec.restart_policy, |own| own.policy);
        let by_policy = match policy {
            _ if spec.role == Role::Sidecar => true,
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure => code != 0 || life.failed_probe || spec.role == Role::Init,
            RestartPolicy::Never => false,
        };
        keep(by_policy || rule_matches, promise, detail)
    }

    /// Rule B9, as far as it can be seen from outside: of three instances in a row, the third comes at least the base
    /// after the second ended, unless the second lasted.
    fn back_off(&self, spec: &Container) -> Result<(), Broken> {
        let restarts = self.config.restarts;
        let mut ends = self
            .memory
            .of(&spec.name)
            .rev()
            .filter_map(|l| l.exit.as_ref());
        let (Some(last), Some(before)) = (ends.next(), ends.next()) else {
            return Ok(());
        };
        let lasted = last.at.since(before.at) > restarts.reset_after;
        let waited = self.memory.now.since(last.at) >= restarts.base.min(restarts.cap);
        keep(lasted || waited, "restarts back off", || {
            format!(
                "{}: ended at {:?}, now {:?}",
                spec.name, last.at, self.memory.now
            )
        })
    }

    fn hook(&self, attempt: &Attempt, hook: Hook) -> Result<(), Broken> {
        let life = self.running(attempt)?;
        let once = !life.hooks.contains(&hook);
        keep(once, "each hook runs at most once", || {
            format!("{attempt:?} {hook:?}")
        })?;
        let before_term = hook == Hook::PostStart || life.term_at.is_none();
        keep(before_term, "preStop runs before TERM", || {
            format!("{attempt:?}")
        })
    }

    fn terminate(&self, world: &World, attempt: &Attempt) -> Result<(), Broken> {
        let life = self.running(attempt)?;
        let detail = || format!("{attempt:?}");
        keep(life.term_at.is_none(), "TERM is sent once", detail)?;
        let Some(spec) = self.pod.spec.container(&attempt.container) else {
            return Ok(());
        };
        // Grace 0 leaves no time for a hook.
        let had_time = self.pod.spec.grace > Seconds(0) && !self.grace_may_be_over();
        let had_hook = spec.hooks.pre_stop.is_none() || life.hooks.contains(&Hook::PreStop);
        keep(had_hook || !had_time, "preStop runs before TERM", detail)?;
        let pre_stop = Effect::RunHook {
            attempt: attempt.clone(),
            hook: Hook::PreStop,
        };
        let runs = self
            .memory
            .in_flight
            .values()
            .any(|effect| *effect == pre_stop);
        keep(!runs, "preStop is over before TERM", detail)?;
        if spec.role == Role::Sidecar && !life.is_condemned() && !self.grace_may_be_over() {
            let spec_order = self.pod.spec.containers();
            let mut later = spec_order.skip_while(|c| c.name != spec.name).skip(1);
            let waits_for = later.find(|c| c.role != Role::Init && lives(world, c));
            keep(
                waits_for.is_none(),
                "sidecars are stopped in their turn",
                || format!("{attempt:?} before {:?}", waits_for.map(|c| &c.name)),
            )?;
        }
        Ok(())
    }

    fn kill(&self, attempt: &Attempt) -> Result<(), Broken> {
        let life = self.running(attempt)?;
        keep(!life.kill_arrived, "KILL arrives once", || {
            format!("{attempt:?}")
        })?;
        if self.memory.may_restart_all {
            return Ok(());
        }
        let least = self.config.minimum_grace;
        let given = life.term_at.is_some_and(|at| self.memory.now >= at + least);
        keep(given, "KILL comes at least the minimum after TERM", || {
            format!("{attempt:?}")
        })
    }

    fn running(&self, attempt: &Attempt) -> Result<&Life, Broken> {
        let life = self.memory.lives.get(attempt).filter(|life| life.runs());
        life.ok_or_else(|| Broken {
            promise: "hooks and signals are for instances that run",
            detail: format!("{attempt:?}"),
        })
    }

    /// Something happened that may have brought the pod to its end.
    pub(super) fn pod_may_be_ending(&self) -> bool {
        let ended = |role| self.memory.last_end(&self.pod, role).is_some();
        self.is_ending() || ended(Role::Main) || ended(Role::Init)
    }

    /// The earliest time at which the pod's grace can be over, whatever made it end: nothing that could have made it end
    /// came earlier than this.
    fn grace_may_be_over(&self) -> bool {
        let memory = &self.memory;
        let by_itself = [
            self.active_deadline(),
            memory.last_end(&self.pod, Role::Main),
            memory.last_end(&self.pod, Role::Init),
        ];
        let own = by_itself
            .into_iter()
            .flatten()
            .map(|at| at + self.pod.spec.grace);
        let earliest = own.chain(memory.grace_ends).min();
        earliest.is_some_and(|at| memory.now >= at)
    }

    /// Checks that a hook is given up for a reason.
    pub(super) fn abandon(&self, id: EffectId) -> Result<(), Broken> {
        let Some(Effect::RunHook { attempt, hook }) = self.memory.in_flight.get(&id) else {
            return Ok(());
        };
        let life = self.memory.lives.get(attempt);
        let moot = life.is_none_or(|life| !life.runs() || life.is_condemned());
        let over = match hook {
            Hook::PostStart => self.pod_may_be_ending(),
            Hook::PreStop => self.grace_may_be_over(),
        };
        let given_up_for_cause = moot || over || self.memory.may_restart_all;
        keep(
            given_up_for_cause,
            "a hook is given up when its grace is over",
            || format!("{attempt:?} {hook:?}"),
        )
    }

    /// What the pod still got ready when it came to its end is abandoned.
    pub(super) fn nothing_unwanted_is_in_flight(&self) -> Result<(), Broken> {
        if !self.is_ending() {
            return Ok(());
        }
        let mut in_flight = self.memory.in_flight.iter();
        let unwanted = in_flight
            .find(|(id, effect)| is_a_beginning(effect) && !self.memory.abandoned.contains(id));
        keep(
            unwanted.is_none(),
            "what a pod at its end got ready is abandoned",
            || format!("{unwanted:?}"),
        )
    }

    /// The earliest time at which the machine must do something by itself, as far as that can be told from outside.
    pub(super) fn next_duty(&self) -> Option<Time> {
        let memory = &self.memory;
        let signals = memory.lives.values().filter_map(|life| {
            let grace_ends = memory.grace_ends?;
            if !life.runs() || life.killed {
                return None;
            }
            let kill_at = |term_at| grace_ends.max(term_at + self.config.minimum_grace);
            Some(life.term_at.map_or(grace_ends, kill_at))
        });
        let init_failed = self.pod.spec.init.iter().any(|spec| {
            spec.role == Role::Init
                && memory
                    .of(&spec.name)
                    .any(|l| l.exit.is_some() && !l.succeeded())
        });
        let deadline = self
            .active_deadline()
            .filter(|_| !self.is_ending() && !init_failed);
        signals.chain(deadline).min()
    }

    /// Grace never grows: when the shortest grace any delete or eviction gave is over, everything that runs has got TERM, and KILL when
    /// the minimum after it is over too.
    pub(super) fn grace_is_not_exceeded(&self) -> Result<(), Broken> {
        let memory = &self.memory;
        let Some(ends) = memory.grace_ends.filter(|ends| memory.now >= *ends) else {
            return Ok(());
        };
        for (attempt, life) in memory.lives.iter().filter(|(_, life)| life.runs()) {
            let detail = || format!("{attempt:?}: {life:?}");
            let Some(term_at) = life.term_at else {
                keep(life.killed, "grace never grows", detail)?;
                continue;
            };
            let late = memory.now >= ends.max(term_at + self.config.minimum_grace);
            keep(!late || life.killed, "grace never grows", detail)?;
        }
        Ok(())
    }

    /// Rule A2 backwards: what is held is released once, when nobody can need it any more.
    fn release(&self, world: &World, effect: &Effect, thing: Thing) -> Result<(), Broken> {
        let promise = "sandboxes, mounts and addresses are released exactly once";
        let once = thing.held && thing.released == 0;
        keep(once, promise, || format!("{effect:?}: {thing:?}"))?;
        keep(
            world.nobody_lives(),
            "nothing is released under a container",
            || format!("{effect:?}: {:?}", world.guests),
        )
    }
}

fn acquire(effect: &Effect, thing: Thing) -> Result<(), Broken> {
    keep(thing.acquired == 0, "nothing is acquired twice", || {
        format!("{effect:?}")
    })
}

fn lives(world: &World, spec: &Container) -> bool {
    let mut guests = world.guests.iter();
    guests.any(|(attempt, guest)| attempt.container == spec.name && *guest == Guest::Alive)
}

fn is_a_beginning(effect: &Effect) -> bool {
    match effect {
        Effect::MountVolumes
        | Effect::CreateHost
        | Effect::Pull { .. }
        | Effect::Start { .. }
        | Effect::RunHook {
            hook: Hook::PostStart,
            ..
        } => true,
        Effect::RunHook { .. }
        | Effect::Terminate { .. }
        | Effect::Kill { .. }
        | Effect::ReleaseHost
        | Effect::UnmountVolumes => false,
    }
}

fn matches(rule: &RestartRule, code: i32) -> bool {
    (rule.operator == ExitCodeOperator::In) == rule.values.contains(&code)
}
