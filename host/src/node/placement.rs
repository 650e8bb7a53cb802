//! Which pods have a place on this machine, and which wait for one (rules J4, J5, C10).

use std::collections::{HashMap, HashSet};

use crate::model::{Allocatable, PodStatus, PodUid, Time, Uid};
use crate::scheduling::{
    Demand, Labels, Load, Misfit, Rejection, mismatches, rejected, unschedulable,
    unschedulable_message,
};
use crate::store::StoredPod;

/// The places that were given out, and the pods that wait for theirs in the order in which they came.
pub(super) struct Placement {
    node: Allocatable,
    labels: Labels,
    placed: HashMap<PodUid, Demand>,
    waiting: Vec<Waiting>,
    /// Somebody came or went since all were looked at.
    changed: bool,
}

struct Waiting {
    object: StoredPod,
    demand: Demand,
    /// Why it could not run here even alone.
    mismatches: Vec<Misfit>,
    /// What it was told, so that it is told once.
    said: Option<PodStatus>,
}

/// What becomes of a pod.
pub(super) enum Verdict {
    /// It has a place.
    Runs(StoredPod),
    /// It has to wait, and has not been told that, or why.
    Waits(StoredPod, Box<PodStatus>, String),
    /// It was bound to this machine without asking whether it fits, and does not.
    Rejected(StoredPod, Box<PodStatus>, Rejection),
}

impl Placement {
    pub(super) fn new(node: Allocatable, labels: Labels) -> Self {
        Self {
            node,
            labels,
            placed: HashMap::new(),
            waiting: Vec::new(),
            changed: false,
        }
    }

    /// A pod came that has no place.
    pub(super) fn arrive(&mut self, object: &StoredPod) {
        let uid = &object.pod.meta.uid;
        if self
            .waiting
            .iter()
            .any(|one| one.object.pod.meta.uid == *uid)
        {
            return;
        }
        self.waiting.push(Waiting {
            demand: Demand::of(&object.pod.spec),
            mismatches: mismatches(&object.pod.spec.node, &self.labels),
            object: object.clone(),
            said: None,
        });
        self.changed = true;
    }

    /// A pod ended or went: what it had is free.
    pub(super) fn depart(&mut self, uid: &PodUid) {
        self.changed |= self.placed.remove(uid).is_some();
        self.waiting.retain(|one| one.object.pod.meta.uid != *uid);
    }

    /// Only these pods are there.
    pub(super) fn forget_others(&mut self, there: &HashSet<Uid>) {
        let before = self.placed.len();
        self.placed
            .retain(|uid, _| there.contains(&uid.clone().into()));
        self.changed |= self.placed.len() < before;
        let waiting = &mut self.waiting;
        waiting.retain(|one| there.contains(&one.object.pod.meta.uid.clone().into()));
    }

