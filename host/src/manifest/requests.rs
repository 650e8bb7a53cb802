//! What a pod's containers request together (J3).

use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::model::Amount;

/// The larger of what the mains and sidecars request and of what each init container does with the sidecars before it; none where no container
/// requests any of it.
pub(super) fn effective(spec: &PodSpec, resource: &str) -> Option<Amount> {
    let (mut sidecars, mut most) = (None, None);
    for one in spec.init_containers.iter().flatten() {
        let together = sum(sidecars, request(one, resource));
        if one.restart_policy.as_deref() == Some("Always") {
            sidecars = together;
        }
        most = larger(most, together);
    }
    let mains = spec.containers.iter().map(|one| request(one, resource));
    larger(most, mains.fold(sidecars, sum))
}

fn request(container: &Container, resource: &str) -> Option<Amount> {
    let requests = container.resources.as_ref()?.requests.as_ref()?;
    Amount::parse(&requests.get(resource)?.0).ok()
}

fn sum(one: Option<Amount>, other: Option<Amount>) -> Option<Amount> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.plus(other)),
        (one, other) => one.or(other),
    }
}

fn larger(one: Option<Amount>, other: Option<Amount>) -> Option<Amount> {
    match (one, other) {
        (Some(one), Some(other)) if one.compare(other).is_lt() => Some(other),
        (one, other) => one.or(other),
    }
}
