//! Tests of Kubernetes' suites, and which of ours stand for them.

use std::collections::BTreeMap;

use crate::scan::{Test, suite_test};

/// How many conformance tests of Kubernetes 1.36 a host of wasm guests can be held to, by area and file.
pub(crate) const SUITE: &[(&str, &[(&str, usize)])] = &[
    (
        "node and pods",
        &[
            ("configmap.go", 6),
            ("container_probe.go", 10),
            ("containers.go", 4),
            ("downwardapi.go", 6),
            ("expansion.go", 8),
            ("init_container.go", 4),
            ("kubelet.go", 5),
            ("lifecycle_hook.go", 4),
            ("pods.go", 14),
            ("pre_stop.go", 1),
            ("runtime.go", 5),
            ("secrets.go", 5),
            ("security_context.go", 1),
            ("sysctl.go", 1),
        ],
    ),
    (
        "storage",
        &[
            ("configmap_volume.go", 9),
            ("downwardapi_volume.go", 11),
            ("empty_dir.go", 9),
            ("empty_dir_wrapper.go", 2),
            ("projected_combined.go", 1),
            ("projected_configmap.go", 7),
            ("projected_downwardapi.go", 11),
            ("projected_secret.go", 6),
            ("secrets_volume.go", 8),
            ("subpath.go", 5),
        ],
    ),
    (
        "network",
        &[
            ("apiserver.go", 2),
            ("dns.go", 8),
            ("endpoints.go", 3),
            ("endpointslice.go", 5),
            ("networking.go", 4),
            ("service.go", 11),
            ("service_latency.go", 1),
        ],
    ),
];

/// The areas that need an API server or controllers, and how many such tests each has.
pub(crate) const LATER: &[(&str, usize)] = &[
    ("apps", 24),
    ("API machinery", 29),
    ("kubectl", 12),
    ("scheduling", 4),
    ("auth, instrumentation, architecture", 4),
];

/// In the files of the suite, what of its tests is not a conformance test: (file, words of its name).
pub(crate) const BEYOND: &[(&str, &str)] = &[
    ("container_probe.go", "redirect"),
    ("container_probe.go", "startup"),
    ("container_probe.go", "StartupProbe"),
    ("container_probe.go", "GracePeriodSeconds"),
    ("container_probe.go", "terminating"),
    ("container_probe.go", "with timeout"),
    ("container_probe.go", "restartable init"),
    ("lifecycle_hook.go", "Sleep Hook"),
];

/// Tests of Kubernetes' suites by file and name, with ours that stand for them.
pub(crate) type Suite<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a str>>>;

pub(crate) fn suite(tests: &[Test]) -> Suite<'_> {
    let mut suite = Suite::new();
    for test in tests {
        for (file, name) in test.stands_for.iter().filter_map(|text| suite_test(text)) {
            let ours = suite.entry(file).or_default().entry(name).or_default();
            ours.push(&test.name);
        }
    }
    suite
}

pub(crate) fn is_conformance(file: &str, name: &str) -> bool {
    let known = SUITE
        .iter()
        .any(|(_, files)| files.iter().any(|(of, _)| *of == file));
    known
        && !BEYOND
            .iter()
            .any(|(of, words)| *of == file && name.contains(words))
}

pub(crate) fn covered(suite: &Suite<'_>, file: &str) -> usize {
    suite.get(file).map_or(0, |names| {
        names
            .keys()
            .filter(|name| is_conformance(file, name))
            .count()
    })
}
