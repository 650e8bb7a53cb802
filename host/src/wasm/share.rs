//! What each container may use, and what its pod may as a whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::cpu::{Cores, Cpu};
use crate::budget::{Memory, Quota, Weight};
use crate::model::{Bytes, Millicores, PodUid, Resources};
use crate::ports::StartRequest;

/// The limits of pods that have some as a whole.
#[derive(Default)]
pub(super) struct PodLimits {
    pods: Mutex<HashMap<PodUid, Weak<PodLimit>>>,
}

/// What the containers of one pod share.
struct PodLimit {
    memory: Arc<Memory>,
    cpu: Option<Arc<Mutex<Quota>>>,
}

/// What one container may use.
pub(super) struct Allowance {
    pub(super) memory: Arc<Memory>,
    pub(super) cpu: Arc<Cpu>,
    /// Kept as long as any container of the pod: the next one to start must find what the others use.
    _pod: Option<Arc<PodLimit>>,
}

impl PodLimits {
    /// What the container that is being started may use.
    pub(super) fn allow(&self, request: &StartRequest, cores: &Arc<Cores>) -> Allowance {
        let spec = &request.pod.spec;
        let own = request.resources;
        let pod = self.of(&request.pod.meta.uid, &spec.resources);
        // One who may have all there is cannot have too much, only be held up because what it ran is known late.
        let holds = |limit: &Millicores| *limit < cores.all();
        let own_quota = own.cpu_limit.filter(holds).map(quota);
        let pod_quota = pod.as_ref().and_then(|pod| pod.cpu.clone());
        let pod_quota = pod_quota.filter(|_| spec.resources.cpu_limit.as_ref().is_some_and(holds));
        let quotas = own_quota.into_iter().chain(pod_quota).collect();
        // A pod's request is its containers' where they have none of their own.
        let part = spec.containers().count().max(1) as u64;
        let share = |request: Millicores| Millicores(request.0 / part);
        let weight = Weight::of(own.cpu_request.or(spec.resources.cpu_request.map(share)));
        let pod_memory = pod.as_ref().map(|pod| Arc::clone(&pod.memory));
        Allowance {
            memory: Memory::within(own.memory_limit, pod_memory),
            cpu: Cpu::new(Arc::clone(cores), weight, quotas),
            _pod: pod,
        }
    }

    fn of(&self, uid: &PodUid, resources: &Resources) -> Option<Arc<PodLimit>> {
        let (cpu, memory) = (resources.cpu_limit, resources.memory_limit);
        if cpu.is_none() && memory.is_none() {
            return None;
        }
        let mut pods = self.pods.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pod) = pods.get(uid).and_then(Weak::upgrade) {
            return Some(pod);
        }
        pods.retain(|_, pod| pod.strong_count() > 0);
        let pod = Arc::new(PodLimit::new(cpu, memory));
        pods.insert(uid.clone(), Arc::downgrade(&pod));
        Some(pod)
    }
}

impl PodLimit {
    fn new(cpu: Option<Millicores>, memory: Option<Bytes>) -> Self {
        Self {
            memory: Memory::new(memory),
            cpu: cpu.map(quota),
        }
    }
}

fn quota(limit: Millicores) -> Arc<Mutex<Quota>> {
    Arc::new(Mutex::new(Quota::new(limit)))
}
