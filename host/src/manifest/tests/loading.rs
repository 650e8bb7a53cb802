use super::{ids, now};
use crate::manifest::{Fault, Loaded, LoadedPod, load};
use crate::model::{
    Bytes, ContainerPort, Dns, DnsPolicy, EnvValue, FileSource, Files, HostPathType,
    ImagePullPolicy, KeyToPath, Keys, Medium, Millicores, NodeChoice, NodeOperator,
    NodeRequirement, NodeTerm, Protocol, QosClass, RestartPolicy, Role, Seconds, VolumeSource,
};

fn read(text: &str) -> Result<Vec<Loaded>, Vec<Fault>> {
    let mut next = ids();
    load("pod.yaml", text.as_bytes(), &mut next, now())
}

fn one(text: &str) -> LoadedPod {
    let mut loaded = read(text).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!(loaded.len(), 1);
    match loaded.remove(0) {
        Loaded::Pod(pod) => *pod,
        other => panic!("{other:?}"),
    }
}

fn faults(text: &str) -> Vec<String> {
    read(text).unwrap_err().iter().map(super::said).collect()
}

/// A pod with these lines added to its specification and to its only container.
fn pod(spec: &str, container: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, \
         spec: {{{spec} containers: [{{name: c, image: i, {container}}}]}}}}"
    )
}

#[test]
fn a_pod_becomes_a_model_with_everything_the_host_needs() {
    let loaded = one("
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}, annotations: {a.b/c: d}}
spec:
  restartPolicy: OnFailure
  terminationGracePeriodSeconds: 7
  activeDeadlineSeconds: 60
  hostname: front
  subdomain: pods
  hostAliases: [{ip: 10.0.0.1, hostnames: [a.example, b.example]}]
  readinessGates: [{conditionType: example.com/ready}]
  volumes:
  - {name: scratch, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  - {name: data, hostPath: {path: ./data, type: DirectoryOrCreate}}
  - {name: bare}
  - {name: settings, configMap: {name: cm, defaultMode: 0400, items: [{key: a, path: sub/a, mode: 0600}, {key: b, path: b}]}}
  - {name: more, configMap: {name: cm2, optional: true}}
  dnsPolicy: None
  dnsConfig: {nameservers: [10.0.0.1], searches: [a.example], options: [{name: ndots, value: '2'}, {name: rotate}]}
  initContainers:
  - {name: setup, image: 'busybox:1'}
  - {name: helper, image: helper, restartPolicy: Always}
  containers:
  - name: app
    image: ./app.wasm
    command: [run]
    args: ['--port', '80']
    workingDir: /srv
    env: [{name: A, value: b}, {name: EMPTY}]
    stdin: true
    restartPolicy: Never
    restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [3]}}]
    resources: {limits: {cpu: 1500m, memory: 64Mi}}
    securityContext: {readOnlyRootFilesystem: true, runAsUser: 1000, privileged: false, capabilities: {drop: [ALL]}}
    ports:
    - {name: web, containerPort: 80, hostPort: 8080, hostIP: 127.0.0.1}
    - {containerPort: 53, protocol: UDP}
    volumeMounts:
    - {name: data, mountPath: /data, readOnly: true, subPath: a/b}
    - {name: scratch, mountPath: tmp}
