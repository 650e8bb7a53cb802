//! Affinity, spread, tolerations and gates.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    Affinity, NodeAffinity, NodeSelectorTerm, PodAffinityTerm, PodSpec, TopologySpreadConstraint,
    WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::metadata::labels;
use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// Validates affinities.
pub(super) fn affinity(path: &Path<'_>, affinity: Option<&Affinity>, faults: &mut Faults) {
    let Some(affinity) = affinity else { return };
    if let Some(node) = &affinity.node_affinity {
        node_affinity(&path.field("nodeAffinity"), node, faults);
    }
    if let Some(pod) = &affinity.pod_affinity {
        let path = path.field("podAffinity");
        let required = &pod.required_during_scheduling_ignored_during_execution;
        pod_terms(&path.field(REQUIRED), required.as_deref(), faults);
        let preferred = &pod.preferred_during_scheduling_ignored_during_execution;
        weighted(&path.field(PREFERRED), preferred.as_deref(), faults);
    }
    if let Some(pod) = &affinity.pod_anti_affinity {
        let path = path.field("podAntiAffinity");
        let required = &pod.required_during_scheduling_ignored_during_execution;
        pod_terms(&path.field(REQUIRED), required.as_deref(), faults);
        let preferred = &pod.preferred_during_scheduling_ignored_during_execution;
        weighted(&path.field(PREFERRED), preferred.as_deref(), faults);
    }
}

fn node_affinity(path: &Path<'_>, node: &NodeAffinity, faults: &mut Faults) {
    if let Some(required) = &node.required_during_scheduling_ignored_during_execution {
        let path = path.field(REQUIRED);
        let terms = path.field("nodeSelectorTerms");
        if required.node_selector_terms.is_empty() {
            faults.required(&terms, "must have at least one node selector term");
        }
        for (at, one) in required.node_selector_terms.iter().enumerate() {
            term(&terms.index(at), one, true, faults);
        }
    }
    let preferred = path.field(PREFERRED);
    let terms = &node.preferred_during_scheduling_ignored_during_execution;
    for (at, one) in terms.iter().flatten().enumerate() {
        let path = preferred.index(at);
        weight(&path, one.weight, faults);
        term(&path.field("preference"), &one.preference, false, faults);
    }
}

fn weight(path: &Path<'_>, weight: i32, faults: &mut Faults) {
    if !(1..=100).contains(&weight) {
        let message = "must be in the range 1-100";
        faults.invalid(&path.field("weight"), weight, message);
    }
}

fn weighted(path: &Path<'_>, terms: Option<&[WeightedPodAffinityTerm]>, faults: &mut Faults) {
    for (at, one) in terms.into_iter().flatten().enumerate() {
        let path = path.index(at);
        weight(&path, one.weight, faults);
        pod_term(
            &path.field("podAffinityTerm"),
            &one.pod_affinity_term,
            faults,
        );
    }
}

fn pod_terms(path: &Path<'_>, terms: Option<&[PodAffinityTerm]>, faults: &mut Faults) {
    for (at, one) in terms.into_iter().flatten().enumerate() {
        pod_term(&path.index(at), one, faults);
    }
}

fn pod_term(path: &Path<'_>, term: &PodAffinityTerm, faults: &mut Faults) {
    let labels = term.label_selector.as_ref();
    selector(&path.field("labelSelector"), labels, faults);
    let namespaces = term.namespace_selector.as_ref();
    selector(&path.field("namespaceSelector"), namespaces, faults);
    let namespace = path.field("namespace");
    for name in term.namespaces.iter().flatten() {
        forms(&namespace, Some(name), text::label, faults);
    }
    for (field, keys) in [
        ("matchLabelKeys", &term.match_label_keys),
        ("mismatchLabelKeys", &term.mismatch_label_keys),
    ] {
        label_keys(&path.field(field), keys.as_deref(), labels, faults);
    }
    let topology = path.field("topologyKey");
    if term.topology_key.is_empty() {
        faults.required(&topology, "can not be empty");
    }
    let key = Some(term.topology_key.as_str());
    forms(&topology, key, text::qualified_name, faults);
}

