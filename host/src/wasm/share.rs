//! What each container may use, and what its pod may as a whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::cpu::{Cores, Cpu};
use crate::budget::{Memory, Quota, Weight};
use crate::model::{Millicores, PodSpec, PodUid};
use crate::ports::StartRequest;

/// The limits of pods that have some as a whole.
#[derive(Default)]
pub(super) struct PodLimits {
    pods: Mutex<HashMap<PodUid, Known>>,
}

/// Kept by whoever uses it: the next container to start must find what the others use, and what volumes in memory hold from those that
/// ended.
#[derive(Default)]
struct Known {
    memory: Weak<Memory>,
    cpu: Weak<Mutex<Quota>>,
}

/// What the containers of one pod share.
struct PodLimit {
    memory: Option<Arc<Memory>>,
    cpu: Option<Arc<Mutex<Quota>>>,
}

/// What one container may use.
pub(super) struct Allowance {
    pub(super) memory: Arc<Memory>,
    pub(super) cpu: Arc<Cpu>,
}

impl PodLimits {
    /// What the container that is being started may use.
    pub(super) fn allow(&self, request: &StartRequest, cores: &Arc<Cores>) -> Allowance {
        let spec = &request.pod.spec;
        let own = request.resources;
        let pod = self.of(&request.pod.meta.uid, spec);
        // One who may have all there is cannot have too much, only be held up because what it ran is known late.
        let holds = |limit: &Millicores| *limit < cores.all();
        let own_quota = own.cpu_limit.filter(holds).map(quota);
        let pod_holds = spec.resources.cpu_limit.as_ref().is_some_and(holds);
        let pod_quota = pod.cpu.filter(|_| pod_holds);
        let quotas = own_quota.into_iter().chain(pod_quota);
        // A pod's request is its containers' where they have none of their own.
        let part = spec.containers().count().max(1) as u64;
        let share = |request: Millicores| Millicores(request.0 / part);
        let weight = Weight::of(own.cpu_request.or(spec.resources.cpu_request.map(share)));
        Allowance {
            memory: Memory::within(own.memory_limit, pod.memory),
            cpu: Cpu::new(Arc::clone(cores), weight, quotas.collect()),
        }
    }

    fn of(&self, uid: &PodUid, spec: &PodSpec) -> PodLimit {
        let cpu = spec.resources.cpu_limit;
        // Without volumes in memory there is nothing but what the containers' own limits hold already.
        let memory = match spec.has_memory_volume() {
            true => spec.memory_limit(),
            false => spec.resources.memory_limit,
        };
        if cpu.is_none() && memory.is_none() {
            return PodLimit {
                memory: None,
                cpu: None,
            };
        }
        let mut pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        let used = |pod: &Known| pod.memory.strong_count() + pod.cpu.strong_count() > 0;
        pods.retain(|other, pod| other == uid || used(pod));
        let known = pods.entry(uid.clone()).or_default();
        let found = known.memory.upgrade();
        let memory = memory.map(|limit| found.unwrap_or_else(|| Memory::new(Some(limit))));
        let found = known.cpu.upgrade();
        let cpu = cpu.map(|limit| found.unwrap_or_else(|| quota(limit)));
        *known = Known {
            memory: memory.as_ref().map(Arc::downgrade).unwrap_or_default(),
            cpu: cpu.as_ref().map(Arc::downgrade).unwrap_or_default(),
        };
        PodLimit { memory, cpu }
    }
}

fn quota(limit: Millicores) -> Arc<Mutex<Quota>> {
    Arc::new(Mutex::new(Quota::new(limit)))
}