");
    let meta = &loaded.pod.meta;
    assert_eq!(meta.namespace.as_str(), "default");
    assert_eq!(meta.uid.as_str(), "00000000-0000-4000-8000-000000000001");
    assert_eq!(meta.labels["app"], "web");
    assert_eq!((meta.created, meta.generation), (now(), 1));
    let spec = &loaded.pod.spec;
    assert_eq!(spec.restart_policy, RestartPolicy::OnFailure);
    assert_eq!(
        (spec.grace, spec.active_deadline),
        (Seconds(7), Some(Seconds(60)))
    );
    assert_eq!(spec.hostname, "front");
    assert_eq!(
        spec.fqdn.as_deref(),
        Some("front.pods.default.svc.cluster.local")
    );
    assert_eq!(spec.host_aliases[0].1, ["a.example", "b.example"]);
    assert_eq!(spec.qos, QosClass::Burstable);
    let roles: Vec<Role> = spec.containers().map(|c| c.role).collect();
    assert_eq!(roles, [Role::Init, Role::Sidecar, Role::Main]);
    assert_eq!(spec.init[1].restart, None);
    assert_eq!(spec.init[1].pull_policy, ImagePullPolicy::Always);
    let app = &spec.mains[0];
    assert_eq!(app.pull_policy, ImagePullPolicy::IfNotPresent);
    assert_eq!(app.env[1].value, EnvValue::Text(String::new()));
    let restart = app.restart.as_ref().unwrap();
    assert_eq!(
        (restart.policy, restart.rules[0].values.as_slice()),
        (RestartPolicy::Never, [3].as_slice())
    );
    assert_eq!(app.resources.cpu_request, Some(Millicores(1500)));
    assert_eq!(app.resources.memory_limit, Some(Bytes(64 << 20)));
    assert!(app.read_only_root && app.stdin);
    assert_eq!(app.mounts[1].path, "/tmp");
    assert_eq!(app.mounts[0].sub_path.as_deref(), Some("a/b"));
    assert_eq!(
        spec.volumes[1].source,
        VolumeSource::HostPath {
            path: "./data".into(),
            kind: HostPathType::DirectoryOrCreate
        }
    );
    assert_eq!(
        spec.volumes[2].source,
        VolumeSource::EmptyDir {
            medium: Medium::Disk,
            size_limit: None
        }
    );
    assert_eq!(
        spec.volumes[3].source,
        VolumeSource::Files(Files {
            sources: vec![FileSource::ConfigMap(Keys {
                name: "cm".into(),
                items: Some(vec![
                    KeyToPath {
                        key: "a".into(),
                        path: "sub/a".into(),
                        mode: Some(0o600)
                    },
                    KeyToPath {
                        key: "b".into(),
                        path: "b".into(),
                        mode: None
                    },
                ]),
                optional: false,
            })],
            default_mode: 0o400,
            in_memory: false,
        })
    );
    assert_eq!(
        spec.volumes[4].source,
        VolumeSource::Files(Files {
            sources: vec![FileSource::ConfigMap(Keys {
                name: "cm2".into(),
                items: None,
                optional: true,
            })],
            default_mode: 0o644,
            in_memory: false,
        })
    );
    assert_eq!(
        app.ports,
        [
            ContainerPort {
                name: Some("web".into()),
                port: 80,
                host_port: Some(8080),
                host_ip: Some([127, 0, 0, 1].into()),
                protocol: Protocol::Tcp,
            },
            ContainerPort {
                name: None,
                port: 53,
                host_port: None,
                host_ip: None,
                protocol: Protocol::Udp,
            },
        ]
    );
    assert_eq!(
        spec.dns,
        Dns {
            policy: DnsPolicy::None,
            nameservers: vec!["10.0.0.1".into()],
            searches: vec!["a.example".into()],
            options: vec![("ndots".into(), Some("2".into())), ("rotate".into(), None)],
        }
    );
    let metadata = &loaded.object.metadata;
    assert_eq!(metadata.generation, Some(1));
    assert_eq!(metadata.uid.as_deref(), Some(meta.uid.as_str()));
}

#[test]
fn every_fault_of_every_document_is_reported_at_once_in_one_line_each() {
    let text = "
apiVersion: v1
kind: Pod
metadata: {name: k}
spec:
  containers:
  - {name: a, imagee: x}
  - {name: a, imag: x, envs: []}
---
apiVersion: v1
kind: Pod
metadata: {name: m}
spec:
  hostNetwork: true
  containers:
  - {name: a, image: x}
  - {name: a, image: x}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
---
kind: Foo
apiVersion: v1
---
a: [
";
    let told: Vec<String> = read(text)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            r#"pod.yaml: document 1, line 7: Pod "k": spec.containers[0].imagee: unknown field, did you mean "image"?"#,
            r#"pod.yaml: document 1, line 8: Pod "k": spec.containers[1].envs: unknown field, did you mean "env"?"#,
            r#"pod.yaml: document 1, line 8: Pod "k": spec.containers[1].imag: unknown field, did you mean "image"?"#,
            r#"pod.yaml: document 2, line 17: Pod "m": spec.containers[1].name: Duplicate value: "a""#,
            r#"pod.yaml: document 2, line 14: Pod "m": spec.hostNetwork: not supported yet: a pod has no part in the machine's network"#,
            r#"pod.yaml: document 3, line 20: Deployment "d": kind: not supported yet: Deployment (apps/v1); this version runs Pods, with Services, ConfigMaps and Secrets"#,
            r#"pod.yaml: document 4, line 23: Foo: no matches for kind "Foo" in version "v1""#,
            "pod.yaml: document 5: line 27, column 1: while parsing a node, did not find expected node content",
        ]
    );
}

