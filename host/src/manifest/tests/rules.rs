use super::{ids, now};
use crate::manifest::documents;
use crate::manifest::load::create;

/// Every fault an API server would name, as `path: message`.
fn said(spec: &str) -> Vec<String> {
    faults(&format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{{spec}}}}}"
    ))
}

fn faults(text: &str) -> Vec<String> {
    let read = documents::read(&"f".into(), text.as_bytes());
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    let mut next = ids();
    let faults = match create(&read.documents[0], &mut next, now()) {
        Ok((_, faults)) | Err(faults) => faults,
    };
    faults
        .into_iter()
        .map(|fault| format!("{}: {}", fault.path, fault.message))
        .collect()
}

/// The fault of a pod whose only container has these fields, without the container's path.
fn container(fields: &str) -> String {
    let said = said(&format!(
        "volumes: [{{name: v, emptyDir: {{}}}}], containers: [{{name: c, image: i, {fields}}}]"
    ));
    assert_eq!(said.len(), 1, "{said:?}");
    said[0]
        .strip_prefix("spec.containers[0].")
        .unwrap()
        .to_owned()
}

/// The fault of a pod with these fields and a faultless container, without `spec.`.
fn pod(fields: &str) -> String {
    let said = said(&format!("containers: [{{name: c, image: i}}], {fields}"));
    assert_eq!(said.len(), 1, "{said:?}");
    said[0].strip_prefix("spec.").unwrap().to_owned()
}

#[test]
fn k3_a_name_has_at_most_253_characters() {
    let named = |name: &str| {
        let text = format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{containers: [{{name: c, image: i}}]}}}}"
        );
        faults(&text)
    };
    assert_eq!(named(&"a".repeat(253)), Vec::<String>::new());
    let long = "a".repeat(254);
    assert_eq!(
        named(&long),
        [format!(
            r#"metadata.name: Invalid value: "{long}": must be no more than 253 characters"#
        )]
    );
}

