//! Making a container's images present before each of its starts: its own, and those of volumes (rules I2 to I4).

use std::time::Duration;

use super::desk::Desk;
use super::slot::Slot;
use super::start::Progress;
use super::{Effect, Failure, Output, notices};
use crate::model::ImagePullPolicy;

/// `ErrImagePull` gives way to `ImagePullBackOff` at the next look at the pod: one second later, as a kubelet polls (rule A1).
const NEXT_LOOK: Duration = Duration::from_secs(1);

impl Slot {
    /// What is to be pulled next: the images of the volumes it mounts, then its own.
    fn wanted(&self) -> (Option<&str>, &str, ImagePullPolicy) {
        match self.images.get(self.pull.of_volumes) {
            Some(of) => (Some(&of.volume), &of.reference, of.policy),
            None => (None, &self.spec.image, self.spec.pull_policy),
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
        let (volume, image, policy) = self.wanted();
        let effect = Effect::Pull {
            container: self.spec.name.clone(),
            volume: volume.map(str::to_owned),
            image: image.to_owned(),
            policy,
        };
        if policy == ImagePullPolicy::Always {
            self.tell_of_pulling(desk);
        }
        desk.ensure(effect);
        Progress::UnderWay
    }

    /// Says once for each pull that it fetches something.
    pub(super) fn tell_of_pulling(&mut self, desk: &mut Desk<'_>) {
        if !self.pull.told {
            self.pull.told = true;
            let (_, image, _) = self.wanted();
            desk.record(notices::pulling(&self.spec, image));
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
        let (_, image, _) = self.wanted();
        let waiting = notices::pull_back_off_waiting(image, failure);
        if self.waiting.as_ref() != Some(&waiting) {
            desk.record(notices::pull_back_off(&self.spec, image));
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
                self.pull.failure = None;
                if self.pull.of_volumes < self.images.len() {
                    self.pull.of_volumes += 1;
                    return;
                }
                self.pull.of_volumes = 0;
                self.image_id.clone_from(&image_id);
                self.pull.image = Some(image_id);
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
        let (_, image, _) = self.wanted();
        let (waiting, notice) = notices::pull_failed(&self.spec, image, &failure);
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
        let (_, image, policy) = self.wanted();
        let always = policy == ImagePullPolicy::Always;
        if already_present && !always {
            desk.record(notices::already_present(&self.spec, image));
            return;
        }
        // The word that it began may have been overtaken by its end.
        let image = image.to_owned();
        self.tell_of_pulling(desk);
        desk.record(notices::pulled(&self.spec, &image, size, times));
    }
}

/// Asking the image's source failed, in contrast to an image that is absent by policy, misnamed, or present and unreadable.
fn is_of_pulling(failure: &Failure) -> bool {
    !matches!(
        failure.reason,
        "ErrImageNeverPull" | "InvalidImageName" | "ImageInspectError"
    )
}