fn label_keys(
    path: &Path<'_>,
    keys: Option<&[String]>,
    labels: Option<&LabelSelector>,
    faults: &mut Faults,
) {
    let keys = keys.unwrap_or_default();
    if !keys.is_empty() && labels.is_none() {
        let message = "must not be specified when labelSelector is not set";
        return faults.forbidden(path, message);
    }
    for (at, key) in keys.iter().enumerate() {
        forms(&path.index(at), Some(key), text::qualified_name, faults);
    }
}

fn selector(path: &Path<'_>, selector: Option<&LabelSelector>, faults: &mut Faults) {
    let Some(selector) = selector else { return };
    labels(
        &path.field("matchLabels"),
        selector.match_labels.as_ref(),
        faults,
    );
    let expressions = path.field("matchExpressions");
    for (at, one) in selector.match_expressions.iter().flatten().enumerate() {
        let path = expressions.index(at);
        operator(&path, &one.operator, one.values.as_deref(), false, faults);
        let key = path.field("key");
        forms(&key, Some(&one.key), text::qualified_name, faults);
        label_values(&path.field("values"), one.values.as_deref(), faults);
    }
}

fn label_values(path: &Path<'_>, values: Option<&[String]>, faults: &mut Faults) {
    for (at, value) in values.into_iter().flatten().enumerate() {
        forms(&path.index(at), Some(value), text::label_value, faults);
    }
}