#[test]
fn k60_wrong_types_name_the_field_what_was_found_and_the_way_out() {
    let text = "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {k: 1}}, spec: {hostname: 1, \
        hostNetwork: 'true', activeDeadlineSeconds: '5', containers: [{name: c, image: i, args: [80, ok], \
        env: {name: a}, ports: [{containerPort: 99999999999}], command: {}, resources: {limits: {cpu: lots, memory: 1.5}}, \
        stdin: 3}]}}";
    let starts = r#"pod.yaml: document 1: Pod "p": "#;
    let found: Vec<String> = faults(text)
        .iter()
        .map(|line| line.strip_prefix(starts).unwrap().to_owned())
        .collect();
    assert_eq!(
        found,
        [
            "metadata.labels.k: expected a string, found a number (1); put it in quotes",
            "spec.activeDeadlineSeconds: expected a number, found a string (\"5\"); take the quotes away",
            "spec.containers[0].args[0]: expected a string, found a number (80); put it in quotes",
            "spec.containers[0].command: expected a list, found a map; is a dash missing?",
            "spec.containers[0].env: expected a list, found a map; is a dash missing?",
            "spec.containers[0].ports[0].containerPort: expected a whole number from -2147483648 to 2147483647, \
             found a number (99999999999)",
            "spec.containers[0].resources.limits.cpu: \"lots\": quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            "spec.containers[0].stdin: expected a boolean, found a number (3)",
            "spec.hostNetwork: expected a boolean, found a string (\"true\"); take the quotes away",
            "spec.hostname: expected a string, found a number (1); put it in quotes",
        ]
    );
}

#[test]
fn k64_an_unknown_kind_comes_with_a_hint_where_there_is_one() {
    let only = |text: &str| faults(text).join("\n");
    assert_eq!(
        only("{apiVersion: v1, kind: pod, metadata: {name: k}}"),
        r#"pod.yaml: document 1: pod "k": no matches for kind "pod" in version "v1", did you mean "Pod"?"#
    );
    assert_eq!(
        only("{apiVersion: apps/v1, kind: Pod}"),
        r#"pod.yaml: document 1: Pod: no matches for kind "Pod" in version "apps/v1", did you mean version "v1"?"#
    );
    assert_eq!(
        faults("{metadata: {name: k}}"),
        [
            "pod.yaml: document 1: apiVersion: Required value",
            "pod.yaml: document 1: kind: Required value"
        ]
    );
    assert_eq!(
        only("just text"),
        "pod.yaml: document 1: expected a Kubernetes object (a map with apiVersion, kind, …), \
         found a string (\"just text\")"
    );
}

