//! Which nodes a pod may run on.

use std::collections::BTreeMap;

/// What a pod says of the node it wants (rule J5). What it only prefers is not in it: there is nothing to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeChoice {
    /// `spec.nodeSelector`: the labels that the node must have.
    pub labels: BTreeMap<String, String>,
    /// The required node affinity: terms of which one has to match.
    pub terms: Option<Vec<NodeTerm>>,
    /// `topologyKey` of each constraint of its spread that has to be kept: labels that the node must have. With one node all pods are in the same
    /// place, so there is nothing to be uneven.
    pub topologies: Vec<String>,
}

/// One of `nodeSelectorTerms`: all of its requirements have to be met. One without any matches no node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeTerm {
    /// `matchExpressions`, about labels.
    pub labels: Vec<NodeRequirement>,
    /// `matchFields`, about `metadata.name`.
    pub names: Vec<NodeRequirement>,
}

/// What a label or a field has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRequirement {
    /// `key`
    pub key: String,
    /// `operator`
    pub operator: NodeOperator,
    /// `values`
    pub values: Vec<String>,
}

/// How the value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeOperator {
    /// It is one of the values.
    In,
    /// It is none of them, or there is none.
    NotIn,
    /// There is one.
    Exists,
    /// There is none.
    DoesNotExist,
    /// It is a number above the value.
    Gt,
    /// It is a number below the value.
    Lt,
}
