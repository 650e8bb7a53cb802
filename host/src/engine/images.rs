//! Making a container's image present before each of its starts (rules I2 to I4).

use std::time::Duration;

use super::desk::Desk;
use super::slot::Slot;
use super::start::Progress;
use super::{Effect, Failure, Output, notices};
use crate::model::ImagePullPolicy;

/// `ErrImagePull` gives way to `ImagePullBackOff` at the next look at the pod: one second later, as a kubelet polls (rule A1).
const NEXT_LOOK: Duration = Duration::from_secs(1);

impl Slot {
    /// The pull this container's starts ask for.
    fn pull_effect(&self) -> Effect {
        Effect::Pull {
            container: self.spec.name.clone(),
            image: self.spec.image.clone(),
            policy: self.spec.pull_policy,
        }
    }

    /// Asks for the image, or waits for the back-off to pass.
    pub(super) fn fetch(&mut self, desk: &mut Desk<'_>) -> Progress {
        if desk.flight().pulls(&self.spec.name) {
            return Progress::UnderWay;
        }
        let due = self.pull.retry.due(&desk.config.pulls);
        if !desk.has_come(due) {
            self.pull_backs_off(desk);
            return Progress::Waits;
        }
        self.pull.told = false;
        if self.spec.pull_policy == ImagePullPolicy::Always {
            self.tell_of_pulling(desk);
        }
        desk.ensure(self.pull_effect());
        Progress::UnderWay
    }

    /// Says once for each pull that it fetches something.
    pub(super) fn tell_of_pulling(&mut self, desk: &mut Desk<'_>) {
        if !self.pull.told {
            self.pull.told = true;
            desk.record(notices::pulling(&self.spec));
        }
    }

    /// Shows the back-off, unless the failure was none of pulling: its reason then stays what it is.
    fn pull_backs_off(&mut self, desk: &mut Desk<'_>) {
        let Some((at, failure)) = &self.pull.failure else {
            return;
        };
        if !is_of_pulling(failure) || !desk.has_come(*at + NEXT_LOOK) {
            return;
        }
        let waiting = notices::pull_back_off_waiting(&self.spec, failure);
        if self.waiting.as_ref() != Some(&waiting) {
            desk.record(notices::pull_back_off(&self.spec));
            desk.record(notices::error(&self.spec, waiting.reason));
            self.waiting = Some(waiting);
        }
    }

    /// Records what a pull answered.
    pub(super) fn pull_answered(&mut self, result: Result<Output, Failure>, desk: &mut Desk<'_>) {
        let failure = match result {
            Ok(Output::Image {
                image_id,
                already_present,
                size,
                took,
                took_with_waiting,
            }) => {
                let times = (took, took_with_waiting);
                self.tell_of_pull(already_present, size, times, desk);
                self.image_id.clone_from(&image_id);
                self.pull.image = Some(image_id);
                self.pull.failure = None;
                return;
            }
            Ok(Output::Unit | Output::Host { .. } | Output::Started { .. }) => Failure {
                reason: "ErrImagePull",
                message: "the pull did not say what was pulled".into(),
            },
            Err(failure) => failure,
        };
        // Such as a file that is not there: nothing had begun.
        if is_of_pulling(&failure) {
            self.tell_of_pulling(desk);
        }
        let (waiting, notice) = notices::pull_failed(&self.spec, &failure);
        desk.record(notice);
        desk.record(notices::error(&self.spec, waiting.reason));
        self.waiting = Some(waiting);
        self.pull.retry.fail(&desk.config.pulls, desk.now);
        self.pull.failure = Some((desk.now, failure));
    }

    fn tell_of_pull(
        &mut self,
        already_present: bool,
        size: u64,
        times: (Duration, Duration),
        desk: &mut Desk<'_>,
    ) {
        let always = self.spec.pull_policy == ImagePullPolicy::Always;
        if already_present && !always {
            desk.record(notices::already_present(&self.spec));
            return;
        }
        // The word that it began may have been overtaken by its end.
        self.tell_of_pulling(desk);
        desk.record(notices::pulled(&self.spec, size, times));
    }
}

/// Asking the image's source failed, in contrast to an image that is absent by policy, misnamed, or present and unreadable.
fn is_of_pulling(failure: &Failure) -> bool {
    !matches!(
        failure.reason,
        "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError"
    )
}
