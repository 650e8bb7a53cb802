//! Pods for proptest, which can make a failing one smaller.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::model::{
    Container, ContainerRestart, ExitCodeOperator, Hooks, ImagePullPolicy, Pod, Probes,
    RestartAction, RestartPolicy, RestartRule, Role, Seconds, testing,
};

/// A pod of up to three init containers and sidecars, and one to three mains.
pub(super) fn pod() -> impl Strategy<Value = Pod> {
    let init = vec(
        prop_oneof![container(Role::Init), container(Role::Sidecar)],
        0..=3,
    );
    let mains = vec(container(Role::Main), 1..=3);
    let grace = prop_oneof![Just(0), Just(1), Just(5), Just(30), Just(600)];
    let deadline = option::weighted(0.2, 1..900_u64);
    (init, mains, policy(), grace, deadline).prop_map(|(init, mains, policy, grace, deadline)| {
        let mut pod = testing::pod();
        let spec = Arc::make_mut(&mut pod.spec);
        spec.init = named(init, |n| format!("i{n}"));
        spec.mains = named(mains, |n| format!("m{}", 9 - n));
        spec.restart_policy = policy;
        spec.grace = Seconds(grace);
        spec.active_deadline = deadline.map(Seconds);
        pod
    })
}

fn named(containers: Vec<Container>, name: impl Fn(usize) -> String) -> Vec<Container> {
    let numbered = containers.into_iter().enumerate();
    let with_name = |(n, container)| Container {
        name: name(n).as_str().into(),
        ..container
    };
    numbered.map(with_name).collect()
}

fn container(role: Role) -> impl Strategy<Value = Container> {
    let flags = proptest::array::uniform4(prop::bool::weighted(0.25));
    let pulls = prop_oneof![
        Just(ImagePullPolicy::IfNotPresent),
        Just(ImagePullPolicy::Always),
        Just(ImagePullPolicy::Never),
    ];
    let own = option::weighted(0.2, own_restart());
    (flags, pulls, own).prop_map(move |(flags, pull_policy, own)| {
        // Regular init containers have neither probes nor hooks (rules D15, E9).
        let [startup, readiness, post_start, pre_stop] = flags.map(|f| f && role != Role::Init);
        Container {
            role,
            pull_policy,
            restart: own,
            probes: Probes {
                startup: startup.then(testing::probe),
                liveness: None,
                readiness: readiness.then(testing::probe),
            },
            hooks: Hooks {
                post_start: post_start.then(testing::hook),
                pre_stop: pre_stop.then(testing::hook),
            },
            ..testing::container("c")
        }
    })
}

fn policy() -> impl Strategy<Value = RestartPolicy> {
    prop_oneof![
        Just(RestartPolicy::Never),
        Just(RestartPolicy::OnFailure),
        Just(RestartPolicy::Always),
    ]
}

fn own_restart() -> impl Strategy<Value = ContainerRestart> {
    let action = prop_oneof![
        Just(RestartAction::Restart),
        Just(RestartAction::RestartAllContainers),
    ];
    let operator = prop_oneof![Just(ExitCodeOperator::In), Just(ExitCodeOperator::NotIn)];
    let code = prop_oneof![Just(0), Just(1), Just(42), Just(137), Just(143)];
    let rule = (action, operator, code).prop_map(|(action, operator, code)| RestartRule {
        action,
        operator,
        values: vec![code],
    });
    (policy(), vec(rule, 0..3)).prop_map(|(policy, rules)| ContainerRestart { policy, rules })
}
