//! What is said of a pod that does not fit: by the scheduler (rules J6, J7), or by the host for one that was bound without it (rule C10).

use super::Misfit;
use crate::model::{Condition, ConditionStatus, ConditionType, Phase, Pod, PodStatus, Time};

/// The reason of the event about a pod that does not fit.
pub const FAILED_SCHEDULING: &str = "FailedScheduling";
const AFFINITY: &str = "node(s) didn't match Pod's node affinity/selector";
const PORTS: &str = "node(s) didn't have free ports for the requested pod ports";
const TOPOLOGY: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";

/// The scheduler's message, for the one node there is.
pub fn unschedulable_message(misfits: &[Misfit]) -> String {
    // A node that fails one filter of the scheduler is not asked the next.
    let filter = misfits.iter().map(Misfit::filter).min();
    let failed = || misfits.iter().filter(|one| Some(one.filter()) == filter);
    let mut reasons: Vec<String> = failed().map(|one| format!("1 {}", one.reason())).collect();
    reasons.sort();
    let hopeless = failed().any(Misfit::is_for_ever);
    let preemption = if hopeless {
        "Preemption is not helpful for scheduling."
    } else {
        "No preemption victims found for incoming pod."
    };
    let reasons = reasons.join(", ");
    format!(
        "0/1 nodes are available: {reasons}. preemption: 0/1 nodes are available: 1 {preemption}"
    )
}

impl Misfit {
    /// Rule J6.
    fn reason(&self) -> String {
        match self {
            Self::Affinity => AFFINITY.to_owned(),
            Self::Ports => PORTS.to_owned(),
            Self::Topology => TOPOLOGY.to_owned(),
            Self::Lacks {
                resource: "pods", ..
            } => "Too many pods".to_owned(),
            Self::Lacks { resource, .. } => format!("Insufficient {resource}"),
        }
    }

    /// Which of the scheduler's filters it fails, by their order.
    const fn filter(&self) -> u8 {
        match self {
            Self::Affinity => 0,
            Self::Ports => 1,
            Self::Lacks { .. } => 2,
            Self::Topology => 3,
        }
    }

    /// Whether it would not fit if it were alone.
    fn is_for_ever(&self) -> bool {
        match self {
            Self::Affinity | Self::Topology => true,
            Self::Ports => false,
            Self::Lacks {
                resource,
                requested,
                capacity,
                ..
            } => *resource != "pods" && requested > capacity,
        }
    }
}

/// The status of a pod that waits for room; `before` is the one it had.
pub fn unschedulable(
    pod: &Pod,
    message: String,
    now: Time,
    before: Option<&PodStatus>,
) -> PodStatus {
    let kind = ConditionType::PodScheduled;
    let before = before.and_then(|status| status.conditions.iter().find(|one| one.kind == kind));
    let condition = Condition {
        kind,
        status: ConditionStatus::False,
        reason: Some("Unschedulable".to_owned()),
        message: Some(message),
        last_transition: before.map_or(now, |before| before.last_transition),
    };
    PodStatus {
        conditions: vec![condition],
        ..empty(pod, Phase::Pending)
    }
}

fn empty(pod: &Pod, phase: Phase) -> PodStatus {
    PodStatus {
        phase,
        reason: None,
        message: None,
        conditions: Vec::new(),
        start_time: None,
        pod_ip: None,
        host_ip: None,
        init: Vec::new(),
        mains: Vec::new(),
        qos: pod.spec.qos,
        observed_generation: pod.meta.generation,
    }
}

/// Why the host does not take a pod that is bound to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// `status.reason` and the event's.
    pub reason: &'static str,
    /// The event's message; the status says that the pod was rejected for it.
    pub message: String,
}

impl Rejection {
    /// The host names the first thing it lacks: resources, then its choice of nodes, then ports. Spread is the scheduler's business alone.
    pub fn of(misfits: &[Misfit]) -> Option<Self> {
        let lacks = misfits
            .iter()
            .find(|one| matches!(one, Misfit::Lacks { .. }));
        let is_there = |misfit: &&Misfit| misfits.contains(misfit);
        let other = || {
            [&Misfit::Affinity, &Misfit::Ports]
                .into_iter()
                .find(is_there)
        };
        Some(match lacks.or_else(other)? {
            Misfit::Topology => return None,
            Misfit::Affinity => Self {
                reason: "NodeAffinity",
                message: format!("Predicate NodeAffinity failed: {AFFINITY}"),
            },
            Misfit::Ports => Self {
                reason: "NodePorts",
                message: format!("Predicate NodePorts failed: {PORTS}"),
            },
            Misfit::Lacks {
                resource,
                requested,
                used,
                capacity,
            } => Self {
                reason: match *resource {
                    "cpu" => "OutOfcpu",
                    "memory" => "OutOfmemory",
                    "ephemeral-storage" => "OutOfephemeral-storage",
                    _ => "OutOfpods",
                },
                message: format!(
                    "Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
                ),
            },
        })
    }
}

