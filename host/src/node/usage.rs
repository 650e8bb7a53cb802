//! Looks every now and then at how much volumes hold that may hold only so much (rule G2).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::model::{Medium, Pod, PodUid, VolumeSource};
use crate::ports::{Clock, Volumes};

/// How often.
const PERIOD: Duration = Duration::from_secs(1);
/// Volumes of many files take long to look at. This many times as long is then waited, so that it never takes more than a twentieth of a
/// core.
const REST: u32 = 20;

/// Whether somebody has to look at the pod's volumes.
pub(super) fn is_limited(pod: &Pod) -> bool {
    pod.spec.volumes.iter().any(|volume| {
        matches!(
            &volume.source,
            VolumeSource::EmptyDir { medium, size_limit } if size_limit.is_some() || *medium == Medium::Memory
        )
    })
}

/// Says of each pod that its volumes hold too much, again and again until it is over. Sleeps while there is no pod with a limit.
pub(super) async fn watch(
    volumes: Arc<dyn Volumes>,
    clock: Arc<dyn Clock>,
    mut limited: watch::Receiver<usize>,
    exceeded: mpsc::UnboundedSender<(PodUid, String)>,
) {
    while limited.wait_for(|pods| *pods > 0).await.is_ok() {
        let began = clock.now();
        for over in volumes.exceeded().await {
            let _ignored = exceeded.send(over);
        }
        let took = clock.now().since(began);
        clock
            .sleep_until(clock.now() + PERIOD.max(took * REST))
            .await;
    }
}