fn operator(
    path: &Path<'_>,
    operator: &str,
    values: Option<&[String]>,
    numeric: bool,
    faults: &mut Faults,
) {
    let count = values.map_or(0, <[String]>::len);
    let field = path.field("values");
    match operator {
        "In" | "NotIn" if count == 0 => faults.required(
            &field,
            "must be specified when `operator` is 'In' or 'NotIn'",
        ),
        "Exists" | "DoesNotExist" if count > 0 => faults.forbidden(
            &field,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
        "Gt" | "Lt" if numeric && count != 1 => faults.required(
            &field,
            "must be specified single value when `operator` is 'Lt' or 'Gt'",
        ),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        "Gt" | "Lt" if numeric => {}
        other => faults.invalid(
            &path.field("operator"),
            other,
            "not a valid selector operator",
        ),
    }
}

fn term(path: &Path<'_>, term: &NodeSelectorTerm, required: bool, faults: &mut Faults) {
    let expressions = path.field("matchExpressions");
    for (at, one) in term.match_expressions.iter().flatten().enumerate() {
        let path = expressions.index(at);
        operator(&path, &one.operator, one.values.as_deref(), true, faults);
        let key = path.field("key");
        forms(&key, Some(&one.key), text::qualified_name, faults);
        if required {
            label_values(&path.field("values"), one.values.as_deref(), faults);
        }
    }
    let fields = path.field("matchFields");
    for (at, one) in term.match_fields.iter().flatten().enumerate() {
        let path = fields.index(at);
        let values = one.values.as_deref().unwrap_or_default();
        match one.operator.as_str() {
            "In" | "NotIn" if values.len() != 1 => faults.required(
                &path.field("values"),
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
            ),
            "In" | "NotIn" => {}
            other => faults.invalid(
                &path.field("operator"),
                other,
                "not a valid selector operator",
            ),
        }
        if one.key != "metadata.name" {
            let message = "not a valid field selector key";
            faults.invalid(&path.field("key"), &one.key, message);
            continue;
        }
        let list = path.field("values");
        for (at, value) in values.iter().enumerate() {
            forms(&list.index(at), Some(value), text::subdomain, faults);
        }
    }
}

/// Validates topology spread constraints.
pub(super) fn spread(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    let list = spec.topology_spread_constraints.as_deref();
    let list = list.unwrap_or_default();
    for (at, one) in list.iter().enumerate() {
        let path = path.index(at);
        let positive = |field: &str, number: i32, faults: &mut Faults| {
            if number <= 0 {
                faults.invalid(&path.field(field), number, "must be greater than 0");
            }
        };
        positive("maxSkew", one.max_skew, faults);
        if one.topology_key.is_empty() {
            faults.required(&path.field("topologyKey"), "can not be empty");
        }
        let when = one.when_unsatisfiable.as_str();
        faults.one_of(
            &path.field("whenUnsatisfiable"),
            when,
            &["DoNotSchedule", "ScheduleAnyway"],
        );
        let again = |other: &TopologySpreadConstraint| {
            other.topology_key == one.topology_key && other.when_unsatisfiable == when
        };
        if list.iter().skip(at + 1).any(again) {
            let pair = format!("{{{}, {when}}}", one.topology_key);
            faults.duplicate(&path.field("{topologyKey, whenUnsatisfiable}"), &pair);
        }
        if let Some(domains) = one.min_domains {
            positive("minDomains", domains, faults);
            if when != "DoNotSchedule" {
                let message = format!(
                    "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {when}"
                );
                faults.invalid(&path.field("minDomains"), domains, &message);
            }
        }
        for (field, policy) in [
            ("nodeAffinityPolicy", &one.node_affinity_policy),
            ("nodeTaintsPolicy", &one.node_taints_policy),
        ] {
            if let Some(policy) = policy {
                faults.one_of(&path.field(field), policy, &["Honor", "Ignore"]);
            }
        }
        let labels = one.label_selector.as_ref();
        let keys = one.match_label_keys.as_deref();
        label_keys(&path.field("matchLabelKeys"), keys, labels, faults);
        selector(&path.field("labelSelector"), labels, faults);
    }
}

/// Validates readiness and scheduling gates.
pub(super) fn gates(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    let readiness = path.field("readinessGates");
    for (at, gate) in spec.readiness_gates.iter().flatten().enumerate() {
        let gate_path = readiness.index(at);
        forms(
            &gate_path.field("conditionType"),
            Some(&gate.condition_type),
            text::qualified_name,
            faults,
        );
    }
    let scheduling = path.field("schedulingGates");
    let mut seen = BTreeSet::new();
    for (at, gate) in spec.scheduling_gates.iter().flatten().enumerate() {
        let path = scheduling.index(at);
        forms(&path, Some(&gate.name), text::qualified_name, faults);
        if !seen.insert(&gate.name) {
            faults.duplicate(&path, &gate.name);
        }
    }
}

/// Validates tolerations.
pub(super) fn tolerations(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    for (at, one) in spec.tolerations.iter().flatten().enumerate() {
        let path = path.index(at);
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let (key, operator) = (text(&one.key), text(&one.operator));
        let (value, effect) = (text(&one.value), text(&one.effect));
        let operator_path = path.field("operator");
        if !key.is_empty() {
            let field = path.field("key");
            forms(&field, Some(&key), text::qualified_name, faults);
        } else if operator != "Exists" {
            faults.invalid(
                &operator_path,
                &operator,
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            );
        }
        if one.toleration_seconds.is_some() && effect != "NoExecute" {
            faults.invalid(
                &path.field("effect"),
                &effect,
                "effect must be 'NoExecute' when `tolerationSeconds` is set",
            );
        }
        match operator.as_str() {
            "Equal" | "" => {
                let messages = text::label_value(&value);
                if !messages.is_empty() {
                    faults.invalid(&operator_path, &value, &messages.join(";"));
                }
            }
            "Exists" if !value.is_empty() => faults.invalid(
                &operator_path,
                &value,
                "value must be empty when `operator` is 'Exists'",
            ),
            "Exists" => {}
            // The numeric ones are behind a gate that is off, which the server's text does not know.
            "Lt" | "Gt" => {
                faults.unsupported(&operator_path, &operator, &["Equal", "Exists", "Lt", "Gt"])
            }
            other => faults.unsupported(&operator_path, other, &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            faults.one_of(
                &path.field("effect"),
                &effect,
                &["NoSchedule", "PreferNoSchedule", "NoExecute"],
            );
        }
    }
}