    /// What becomes of those who wait, after somebody came or went.
    pub(super) fn decide(&mut self, now: Time) -> Vec<Verdict> {
        if !std::mem::take(&mut self.changed) {
            return Vec::new();
        }
        let mut load = Load::of(self.placed.values());
        let mut verdicts = Vec::new();
        for mut one in std::mem::take(&mut self.waiting) {
            let mut misfits = load.misfits(&one.demand, &self.node);
            misfits.extend_from_slice(&one.mismatches);
            let pod = &one.object.pod;
            let is_bound = pod.spec.node_name.is_some();
            let rejection = Rejection::of(&misfits).filter(|_| is_bound);
            match rejection {
                None if is_bound || misfits.is_empty() => {
                    load.add(&one.demand);
                    self.placed.insert(pod.meta.uid.clone(), one.demand);
                    verdicts.push(Verdict::Runs(one.object));
                }
                Some(rejection) => {
                    let status = Box::new(rejected(pod, &rejection, now));
                    verdicts.push(Verdict::Rejected(one.object, status, rejection));
                }
                None => {
                    let message = unschedulable_message(&misfits);
                    let status = unschedulable(pod, message.clone(), now, one.said.as_ref());
                    if one.said.as_ref() != Some(&status) {
                        one.said = Some(status.clone());
                        let object = one.object.clone();
                        verdicts.push(Verdict::Waits(object, Box::new(status), message));
                    }
                    self.waiting.push(one);
                }
            }
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::{Placement, Verdict};
    use crate::model::{Bytes, Millicores, Phase, PodSpec, PodUid, Time, testing};
    use crate::store::{ApiStore, StoredPod};

    fn pod(name: &str, cpu: u64, bound: bool) -> StoredPod {
        pod_with(name, |spec| {
            spec.mains[0].resources.cpu_request = Some(Millicores(cpu));
            spec.mains[0].resources.memory_request = Some(Bytes(1));
            spec.node_name = bound.then(|| "peapod".to_owned());
        })
    }

    fn pod_with(name: &str, change: impl FnOnce(&mut PodSpec)) -> StoredPod {
        let mut pod = testing::pod();
        pod.meta.uid = name.into();
        pod.meta.name = name.into();
        change(Arc::make_mut(&mut pod.spec));
        let store = ApiStore::default();
        let dir: Arc<Path> = Path::new("/").into();
        let uid = pod.meta.uid.clone();
        store
            .create_pod(pod, Default::default(), dir)
            .expect("created");
        store.pod(&uid).expect("just created")
    }

    fn placement() -> Placement {
        let labels = [("disk".to_owned(), "ssd".to_owned())];
        Placement::new(testing::allocatable(), labels.into())
    }

    /// Each verdict as a letter and the pod's name.
    fn decide(placement: &mut Placement) -> Vec<String> {
        let verdicts = placement.decide(Time::EPOCH);
        let words = verdicts.iter().map(|verdict| match verdict {
            Verdict::Runs(one) => format!("runs {}", one.pod.meta.name),
            Verdict::Waits(one, ..) => format!("waits {}", one.pod.meta.name),
            Verdict::Rejected(one, ..) => format!("rejected {}", one.pod.meta.name),
        });
        words.collect()
    }

    #[test]
    fn j7_what_does_not_fit_waits_is_told_once_and_runs_when_others_ended() {
        let mut placement = placement();
        for (name, cpu) in [("a", 3000), ("b", 2000), ("c", 1000)] {
            placement.arrive(&pod(name, cpu, false));
        }
        assert_eq!(decide(&mut placement), ["runs a", "waits b", "runs c"]);
        placement.arrive(&pod("d", 1, false));
        assert_eq!(decide(&mut placement), ["waits d"], "b knows already");
        placement.depart(&PodUid::from("c"));
        assert_eq!(decide(&mut placement), ["runs d"]);
        placement.depart(&PodUid::from("a"));
        assert_eq!(decide(&mut placement), ["runs b"]);
        assert_eq!(decide(&mut placement), Vec::<String>::new());
    }

    #[test]
    fn j5_a_pod_bound_at_create_bypasses_the_scheduler_and_c10_is_rejected_where_it_does_not_fit() {
        let mut placement = placement();
        placement.arrive(&pod("a", 4000, true));
        placement.arrive(&pod("b", 1, true));
        let verdicts = placement.decide(Time::EPOCH);
        let [Verdict::Runs(_), Verdict::Rejected(_, status, rejection)] = &verdicts[..] else {
            panic!("one runs, one is rejected");
        };
        assert_eq!(rejection.reason, "OutOfcpu");
        assert_eq!(status.phase, Phase::Failed);
        placement.depart(&PodUid::from("a"));
        assert_eq!(decide(&mut placement), Vec::<String>::new(), "for good");
    }

    #[test]
    fn j5_a_pod_for_another_node_waits_for_ever_and_c10_one_that_is_bound_here_is_rejected() {
        let wants = |disk: &str, bound: bool| {
            pod_with(disk, |spec| {
                let label = ("disk".to_owned(), disk.to_owned());
                spec.node.labels = [label].into();
                spec.node_name = bound.then(|| "peapod".to_owned());
            })
        };
        let mut placement = placement();
        placement.arrive(&wants("ssd", false));
        placement.arrive(&wants("hdd", false));
        let verdicts = placement.decide(Time::EPOCH);
        let [Verdict::Runs(_), Verdict::Waits(_, status, message)] = &verdicts[..] else {
            panic!("one runs, one waits");
        };
        let expected = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: \
                        1 Preemption is not helpful for scheduling.";
        assert_eq!(message, expected);
        assert_eq!(status.conditions[0].message.as_deref(), Some(expected));
        placement.depart(&PodUid::from("hdd"));
        placement.arrive(&wants("hdd", true));
        let verdicts = placement.decide(Time::EPOCH);
        let [Verdict::Rejected(_, status, rejection)] = &verdicts[..] else {
            panic!("it is rejected");
        };
        assert_eq!(rejection.reason, "NodeAffinity");
        assert_eq!(status.phase, Phase::Failed);
    }

    #[test]
    fn j5_a_pod_that_is_bound_is_not_asked_how_it_is_to_be_spread() {
        let wants_zone = |name: &str, bound: bool| {
            pod_with(name, |spec| {
                spec.node.topologies = vec!["topology.kubernetes.io/zone".to_owned()];
                spec.node_name = bound.then(|| "peapod".to_owned());
            })
        };
        let mut placement = placement();
        placement.arrive(&wants_zone("a", false));
        placement.arrive(&wants_zone("b", true));
        assert_eq!(decide(&mut placement), ["waits a", "runs b"]);
    }

    #[test]
    fn one_that_waits_and_is_deleted_is_forgotten() {
        let mut placement = placement();
        placement.arrive(&pod("a", 4001, false));
        assert_eq!(decide(&mut placement), ["waits a"]);
        placement.depart(&PodUid::from("a"));
        placement.arrive(&pod("b", 4000, false));
        assert_eq!(decide(&mut placement), ["runs b"]);
    }
}