#[test]
fn k8_a_dotted_name_is_told_about_its_dots() {
    assert_eq!(
        said("containers: [{name: a.b, image: i}]"),
        [r#"spec.containers[0].name: Invalid value: "a.b": must not contain dots"#]
    );
}

#[test]
fn k10_a_container_has_an_image() {
    let required = "spec.containers[0].image: Required value";
    assert_eq!(said("containers: [{name: c}]"), [required]);
    assert_eq!(said("containers: [{name: c, image: ''}]"), [required]);
    assert_eq!(said("containers: [{name: c, image: null}]"), [required]);
    assert_eq!(
        said("initContainers: [{name: i}], containers: [{name: c, image: i}]"),
        ["spec.initContainers[0].image: Required value"]
    );
    assert_eq!(
        said("containers: [{name: c, image: ' i '}]"),
        [
            r#"spec.containers[0].image: Invalid value: " i ": must not have leading or trailing whitespace"#
        ]
    );
}

#[test]
fn k13_a_dns_policy_is_one_of_four() {
    assert_eq!(
        pod("dnsPolicy: X"),
        r#"dnsPolicy: Unsupported value: "X": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None""#
    );
    assert_eq!(
        pod("dnsPolicy: clusterFirst"),
        r#"dnsPolicy: Unsupported value: "clusterFirst": supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None""#
    );
}

#[test]
fn k11_and_k12_policies_are_spelled_as_they_are() {
    assert_eq!(
        container("imagePullPolicy: Sometimes"),
        r#"imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never""#
    );
    assert_eq!(
        container("terminationMessagePolicy: Stdout"),
        r#"terminationMessagePolicy: Unsupported value: "Stdout": supported values: "File", "FallbackToLogsOnError""#
    );
}

#[test]
fn k16_to_k19_mounts_are_checked_one_by_one() {
    assert_eq!(
        container("volumeMounts: [{name: v, mountPath: /d}, {name: v, mountPath: /d}]"),
        r#"volumeMounts[1].mountPath: Invalid value: "/d": must be unique"#
    );
    assert_eq!(
        container("volumeMounts: [{name: v, mountPath: /d, subPathExpr: ../x}]"),
        r#"volumeMounts.subPathExpr: Invalid value: "../x": must not contain '..'"#
    );
    assert_eq!(
        container("volumeDevices: [{name: v, devicePath: /dev/x}]"),
        r#"volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"#
    );
}

#[test]
fn k22_a_host_path_may_not_step_back() {
    assert_eq!(
        pod("volumes: [{name: v, hostPath: {path: a/../b}}]"),
        r#"volumes[0].hostPath.path: Invalid value: "a/../b": must not contain '..'"#
    );
}

#[test]
fn k27_to_k29_ports_have_proper_names_and_no_two_the_same_host_port() {
    assert_eq!(
        container("ports: [{containerPort: 1, name: '80'}]"),
        r#"ports[0].name: Invalid value: "80": must contain at least one letter (a-z)"#
    );
    assert_eq!(
        container("ports: [{containerPort: 1, name: a--b}]"),
        r#"ports[0].name: Invalid value: "a--b": must not contain consecutive hyphens"#
    );
    assert_eq!(
        container("ports: [{containerPort: 1, hostPort: 80}, {containerPort: 2, hostPort: 80}]"),
        r#"ports[1].hostPort: Duplicate value: "TCP//80""#
    );
}

#[test]
fn k33_to_k35_a_value_comes_from_one_place() {
    assert_eq!(
        container(
            "env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.uid}, configMapKeyRef: {name: c, key: k}}}]"
        ),
        r#"env[0].valueFrom: Invalid value: "": may not have more than one field specified at a time"#
    );
    assert_eq!(
        container("env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}}]"),
        r#"env[0].valueFrom.fieldRef.fieldPath: Invalid value: "x": error converting fieldPath: field label not supported: x"#
    );
    assert_eq!(
        container(
            "env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1k}}}]"
        ),
        r#"env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource"#
    );
}

#[test]
fn k37_to_k42_probes_and_hooks_have_one_handler_and_sane_numbers() {
    assert_eq!(
        container("livenessProbe: {}"),
        "livenessProbe: Required value: must specify a handler type"
    );
    assert_eq!(
        container("livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}"),
        "livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"
    );
    assert_eq!(
        container("lifecycle: {preStop: {sleep: {seconds: 60}}}"),
        "lifecycle.preStop.sleep: Invalid value: 60: must be non-negative and less than terminationGracePeriodSeconds (30)"
    );
}

#[test]
fn k45_resources_are_standard_or_fully_qualified() {
    assert_eq!(
        said("containers: [{name: c, image: i, resources: {requests: {foo: 1}}}]"),
        [
            r#"spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource type or fully qualified"#,
            r#"spec.containers[0].resources.requests[foo]: Invalid value: "foo": must be a standard resource for containers"#,
        ]
    );
    assert_eq!(
        container("resources: {requests: {example.com/gpu: 1}}"),
        "resources.limits: Required value: Limit must be set for non overcommitable resources"
    );
    assert_eq!(
        container("resources: {limits: {example.com/gpu: 2}, requests: {example.com/gpu: 1}}"),
        r#"resources.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2"#
    );
}

#[test]
fn k48_rules_need_a_policy_and_known_actions() {
    let rule = "restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]";
    assert_eq!(
        container(rule),
        "restartPolicy: Required value: must specify restartPolicy when restart rules are used"
    );
    assert_eq!(
        container(
            "restartPolicy: Never, restartPolicyRules: [{action: Stop, exitCodes: {operator: In, values: [1]}}]"
        ),
        r#"restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart", "RestartAllContainers""#
    );
}

#[test]
fn scheduling_is_checked_although_it_is_refused() {
    assert_eq!(
        pod("tolerations: [{key: a, effect: NoSchedule, operator: Exists, tolerationSeconds: 5}]"),
        r#"tolerations[0].effect: Invalid value: "NoSchedule": effect must be 'NoExecute' when `tolerationSeconds` is set"#
    );
    assert_eq!(
        pod(
            "topologySpreadConstraints: [{maxSkew: 0, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]"
        ),
        "topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than 0"
    );
    assert_eq!(
        pod(
            "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: z, \
             labelSelector: {matchExpressions: [{key: a, operator: Gt, values: ['1']}]}}]}}"
        ),
        r#"affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].operator: Invalid value: "Gt": not a valid selector operator"#
    );
}

#[test]
fn addresses_are_written_without_leading_zeros() {
    assert_eq!(
        pod("hostAliases: [{ip: 010.0.0.1, hostnames: [a]}]"),
        r#"hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s"#
    );
}