#[test]
fn what_this_version_cannot_do_is_refused_with_its_field() {
    for (spec, container, path) in [
        ("hostPID: true,", "", "spec.hostPID"),
        ("hostIPC: true,", "", "spec.hostIPC"),
        (
            "",
            "ports: [{containerPort: 1, protocol: SCTP}]",
            "spec.containers[0].ports[0].protocol",
        ),
        ("nodeName: here,", "", "spec.nodeName"),
        (
            "topologySpreadConstraints: [{maxSkew: 1, topologyKey: k, whenUnsatisfiable: DoNotSchedule, minDomains: 2}],",
            "",
            "spec.topologySpreadConstraints[0].minDomains",
        ),
        (
            "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname}]}},",
            "",
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution",
        ),
        (
            "affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname}]}},",
            "",
            "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution",
        ),
        ("runtimeClassName: r,", "", "spec.runtimeClassName"),
        ("schedulingGates: [{name: g}],", "", "spec.schedulingGates"),
        (
            "shareProcessNamespace: true,",
            "",
            "spec.shareProcessNamespace",
        ),
        (
            "volumes: [{name: v, nfs: {server: s, path: /p}}],",
            "",
            "spec.volumes[0].nfs",
        ),
        (
            "volumes: [{name: v, emptyDir: {medium: HugePages}}],",
            "",
            "spec.volumes[0].emptyDir.medium",
        ),
        (
            "",
            "lifecycle: {stopSignal: SIGUSR1}",
            "spec.containers[0].lifecycle.stopSignal",
        ),
        (
            "",
            "env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.hugepages-2Mi}}}]",
            "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource",
        ),
        (
            "",
            "securityContext: {privileged: true}",
            "spec.containers[0].securityContext.privileged",
        ),
        (
            "",
            "resources: {limits: {example.com/gpu: 1}}",
            "spec.containers[0].resources.limits[example.com/gpu]",
        ),
        (
            "initContainers: [{name: s, image: i, restartPolicy: Always, lifecycle: {stopSignal: SIGUSR1}}],",
            "",
            "spec.initContainers[0].lifecycle.stopSignal",
        ),
    ] {
        let found = faults(&pod(spec, container));
        let expected = format!(r#"pod.yaml: document 1: Pod "p": {path}: not supported yet: "#);
        assert!(found[0].starts_with(&expected), "{found:?}");
    }
}

#[test]
fn what_means_nothing_here_is_accepted() {
    one(&pod(
        "hostNetwork: false, serviceAccountName: s, automountServiceAccountToken: false, imagePullSecrets: [{name: r}], \
         tolerations: [{operator: Exists}], priorityClassName: system-node-critical, enableServiceLinks: false, \
         affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: k}}]}}, \
         securityContext: {fsGroup: 1, runAsNonRoot: true}, os: {name: linux}, dnsPolicy: Default,",
        "securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [NET_ADMIN]}}, tty: true, \
         ports: [{containerPort: 80}], terminationMessagePolicy: FallbackToLogsOnError",
    ));
}

#[test]
fn one_fault_a_field_what_is_wrong_counts_more_than_what_is_not_supported() {
    let found = faults(&pod("", "livenessProbe: {periodSeconds: -1}"));
    assert_eq!(
        found,
        [
            r#"pod.yaml: document 1: Pod "p": spec.containers[0].livenessProbe: Required value: must specify a handler type"#,
            r#"pod.yaml: document 1: Pod "p": spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0"#,
        ]
    );
}

#[test]
fn a_generated_name_is_the_base_and_five_characters_of_the_uid() {
    let text = "{apiVersion: v1, kind: Pod, metadata: {generateName: job-}, spec: {containers: [{name: c, image: i}]}}";
    let name = one(text).pod.meta.name;
    assert_eq!(name, one(text).pod.meta.name);
    let tail = name.as_str().strip_prefix("job-").unwrap();
    assert_eq!(tail.len(), 5);
    assert!(
        tail.bytes()
            .all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
    );
    let two = format!("{text}\n---\n{text}");
    assert_eq!(read(&two).unwrap().len(), 2);
}

#[test]
fn two_pods_of_one_name_are_a_fault_of_the_second() {
    let text = pod("", "");
    assert_eq!(
        faults(&format!("{text}\n---\n{text}")),
        [
            r#"pod.yaml: document 2: Pod "p": metadata.name: pods "p" already exists: pod.yaml, document 1"#
        ]
    );
    let other = text.replace("{name: p}", "{name: p, namespace: other}");
    assert_eq!(read(&format!("{text}\n---\n{other}")).unwrap().len(), 2);
}

#[test]
fn h9_a_hostname_is_cut_to_63_and_loses_what_may_not_end_it() {
    let name = format!("{}-{}", "a".repeat(62), "b".repeat(20));
    let text = pod("", "").replace("{name: p}", &format!("{{name: {name}}}"));
    assert_eq!(one(&text).pod.spec.hostname, "a".repeat(62));
    assert_eq!(one(&text).pod.spec.uts_hostname, "a".repeat(62));
    let text = pod("hostname: h,", "");
    assert_eq!(one(&text).pod.spec.hostname, "h", "not the pod's name");
}

#[test]
fn h9_a_subdomain_gives_a_full_name_which_is_the_hostname_if_the_pod_says_so() {
    let full = "h.s.default.svc.cluster.local";
    let spec = one(&pod("hostname: h, subdomain: s,", "")).pod.spec;
    assert_eq!(spec.fqdn.as_deref(), Some(full));
    assert_eq!((&*spec.hostname, &*spec.uts_hostname), ("h", "h"));
    let text = pod("hostname: h, subdomain: s, setHostnameAsFQDN: true,", "");
    let spec = one(&text).pod.spec;
    assert_eq!(spec.fqdn.as_deref(), Some(full));
    assert_eq!((&*spec.hostname, &*spec.uts_hostname), ("h", full));
    let spec = one(&pod("setHostnameAsFQDN: true,", "")).pod.spec;
    assert_eq!((spec.fqdn.as_deref(), &*spec.uts_hostname), (None, "p"));
}

#[test]
fn h9_an_override_wins_over_everything_and_has_no_domain() {
    let text = pod("hostnameOverride: a.b.c, hostname: h, subdomain: s,", "");
    let spec = one(&text).pod.spec;
    assert_eq!((&*spec.hostname, &*spec.uts_hostname), ("a.b.c", "a.b.c"));
    assert_eq!(spec.fqdn, None);
    assert_eq!(
        faults(&pod(
            "hostnameOverride: h, subdomain: s, setHostnameAsFQDN: true,",
            ""
        )),
        [
            r#"pod.yaml: document 1: Pod "p": spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true"#
        ]
    );
}

#[test]
fn j2_classes_follow_requests_and_limits() {
    let class = |resources: &str| {
        one(&pod("", &format!("resources: {{{resources}}}")))
            .pod
            .spec
            .qos
    };
    assert_eq!(class(""), QosClass::BestEffort);
    assert_eq!(class("limits: {cpu: 0, memory: 0}"), QosClass::BestEffort);
    assert_eq!(class("limits: {cpu: 1, memory: 1Gi}"), QosClass::Guaranteed);
    assert_eq!(class("limits: {cpu: 1}"), QosClass::Burstable);
    assert_eq!(
        class("limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 500m}"),
        QosClass::Burstable
    );
}

#[test]
fn faults_of_list_items_carry_the_place_in_the_list() {
    let text = "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {}}, 3]}";
    let found = faults(text);
    assert_eq!(
        found[0],
        r#"pod.yaml: document 1: Pod "p": items[0].spec.containers: Required value"#
    );
    assert!(found[1].starts_with("pod.yaml: document 1: items[1]: expected a Kubernetes object"));
}

#[test]
fn names_with_control_characters_stay_on_their_line() {
    let text =
        "{apiVersion: v1, kind: Pod, metadata: {name: \"a\\n\\e[31mb\"}, spec: {\"x\\ny\": 1}}";
    let found = faults(text);
    assert!(
        found.iter().all(|line| !line.contains(['\n', '\u{1b}'])),
        "{found:?}"
    );
}

#[test]
fn j5_a_pod_chooses_its_node_by_selector_affinity_and_spread() {
    let loaded = one(&pod(
        "nodeSelector: {kubernetes.io/os: linux}, affinity: {nodeAffinity: {\
         requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: NotIn, values: [b, c]}, \
         {key: d, operator: Gt, values: ['1']}], matchFields: [{key: metadata.name, operator: In, values: [peapod]}]}]}, \
         preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: x, operator: Exists}]}}]}}, \
         topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}, \
         {maxSkew: 1, topologyKey: rack, whenUnsatisfiable: ScheduleAnyway}],",
        "",
    ));
    let requirement = |key: &str, operator, values: &[&str]| NodeRequirement {
        key: key.to_owned(),
        operator,
        values: values.iter().map(|one| (*one).to_owned()).collect(),
    };
    let expected = NodeChoice {
        labels: [("kubernetes.io/os".to_owned(), "linux".to_owned())].into(),
        terms: Some(vec![NodeTerm {
            labels: vec![
                requirement("a", NodeOperator::NotIn, &["b", "c"]),
                requirement("d", NodeOperator::Gt, &["1"]),
            ],
            names: vec![requirement("metadata.name", NodeOperator::In, &["peapod"])],
        }]),
        topologies: vec!["zone".to_owned()],
    };
    assert_eq!(loaded.pod.spec.node, expected);
}

#[test]
fn j3_a_pods_own_request_is_what_its_containers_request_at_once_and_no_less() {
    let with = |own: &str, init: &str, main: &str| {
        let init = format!(
            "initContainers: [{{name: i, image: i, resources: {{requests: {{cpu: {init}}}}}}}, \
             {{name: s, image: i, restartPolicy: Always, resources: {{requests: {{cpu: 100m}}}}}}],"
        );
        pod(
            &format!("resources: {{{own}}}, {init}"),
            &format!("resources: {{requests: {{cpu: {main}}}}}"),
        )
    };
    for (init, main, expected) in [("500m", "300m", 500), ("200m", "300m", 400)] {
        let loaded = one(&with("limits: {cpu: 2}", init, main));
        let request = loaded.pod.spec.resources.cpu_request;
        assert_eq!(request, Some(Millicores(expected)), "{init} {main}");
    }
    let found = faults(&with("requests: {cpu: 400m}", "500m", "100m"));
    assert!(
        found[0].ends_with("must be greater than or equal to aggregate container requests of 500m"),
        "{found:?}"
    );
}
