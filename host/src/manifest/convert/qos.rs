//! The quality-of-service class of a pod (J2).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::model::{Amount, QosClass};

/// J2: over mains and inits, CPU and memory only, zero counts as unset; pod-level resources replace the containers'.
pub(crate) fn class(spec: &PodSpec) -> QosClass {
    let own = spec.resources.as_ref().filter(|r| counts(r));
    let parts: Vec<&ResourceRequirements> = match own {
        Some(own) => vec![own],
        None => {
            let containers = spec
                .init_containers
                .iter()
                .flatten()
                .chain(&spec.containers);
            let default = &EMPTY;
            containers
                .map(|c| c.resources.as_ref().unwrap_or(default))
                .collect()
        }
    };
    let (mut requests, mut limits) = (Sums::new(), Sums::new());
    let mut every_limit = true;
    for part in parts {
        add(&mut requests, part.requests.as_ref());
        let limited = add(&mut limits, part.limits.as_ref());
        every_limit &= limited == 2;
    }
    if requests.is_empty() && limits.is_empty() {
        return QosClass::BestEffort;
    }
    let equal = requests.len() == limits.len()
        && requests.iter().all(|(name, request)| {
            limits
                .get(name)
                .is_some_and(|limit| limit.compare(*request).is_eq())
        });
    if every_limit && equal {
        QosClass::Guaranteed
    } else {
        QosClass::Burstable
    }
}

static EMPTY: ResourceRequirements = ResourceRequirements {
    claims: None,
    limits: None,
    requests: None,
};

type Sums = BTreeMap<&'static str, Amount>;

fn counts(resources: &ResourceRequirements) -> bool {
    let mut sums = Sums::new();
    add(&mut sums, resources.requests.as_ref());
    add(&mut sums, resources.limits.as_ref());
    !sums.is_empty()
}

/// Adds CPU and memory of a list; how many of the two it has.
fn add(sums: &mut Sums, list: Option<&BTreeMap<String, Quantity>>) -> usize {
    let mut found = 0;
    for name in ["cpu", "memory"] {
        let amount = list
            .and_then(|list| list.get(name))
            .and_then(|quantity| Amount::parse(&quantity.0).ok())
            .filter(|amount| !amount.is_zero());
        if let Some(amount) = amount {
            found += 1;
            sums.entry(name)
                .and_modify(|sum| *sum = sum.plus(amount))
                .or_insert(amount);
        }
    }
    found
}
