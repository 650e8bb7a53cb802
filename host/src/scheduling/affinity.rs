//! Whether the node is one that a pod may run on: `nodeSelector` and the required node affinity (rule J5).

use std::collections::BTreeMap;

use super::Misfit;
use crate::model::{NODE_NAME, NodeChoice, NodeOperator, NodeRequirement, NodeTerm};

/// The node's labels.
pub type Labels = BTreeMap<String, String>;

/// Why a pod may not run on a node of those labels.
pub fn mismatches(choice: &NodeChoice, node: &Labels) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let selected = choice
        .labels
        .iter()
        .all(|(key, value)| node.get(key) == Some(value));
    let terms = choice.terms.as_ref();
    if !selected || terms.is_some_and(|terms| !terms.iter().any(|term| matches(term, node))) {
        misfits.push(Misfit::Affinity);
    }
    if choice.topologies.iter().any(|key| !node.contains_key(key)) {
        misfits.push(Misfit::Topology);
    }
    misfits
}

/// A term that asks for nothing matches nothing.
fn matches(term: &NodeTerm, node: &Labels) -> bool {
    let asks = !(term.labels.is_empty() && term.names.is_empty());
    let label = |one: &NodeRequirement| is_met(one, node.get(&one.key).map(String::as_str));
    // There is but this field (rule K).
    let name = |one: &NodeRequirement| is_met(one, Some(NODE_NAME));
    asks && term.labels.iter().all(label) && term.names.iter().all(name)
}

fn is_met(requirement: &NodeRequirement, value: Option<&str>) -> bool {
    let values = &requirement.values;
    let listed = || value.is_some_and(|value| values.iter().any(|one| one == value));
    // What is no number, on either side, is neither above nor below.
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let pair = || Some((number(value)?, number(values.first().map(String::as_str))?));
    match requirement.operator {
        NodeOperator::In => listed(),
        NodeOperator::NotIn => !listed(),
        NodeOperator::Exists => value.is_some(),
        NodeOperator::DoesNotExist => value.is_none(),
        NodeOperator::Gt => pair().is_some_and(|(value, than)| value > than),
        NodeOperator::Lt => pair().is_some_and(|(value, than)| value < than),
    }
}

#[cfg(test)]
mod tests {
    use super::{Labels, mismatches};
    use crate::model::NodeOperator::{DoesNotExist, Exists, Gt, In, Lt, NotIn};
    use crate::model::{NodeChoice, NodeOperator, NodeRequirement, NodeTerm};
    use crate::scheduling::Misfit;

    fn node() -> Labels {
        [
            ("kubernetes.io/os", "linux"),
            ("disk", "ssd"),
            ("cores", "8"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
    }

    fn requirement((key, operator, values): (&str, NodeOperator, &[&str])) -> NodeRequirement {
        NodeRequirement {
            key: key.to_owned(),
            operator,
            values: values.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    fn term(labels: &[(&str, NodeOperator, &[&str])]) -> NodeTerm {
        NodeTerm {
            labels: labels.iter().copied().map(requirement).collect(),
            names: Vec::new(),
        }
    }

    fn fits(labels: &[(&str, &str)], terms: Option<Vec<NodeTerm>>) -> bool {
        let labels = labels.iter().copied();
        let choice = NodeChoice {
            labels: labels.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            terms,
            topologies: Vec::new(),
        };
        let misfits = mismatches(&choice, &node());
        assert!(misfits.is_empty() || misfits == [Misfit::Affinity]);
        misfits.is_empty()
    }

    #[test]
    fn j5_every_label_of_the_node_selector_must_be_the_nodes() {
        for (labels, expected) in [
            (&[][..], true),
            (&[("kubernetes.io/os", "linux")], true),
            (&[("kubernetes.io/os", "linux"), ("disk", "ssd")], true),
            (&[("kubernetes.io/os", "linux"), ("disk", "hdd")], false),
            (&[("gpu", "")], false),
        ] {
            assert_eq!(fits(labels, None), expected, "{labels:?}");
        }
    }

    #[test]
    fn j5_operators_of_node_affinity_compare_as_the_schedulers() {
        for (requirement, expected) in [
            (("disk", In, &["hdd", "ssd"][..]), true),
            (("disk", In, &["hdd"]), false),
            (("gpu", In, &["ssd"]), false),
            (("disk", NotIn, &["hdd"]), true),
            (("disk", NotIn, &["ssd"]), false),
            (("gpu", NotIn, &["ssd"]), true),
            (("disk", Exists, &[]), true),
            (("gpu", Exists, &[]), false),
            (("disk", DoesNotExist, &[]), false),
            (("gpu", DoesNotExist, &[]), true),
            (("cores", Gt, &["7"]), true),
            (("cores", Gt, &["8"]), false),
            (("cores", Lt, &["9"]), true),
            (("cores", Lt, &["8"]), false),
            (("cores", Lt, &["10"]), true),
            (("cores", Gt, &["-1"]), true),
            (("disk", Gt, &["1"]), false),
            (("cores", Gt, &["many"]), false),
            (("gpu", Lt, &["1"]), false),
        ] {
            assert_eq!(
                fits(&[], Some(vec![term(&[requirement])])),
                expected,
                "{requirement:?}"
            );
        }
    }

    #[test]
    fn j5_terms_are_ored_their_expressions_and_the_selector_anded() {
        let (yes, no) = (("disk", Exists, &[][..]), ("gpu", Exists, &[][..]));
        for (labels, terms, expected) in [
            (&[][..], vec![term(&[no]), term(&[yes])], true),
            (&[], vec![term(&[yes, no])], false),
            (&[], vec![term(&[])], false),
            (&[], vec![], false),
            (&[("disk", "hdd")], vec![term(&[yes])], false),
            (&[("disk", "ssd")], vec![term(&[yes])], true),
        ] {
            assert_eq!(
                fits(labels, Some(terms.clone())),
                expected,
                "{labels:?} {terms:?}"
            );
        }
    }

    #[test]
    fn j5_match_fields_are_about_the_nodes_name() {
        for (operator, name, expected) in [
            (In, "peapod", true),
            (In, "other", false),
            (NotIn, "peapod", false),
            (NotIn, "other", true),
        ] {
            let term = NodeTerm {
                labels: Vec::new(),
                names: vec![requirement(("metadata.name", operator, &[name]))],
            };
            assert_eq!(fits(&[], Some(vec![term])), expected, "{operator:?} {name}");
        }
    }

    #[test]
    fn a_spread_that_must_be_kept_wants_a_node_that_has_its_topology() {
        for (key, expected) in [("disk", vec![]), ("zone", vec![Misfit::Topology])] {
            let choice = NodeChoice {
                topologies: vec![key.to_owned()],
                ..NodeChoice::default()
            };
            assert_eq!(mismatches(&choice, &node()), expected, "{key}");
        }
    }
}
