//! Any pod under any schedule of faults keeps the invariants.

use proptest::prelude::*;

use super::arbitrary;
use crate::sim::Simulation;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_pod_under_any_faults_keeps_every_promise(pod in arbitrary::pod(), seed: u64) {
        if let Err(violation) = Simulation::run_pod(pod, seed) {
            return Err(TestCaseError::fail(violation.to_string()));
        }
    }
}
