//! Affinity, tolerations and gates.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Affinity, NodeSelectorRequirement, NodeSelectorTerm, PodSpec};

use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

/// Validates node affinity. Pod affinity is refused as a whole further on, so what is wrong inside it is not looked for.
pub(super) fn affinity(path: &Path<'_>, affinity: Option<&Affinity>, faults: &mut Faults) {
    let Some(node) = affinity.and_then(|affinity| affinity.node_affinity.as_ref()) else {
        return;
    };
    let path = path.field("nodeAffinity");
    if let Some(required) = &node.required_during_scheduling_ignored_during_execution {
        let required_path = path.field("requiredDuringSchedulingIgnoredDuringExecution");
        let terms = required_path.field("nodeSelectorTerms");
        if required.node_selector_terms.is_empty() {
            faults.required(&terms, "must have at least one node selector term");
        }
        for (at, term) in required.node_selector_terms.iter().enumerate() {
            self::term(&terms.index(at), term, faults);
        }
    }
    let preferred = path.field("preferredDuringSchedulingIgnoredDuringExecution");
    let terms = &node.preferred_during_scheduling_ignored_during_execution;
    for (at, one) in terms.iter().flatten().enumerate() {
        let path = preferred.index(at);
        if !(1..=100).contains(&one.weight) {
            let message = "must be in the range 1-100";
            faults.invalid(&path.field("weight"), one.weight, message);
        }
        term(&path.field("preference"), &one.preference, faults);
    }
}

fn term(path: &Path<'_>, term: &NodeSelectorTerm, faults: &mut Faults) {
    let expressions = path.field("matchExpressions");
    for (at, one) in term.match_expressions.iter().flatten().enumerate() {
        requirement(&expressions.index(at), one, faults);
    }
}

fn requirement(path: &Path<'_>, one: &NodeSelectorRequirement, faults: &mut Faults) {
    let values = one.values.as_ref().map_or(0, Vec::len);
    let field = path.field("values");
    match one.operator.as_str() {
        "In" | "NotIn" if values == 0 => faults.required(
            &field,
            "must be specified when `operator` is 'In' or 'NotIn'",
        ),
        "Exists" | "DoesNotExist" if values > 0 => faults.forbidden(
            &field,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        ),
        "Gt" | "Lt" if values != 1 => faults.required(
            &field,
            "must be specified single value when `operator` is 'Lt' or 'Gt'",
        ),
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => faults.invalid(
            &path.field("operator"),
            other,
            "not a valid selector operator",
        ),
    }
    forms(
        &path.field("key"),
        Some(&one.key),
        text::qualified_name,
        faults,
    );
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