/// The status of a pod that the host does not take.
pub fn rejected(pod: &Pod, rejection: &Rejection, now: Time) -> PodStatus {
    let bound = Condition {
        kind: ConditionType::PodScheduled,
        status: ConditionStatus::True,
        reason: None,
        message: None,
        last_transition: now,
    };
    PodStatus {
        reason: Some(rejection.reason.to_owned()),
        message: Some(format!("Pod was rejected: {}", rejection.message)),
        start_time: Some(now),
        conditions: vec![bound],
        ..empty(pod, Phase::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rejection, rejected, unschedulable, unschedulable_message};
    use crate::model::{Phase, Time, testing};
    use crate::scheduling::Misfit;

    fn lacks(resource: &'static str, requested: u64, used: u64, capacity: u64) -> Misfit {
        Misfit::Lacks {
            resource,
            requested,
            used,
            capacity,
        }
    }

    #[test]
    fn j7_the_message_counts_sorted_reasons_and_says_that_nobody_can_make_room() {
        let none =
            "preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
        let never =
            "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";
        for (misfits, reasons, preemption) in [
            (
                vec![lacks("memory", 1, 9, 9), lacks("cpu", 1, 9, 9)],
                "1 Insufficient cpu, 1 Insufficient memory",
                none,
            ),
            (vec![lacks("cpu", 10, 0, 9)], "1 Insufficient cpu", never),
            (vec![lacks("pods", 1, 9, 9)], "1 Too many pods", none),
            (
                vec![lacks("cpu", 1, 9, 9), Misfit::Ports],
                "1 node(s) didn't have free ports for the requested pod ports",
                none,
            ),
        ] {
            let expected = format!("0/1 nodes are available: {reasons}. {preemption}");
            assert_eq!(unschedulable_message(&misfits), expected);
        }
    }

    #[test]
    fn j6_why_the_node_does_not_fit_in_the_words_of_the_filter_that_failed_first() {
        let cpu = || lacks("cpu", 10, 0, 9);
        let rest = || vec![cpu(), Misfit::Topology, Misfit::Ports];
        let all = || [rest(), vec![Misfit::Affinity]].concat();
        for (misfits, expected, for_ever) in [
            (vec![cpu()], "Insufficient cpu", true),
            (vec![lacks("memory", 1, 9, 9)], "Insufficient memory", false),
            (
                vec![lacks("ephemeral-storage", 1, 9, 9)],
                "Insufficient ephemeral-storage",
                false,
            ),
            (vec![lacks("pods", 1, 9, 9)], "Too many pods", false),
            (
                all(),
                "node(s) didn't match Pod's node affinity/selector",
                true,
            ),
            (
                rest(),
                "node(s) didn't have free ports for the requested pod ports",
                false,
            ),
            (vec![cpu(), Misfit::Topology], "Insufficient cpu", true),
            (
                vec![Misfit::Topology],
                "node(s) didn't match pod topology spread constraints (missing required label)",
                true,
            ),
        ] {
            let message = unschedulable_message(&misfits);
            let begins = format!("0/1 nodes are available: 1 {expected}. preemption: ");
            assert!(message.starts_with(&begins), "{misfits:?}: {message}");
            let never = message.ends_with(" 1 Preemption is not helpful for scheduling.");
            assert_eq!(never, for_ever, "{misfits:?}: {message}");
        }
    }

    #[test]
    fn c2_a_pod_without_room_is_pending_since_it_was_first_said() {
        let pod = testing::pod();
        let first = unschedulable(&pod, "one".into(), Time::from_unix_secs(1), None);
        let second = unschedulable(&pod, "two".into(), Time::from_unix_secs(2), Some(&first));
        assert_eq!(second.phase, Phase::Pending);
        assert_eq!(second.start_time, None, "no host has accepted it");
        let condition = &second.conditions[0];
        assert_eq!(condition.reason.as_deref(), Some("Unschedulable"));
        assert_eq!(condition.message.as_deref(), Some("two"));
        assert_eq!(condition.last_transition, Time::from_unix_secs(1), "C1");
    }

    #[test]
    fn c10_a_bound_pod_that_the_host_cannot_take_fails_by_the_first_thing_that_lacks() {
        for (misfits, reason, message) in [
            (
                vec![Misfit::Affinity, lacks("cpu", 2000, 500, 1000)],
                "OutOfcpu",
                "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 500, capacity: 1000",
            ),
            (
                vec![
                    lacks("memory", 7, 0, 5),
                    lacks("ephemeral-storage", 7, 0, 5),
                ],
                "OutOfmemory",
                "Pod was rejected: Node didn't have enough resource: memory, requested: 7, used: 0, capacity: 5",
            ),
            (
                vec![lacks("ephemeral-storage", 7, 2, 8)],
                "OutOfephemeral-storage",
                "Pod was rejected: Node didn't have enough resource: ephemeral-storage, requested: 7, used: 2, capacity: 8",
            ),
            (
                vec![Misfit::Ports, Misfit::Affinity],
                "NodeAffinity",
                "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
            ),
            (
                vec![lacks("pods", 1, 110, 110)],
                "OutOfpods",
                "Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 110, capacity: 110",
            ),
            (
                vec![Misfit::Topology, Misfit::Ports],
                "NodePorts",
                "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
            ),
        ] {
            let rejection = Rejection::of(&misfits).expect("rejected");
            let status = rejected(&testing::pod(), &rejection, Time::EPOCH);
            assert_eq!(status.phase, Phase::Failed);
            assert_eq!(status.reason.as_deref(), Some(reason));
            assert_eq!(status.message.as_deref(), Some(message));
            assert!(status.mains.is_empty() && status.init.is_empty());
        }
        assert_eq!(Rejection::of(&[Misfit::Topology]), None);
        assert_eq!(Rejection::of(&[]), None);
    }
}
