//! Which nodes a pod chooses (J5).

use k8s_openapi::api::core::v1 as k8s;

use crate::manifest::fault::Faults;
use crate::manifest::path::Path;
use crate::model::{NodeChoice, NodeOperator, NodeRequirement, NodeTerm};

/// What has to be; what is only preferred (`preferredDuringScheduling…`, `ScheduleAnyway`) changes nothing where there is one node.
pub(super) fn choice(path: &Path<'_>, spec: &k8s::PodSpec, faults: &mut Faults) -> NodeChoice {
    let affinity = spec.affinity.as_ref();
    let node = affinity.and_then(|affinity| affinity.node_affinity.as_ref());
    let required = node.and_then(|node| {
        node.required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    let path = path.field("affinity");
    let path = path.field("nodeAffinity");
    let path = path.field("requiredDuringSchedulingIgnoredDuringExecution");
    let path = path.field("nodeSelectorTerms");
    let mut term = |(at, one): (usize, &k8s::NodeSelectorTerm)| {
        let path = path.index(at);
        let mut list = |field, list: &Option<Vec<k8s::NodeSelectorRequirement>>| {
            requirements(&path.field(field), list.as_deref(), faults)
        };
        NodeTerm {
            labels: list("matchExpressions", &one.match_expressions),
            names: list("matchFields", &one.match_fields),
        }
    };
    let spread = spec.topology_spread_constraints.iter().flatten();
    NodeChoice {
        labels: spec.node_selector.clone().unwrap_or_default(),
        terms: required.map(|required| {
            let terms = required.node_selector_terms.iter().enumerate();
            terms.map(&mut term).collect()
        }),
        topologies: spread
            .filter(|one| one.when_unsatisfiable == "DoNotSchedule")
            .map(|one| one.topology_key.clone())
            .collect(),
    }
}

fn requirements(
    path: &Path<'_>,
    list: Option<&[k8s::NodeSelectorRequirement]>,
    faults: &mut Faults,
) -> Vec<NodeRequirement> {
    let list = list.unwrap_or_default().iter().enumerate();
    let requirement = |(at, one): (usize, &k8s::NodeSelectorRequirement)| {
        let path = path.index(at);
        let operator = match one.operator.as_str() {
            "In" => NodeOperator::In,
            "NotIn" => NodeOperator::NotIn,
            "Exists" => NodeOperator::Exists,
            "DoesNotExist" => NodeOperator::DoesNotExist,
            "Gt" => NodeOperator::Gt,
            "Lt" => NodeOperator::Lt,
            other => {
                let message = "not a valid selector operator";
                faults.invalid(&path.field("operator"), other, message);
                return None;
            }
        };
        Some(NodeRequirement {
            key: one.key.clone(),
            operator,
            values: one.values.clone().unwrap_or_default(),
        })
    };
    list.filter_map(requirement).collect()
}
