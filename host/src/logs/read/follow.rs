//! Whether more can come: asked of the index of the pod's run.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::super::index::{self, StateRecord};

/// For so long a container that ended may be about to be started again (rule B12) before its end is believed.
const END_SETTLES: Duration = Duration::from_secs(2);

/// Whose log is followed.
#[derive(Clone, Debug)]
pub(super) struct Whose {
    pub(super) run: PathBuf,
    pub(super) uid: String,
    pub(super) container: String,
}

/// How a container stands, from the index, read again when it changed.
pub(super) struct Standing {
    whose: Whose,
    /// Length and time of change of the index when it was read.
    seen: Option<(u64, SystemTime)>,
    state: Option<StateRecord>,
    over: bool,
    /// How long the same end was seen, by time spent waiting.
    ended_for: Duration,
}

/// What may come after an instance's last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// More lines of it.
    More,
    /// Nothing of it, but of a later instance.
    Another,
    /// Nothing at all.
    Nothing,
}

impl Standing {
    pub(super) const fn new(whose: Whose) -> Self {
        Self {
            whose,
            seen: None,
            state: None,
            over: false,
            ended_for: Duration::ZERO,
        }
    }

    /// Time passed in which nothing came.
    pub(super) fn waited(&mut self, time: Duration) {
        self.ended_for += time;
    }

    /// What may come after the instance's last line. To be asked before the end of its file is looked for: what was written by then is there.
    pub(super) fn after(&mut self, number: u32) -> Next {
        self.look();
        if self.over {
            return Next::Nothing;
        }
        match self.state {
            Some(StateRecord::Running(now)) if now == number => Next::More,
            // The next one's start is not told yet, or this one's.
            None => Next::More,
            Some(StateRecord::Running(now)) if now < number => Next::More,
            Some(StateRecord::Running(_) | StateRecord::Waiting(_)) => Next::Another,
            Some(StateRecord::Terminated(Some(now))) if now != number => {
                if now < number {
                    Next::More
                } else {
                    Next::Another
                }
            }
            Some(StateRecord::Terminated(_)) if self.ended_for >= END_SETTLES => Next::Nothing,
            Some(StateRecord::Terminated(_)) => Next::Another,
        }
    }

    fn look(&mut self) {
        let Ok(run) = index::changed(&self.whose.run, &mut self.seen) else {
            // Its run and all its logs were removed.
            self.over = true;
            return;
        };
        if !run.alive {
            self.over = true;
        }
        let Some(pods) = run.pods else {
            return;
        };
        let Some(pod) = pods.into_iter().find(|pod| pod.uid == self.whose.uid) else {
            return;
        };
        self.over |= pod.over;
        let mut all = pod.containers.into_iter();
        let state = all.find(|one| one.name == self.whose.container);
        let state = state.map(|container| container.state);
        if state != self.state {
            self.ended_for = Duration::ZERO;
            self.state = state;
        }
    }
}
