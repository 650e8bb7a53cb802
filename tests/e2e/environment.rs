//! What a container is told: its command, environment, hostname and files of names. Tests with a line `conformance` do what that test of
//! Kubernetes' suite does, with busybox in the place of its images.

use crate::harness::{Place, Ran};
use crate::running::Running;

fn place() -> Place {
    let place = Place::new();
    let file = crate::harness::guest("busybox").display().to_string();
    let loaded = place.peapod(&["image", "load", "busybox:1", &file]);
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    place
}

/// A pod `p` of one container `c` that is never restarted.
fn pod(metadata: &str, spec: &str, container: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p, {metadata}}}, spec: {{restartPolicy: Never, {spec} \
         containers: [{{name: c, image: 'busybox:1', {container}}}]}}}}\n"
    )
}

/// `command: [sh, -c, …]`
fn sh(script: &str) -> String {
    format!("command: [sh, -c, {script:?}]")
}

/// Runs it to its end, which is a good one, and gives what the container wrote.
fn lines(place: &Place, manifest: &str) -> Vec<String> {
    let ran = place.run(manifest, &[]);
    assert_eq!(ran.phase(), "Succeeded", "{manifest}\n{}", ran.stderr);
    ran.output_of("c")
}

/// The container's whole environment.
fn env(place: &Place, objects: &str, metadata: &str, spec: &str, container: &str) -> Vec<String> {
    let pod = pod(metadata, spec, &format!("command: [env], {container}"));
    lines(place, &format!("{objects}\n---\n{pod}"))
}

fn has(env: &[String], expected: &[&str]) {
    for line in expected {
        assert!(env.iter().any(|found| found == line), "{line}: {env:#?}");
    }
}

/// Runs what cannot start until it says why.
fn stuck(place: &Place, manifest: &str, why: &str) -> Ran {
    let file = place.file("stuck.yaml", manifest);
    let running = Running::start(place, &[file.to_str().expect("a plain path")]);
    running.wait_for(why);
    let ran = running.stop();
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert!(ran.output_of("c").is_empty(), "{}", ran.stderr);
    ran
}

const CONFIG_MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: config}, data: {data-1: value-1, data_2: value-2, 3data: value-3}, \
     binaryData: {blob: AAEC}}";
const SECRET: &str = "{apiVersion: v1, kind: Secret, metadata: {name: secret}, data: {data-1: dmFsdWUtMQ==}, stringData: {data_2: value-2, 3data: value-3}}";

/// An image that prints its arguments: entrypoint `echo entry`, cmd `image words`.
fn tester() -> Place {
    let place = Place::new();
    let file = crate::harness::guest("busybox").display().to_string();
    let words = [
        "--entrypoint",
        "echo",
        "--entrypoint",
        "entry",
        "--cmd",
        "image",
        "--cmd",
        "words",
    ];
    let loaded = place.peapod(&[&["image", "load", "busybox:1", &file][..], &words].concat());
    assert_eq!(loaded.code, 0, "{}", loaded.stderr);
    place
}

// conformance: [sig-node] Containers should use the image defaults if command and args are blank (containers.go)
#[test]
fn h1_the_images_defaults_are_used_if_command_and_args_are_blank() {
    assert_eq!(lines(&tester(), &pod("", "", "")), ["entry image words"]);
}

// conformance: [sig-node] Containers should be able to override the image's default arguments (container cmd) (containers.go)
#[test]
fn h1_args_override_the_images_arguments() {
    let pod = pod("", "", "args: [override, arguments]");
    assert_eq!(lines(&tester(), &pod), ["entry override arguments"]);
}

// conformance: [sig-node] Containers should be able to override the image's default command (container entrypoint) (containers.go)
#[test]
fn h1_command_overrides_the_images_command_and_drops_its_arguments() {
    let pod = pod("", "", "command: [echo, override]");
    assert_eq!(lines(&tester(), &pod), ["override"]);
}

// conformance: [sig-node] Containers should be able to override the image's default command and arguments (containers.go)
#[test]
fn h1_command_and_args_override_both() {
    let pod = pod("", "", "command: [echo, override], args: [arguments]");
    assert_eq!(lines(&tester(), &pod), ["override arguments"]);
}

// conformance: [sig-node] Variable Expansion should allow composing env vars into new env vars (expansion.go)
#[test]
fn h2_variables_are_composed_of_variables() {
    let found = env(
        &place(),
        "",
        "",
        "",
        "env: [{name: FOO, value: foo-value}, {name: BAR, value: bar-value}, {name: FOOBAR, value: $(FOO);;$(BAR)}, \
         {name: LATE, value: $(AFTER)}, {name: AFTER, value: x}, {name: TWICE, value: $$(FOO)}]",
    );
    has(
        &found,
        &[
            "FOOBAR=foo-value;;bar-value",
            "LATE=$(AFTER)",
            "TWICE=$(FOO)",
        ],
    );
}

// conformance: [sig-node] Variable Expansion should allow substituting values in a container's command (expansion.go)
#[test]
fn h2_values_are_put_into_the_command() {
    let container = "command: [sh, -c, 'TEST_VAR=wrong echo \"$(TEST_VAR)\"'], env: [{name: TEST_VAR, value: test-value}]";
    assert_eq!(lines(&place(), &pod("", "", container)), ["test-value"]);
}

// conformance: [sig-node] Variable Expansion should allow substituting values in a container's args (expansion.go)
#[test]
fn h2_values_are_put_into_the_arguments() {
    let container = "command: [sh, -c], args: ['TEST_VAR=wrong echo \"$(TEST_VAR)\"'], env: [{name: TEST_VAR, value: test-value}]";
    assert_eq!(lines(&place(), &pod("", "", container)), ["test-value"]);
}

fn sub_path(name: &str, script: &str) -> String {
    let mounts = "volumeMounts: [{name: v, mountPath: /logs, subPathExpr: $(POD_NAME)}, {name: v, mountPath: /all}]";
    let env = format!("env: [{{name: POD_NAME, value: {name:?}}}]");
    let container = format!("{}, {env}, {mounts}", sh(script));
    pod("", "volumes: [{name: v, emptyDir: {}}],", &container)
}

// conformance: [sig-node] Variable Expansion should allow substituting values in a volume subpath (expansion.go)
#[test]
fn g12_values_are_put_into_a_volumes_sub_path() {
    let pod = sub_path("foo", "test -d /all/foo; echo $?");
    assert_eq!(lines(&place(), &pod), ["0"]);
}

// conformance: [sig-node] Variable Expansion should fail substituting values in a volume subpath with backticks (expansion.go)
#[test]
fn g12_a_sub_path_that_leads_out_of_the_volume_does_not_start() {
    let ran = stuck(&place(), &sub_path("..", "echo ran"), "Error: ");
    assert!(ran.shows("Warning Failed"), "{}", ran.stderr);
}

// conformance: [sig-node] Variable Expansion should fail substituting values in a volume subpath with absolute path (expansion.go)
#[test]
fn g12_an_absolute_sub_path_does_not_start() {
    let ran = stuck(&place(), &sub_path("/tmp", "echo ran"), "Error: ");
    assert!(ran.shows("Warning Failed"), "{}", ran.stderr);
}

// conformance: [sig-node] Variable Expansion should succeed in writing subpaths in container (expansion.go)
#[test]
fn g12_what_is_written_through_a_sub_path_stands_in_the_volume() {
    let pod = sub_path(
        "mypath/foo",
        "echo hello > /logs/test.log && cat /all/mypath/foo/test.log",
    );
    assert_eq!(lines(&place(), &pod), ["hello"]);
}

// conformance: [sig-node] ConfigMap should be consumable via environment variable (configmap.go)
#[test]
fn h3_a_variable_comes_from_a_key_of_a_config_map() {
    let container =
        "env: [{name: CONFIG_DATA_1, valueFrom: {configMapKeyRef: {name: config, key: data-1}}}]";
    has(
        &env(&place(), CONFIG_MAP, "", "", container),
        &["CONFIG_DATA_1=value-1"],
    );
}

// conformance: [sig-node] ConfigMap should be consumable via the environment (configmap.go)
#[test]
fn h3_every_key_of_a_config_map_is_a_variable() {
    let container =
        "envFrom: [{configMapRef: {name: config}}, {prefix: p-, configMapRef: {name: config}}]";
    let found = env(&place(), CONFIG_MAP, "", "", container);
    has(
        &found,
        &[
            "data-1=value-1",
            "data_2=value-2",
            "p-data-1=value-1",
            "p-data_2=value-2",
        ],
    );
    assert!(!found.iter().any(|line| line.contains("blob")), "{found:?}");
}

// conformance: [sig-node] ConfigMap should be consumable as environment variable names with various prefixes (configmap.go)
// conformance: [sig-node] Secrets should be consumable as environment variable names variable names with various prefixes (secrets.go)
// conformance: [sig-node] Variable Expansion allow almost all printable ASCII characters as environment variable names (expansion.go)
#[test]
fn h4_names_may_have_any_prefix_and_any_printable_character() {
    let prefixes = ["", "1-", "$_-", "ABC_", "#@!"];
    for source in ["configMapRef: {name: config}", "secretRef: {name: secret}"] {
        let from = prefixes.map(|prefix| format!("{{prefix: '{prefix}', {source}}}"));
        let container = format!("envFrom: [{}]", from.join(", "));
        let objects = format!("{CONFIG_MAP}\n---\n{SECRET}");
        let found = env(&place(), &objects, "", "", &container);
        for prefix in prefixes {
            let keys = ["data-1=value-1", "data_2=value-2", "3data=value-3"];
            let lines = keys.map(|key| format!("{prefix}{key}"));
            has(&found, &lines.each_ref().map(String::as_str));
        }
    }
    let names = ["!\"#$%&'()", "* +,-./0123456789", ":;<>?@", "[\\]^_`{}|~"];
    let list = names.map(|name| format!("{{name: {name:?}, value: seen}}"));
    let container = format!("env: [{}]", list.join(", "));
    let lines = names.map(|name| format!("{name}=seen"));
    has(
        &env(&place(), "", "", "", &container),
        &lines.each_ref().map(String::as_str),
    );
    let refused = place().run(&pod("", "", "env: [{name: a=b, value: c}]"), &[]);
    assert_eq!(refused.code, 2);
    assert!(refused.shows(
        "spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable \
         ASCII characters other than '='"
    ));
}

// conformance: [sig-node] ConfigMap should fail to create ConfigMap with empty key (configmap.go)
// conformance: [sig-node] Secrets should fail to create secret due to empty secret key (secrets.go)
#[test]
fn an_empty_key_is_refused() {
    let place = place();
    for (kind, data) in [
        ("ConfigMap", "{'': value-1}"),
        ("Secret", "{'': dmFsdWUtMQ==}"),
    ] {
        let object =
            format!("{{apiVersion: v1, kind: {kind}, metadata: {{name: o}}, data: {data}}}");
        let ran = place.run(&format!("{object}\n---\n{}", pod("", "", "")), &[]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        let message = format!(
            "{kind} \"o\": data[]: Invalid value: \"\": a valid config key must consist of"
        );
        assert!(ran.shows(&message), "{}", ran.stderr);
    }
}

// conformance: [sig-node] Secrets should be consumable from pods in env vars (secrets.go)
#[test]
fn h3_a_variable_comes_from_a_key_of_a_secret() {
    let container =
        "env: [{name: SECRET_DATA, valueFrom: {secretKeyRef: {name: secret, key: data-1}}}]";
    has(
        &env(&place(), SECRET, "", "", container),
        &["SECRET_DATA=value-1"],
    );
}

// conformance: [sig-node] Secrets should be consumable via the environment (secrets.go)
#[test]
fn h3_every_key_of_a_secret_is_a_variable() {
    let container =
        "envFrom: [{secretRef: {name: secret}}, {prefix: p_, secretRef: {name: secret}}]";
    let found = env(&place(), SECRET, "", "", container);
    has(
        &found,
        &[
            "data-1=value-1",
            "data_2=value-2",
            "3data=value-3",
            "p_data-1=value-1",
            "p_3data=value-3",
        ],
    );
}

fn field(name: &str, path: &str) -> String {
    format!("{{name: {name}, valueFrom: {{fieldRef: {{fieldPath: {path:?}}}}}}}")
}

// conformance: [sig-node] Downward API should provide pod name, namespace and IP address as env vars (downwardapi.go)
// conformance: [sig-node] Downward API should provide host IP as an env var (downwardapi.go)
// conformance: [sig-node] Downward API should provide hostIPs as an env var (downwardapi.go)
// conformance: [sig-node] Downward API should provide pod UID as env vars (downwardapi.go)
#[test]
fn h6_a_container_is_told_who_and_where_its_pod_is() {
    let fields = [
        ("POD_NAME", "metadata.name"),
        ("POD_NAMESPACE", "metadata.namespace"),
        ("POD_UID", "metadata.uid"),
        ("POD_IP", "status.podIP"),
        ("POD_IPS", "status.podIPs"),
        ("HOST_IP", "status.hostIP"),
        ("HOST_IPS", "status.hostIPs"),
        ("LABEL", "metadata.labels['app']"),
        ("NOTE", "metadata.annotations['example.com/note']"),
        ("NONE", "metadata.labels['none']"),
        ("ACCOUNT", "spec.serviceAccountName"),
        ("NODE", "spec.nodeName"),
    ];
    let list: Vec<_> = fields.map(|(name, path)| field(name, path)).into();
    let container = format!("command: [env], env: [{}]", list.join(", "));
    let place = place();
    let metadata = "namespace: team, labels: {app: shop}, annotations: {example.com/note: hi}";
    let ran = place.run(
        &pod(metadata, "serviceAccountName: robot,", &container),
        &[],
    );
    let (found, object) = (ran.output_of("c"), ran.object());
    let (status, uid) = (&object["status"], &object["metadata"]["uid"]);
    let text = crate::harness::text;
    has(
        &found,
        &[
            "POD_NAME=p",
            "POD_NAMESPACE=team",
            &format!("POD_UID={}", text(uid)),
            &format!("POD_IP={}", text(&status["podIP"])),
            &format!("POD_IPS={}", text(&status["podIP"])),
            &format!("HOST_IP={}", text(&status["hostIP"])),
            &format!("HOST_IPS={}", text(&status["hostIP"])),
            "LABEL=shop",
            "NOTE=hi",
            "NONE=",
            "ACCOUNT=robot",
            "NODE=peapod",
        ],
    );
    assert!(text(&status["podIP"]).contains('.'), "{status}");
}

fn resource(name: &str, resource: &str, divisor: &str) -> String {
    format!(
        "{{name: {name}, valueFrom: {{resourceFieldRef: {{resource: {resource}, divisor: {divisor}}}}}}}"
    )
}

// conformance: [sig-node] Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars (downwardapi.go)
#[test]
fn h7_a_container_is_told_its_requests_and_limits() {
    let list = [
        resource("CPU_LIMIT", "limits.cpu", "0"),
        resource("CPU_LIMIT_MILLI", "limits.cpu", "1m"),
        resource("CPU_REQUEST_MILLI", "requests.cpu", "1m"),
        resource("MEMORY_LIMIT", "limits.memory", "0"),
        resource("MEMORY_LIMIT_MIB", "limits.memory", "1Mi"),
        resource("MEMORY_REQUEST", "requests.memory", "1"),
        resource("DISK_REQUEST", "requests.ephemeral-storage", "1"),
    ];
    let container = format!(
        "env: [{}], resources: {{requests: {{cpu: 250m, memory: 32Mi}}, limits: {{cpu: 1250m, memory: 64Mi}}}}",
        list.join(", ")
    );
    has(
        &env(&place(), "", "", "", &container),
        &[
            "CPU_LIMIT=2",
            "CPU_LIMIT_MILLI=1250",
            "CPU_REQUEST_MILLI=250",
            "MEMORY_LIMIT=67108864",
            "MEMORY_LIMIT_MIB=64",
            "MEMORY_REQUEST=33554432",
            "DISK_REQUEST=0",
        ],
    );
}

// conformance: [sig-node] Downward API should provide default limits.cpu/memory from node allocatable (downwardapi.go)
#[test]
fn h7_a_container_without_limits_is_told_what_the_machine_has() {
    let list = [
        resource("CPU_LIMIT", "limits.cpu", "0"),
        resource("MEMORY_LIMIT", "limits.memory", "0"),
        resource("CPU_REQUEST", "requests.cpu", "0"),
    ];
    let container = format!("env: [{}]", list.join(", "));
    let found = env(&place(), "", "", "", &container);
    let number = |name: &str| -> u64 {
        let line = found
            .iter()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("{name}: {found:?}"))
    };
    assert!(number("CPU_LIMIT") >= 1);
    assert!(number("MEMORY_LIMIT") > 64 << 20);
    assert_eq!(number("CPU_REQUEST"), 0);
}

// conformance: [sig-node] Pods should contain environment variables for services (pods.go)
#[test]
fn h8_a_container_is_told_of_the_services_of_its_namespace() {
    let services = "{apiVersion: v1, kind: Service, metadata: {name: foo-service}, spec: {clusterIP: 10.89.7.7, selector: {a: b}, \
         ports: [{port: 8765, targetPort: 8080}]}}\n---\n\
         {apiVersion: v1, kind: Service, metadata: {name: far, namespace: other}, spec: {ports: [{port: 1}]}}\n---\n\
         {apiVersion: v1, kind: Service, metadata: {name: headless}, spec: {clusterIP: None, ports: [{port: 1}]}}";
    let place = place();
    let found = env(
        &place,
        services,
        "",
        "",
        "env: [{name: URL, value: 'http://$(FOO_SERVICE_SERVICE_HOST)'}]",
    );
    has(
        &found,
        &[
            "FOO_SERVICE_SERVICE_HOST=10.89.7.7",
            "FOO_SERVICE_SERVICE_PORT=8765",
            "FOO_SERVICE_PORT=tcp://10.89.7.7:8765",
            "FOO_SERVICE_PORT_8765_TCP=tcp://10.89.7.7:8765",
            "FOO_SERVICE_PORT_8765_TCP_PORT=8765",
            "FOO_SERVICE_PORT_8765_TCP_PROTO=tcp",
            "FOO_SERVICE_PORT_8765_TCP_ADDR=10.89.7.7",
            "URL=http://10.89.7.7",
        ],
    );
    let foreign = ["FAR_", "HEADLESS_", "KUBERNETES_"];
    assert!(
        !found
            .iter()
            .any(|line| foreign.iter().any(|name| line.starts_with(name))),
        "{found:?}"
    );
    let none = env(&place, services, "", "enableServiceLinks: false,", "");
    assert!(
        !none.iter().any(|line| line.starts_with("FOO_")),
        "{none:?}"
    );
}

#[test]
fn h5_a_container_waits_for_what_is_missing_and_says_what_it_is() {
    let place = place();
    for (container, why) in [
        (
            "envFrom: [{configMapRef: {name: none}}]",
            "configmap \"none\" not found",
        ),
        (
            "envFrom: [{secretRef: {name: none}}]",
            "secret \"none\" not found",
        ),
        (
            "env: [{name: A, valueFrom: {configMapKeyRef: {name: config, key: gone}}}]",
            "couldn't find key gone in ConfigMap default/config",
        ),
        (
            "env: [{name: A, valueFrom: {secretKeyRef: {name: secret, key: gone}}}]",
            "couldn't find key gone in Secret default/secret",
        ),
    ] {
        let pod = pod("", "", &format!("{}, {container}", sh("echo ran")));
        let all = format!("{CONFIG_MAP}\n---\n{SECRET}\n---\n{pod}");
        stuck(&place, &all, &format!("Error: {why}\n"));
        let optional = container.replace("name: none", "name: none, optional: true");
        let optional = optional.replace("key: gone", "key: gone, optional: true");
        let found = env(
            &place,
            &format!("{CONFIG_MAP}\n---\n{SECRET}"),
            "",
            "",
            &optional,
        );
        assert!(
            !found.iter().any(|line| line.starts_with("A=")),
            "{found:?}"
        );
    }
}

#[test]
fn g14_a_config_map_of_another_namespace_is_not_there() {
    let other = CONFIG_MAP.replace("name: config", "name: config, namespace: other");
    let pod = pod(
        "",
        "",
        "command: [env], envFrom: [{configMapRef: {name: config}}]",
    );
    let all = format!("{other}\n---\n{pod}");
    stuck(&place(), &all, "Error: configmap \"config\" not found\n");
}

// conformance: [sig-node] Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts (kubelet.go)
#[test]
fn h10_host_aliases_stand_in_the_hosts_file() {
    let spec =
        "hostAliases: [{ip: 123.45.67.89, hostnames: [foo, bar]}, {ip: '::2', hostnames: [six]}],";
    let found = lines(&place(), &pod("", spec, &sh("cat /etc/hosts")));
    let at = found
        .iter()
        .position(|line| line == "# Entries added by HostAliases.");
    let at = at.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(found[0], "# Kubernetes-managed hosts file.");
    assert_eq!(found[at - 1], "");
    assert_eq!(found[at + 1..], ["123.45.67.89\tfoo\tbar", "::2\tsix"]);
}

#[test]
fn h10_a_hosts_file_of_the_pods_own_is_left_as_it_is() {
    let place = place();
    place.file("hosts", "127.0.0.1 mine\n");
    let spec = "hostAliases: [{ip: 1.2.3.4, hostnames: [foo]}], volumes: [{name: v, hostPath: {path: ./hosts, type: File}}],";
    let container = format!(
        "{}, volumeMounts: [{{name: v, mountPath: /etc/hosts}}]",
        sh("cat /etc/hosts")
    );
    assert_eq!(
        lines(&place, &pod("", spec, &container)),
        ["127.0.0.1 mine"]
    );
}

// conformance: [sig-node] Hostname of Pod a pod {without subdomain field does not have FQDN|without FQDN is not affected by SetHostnameAsFQDN field|with subdomain field has FQDN, hostname is shortname|with subdomain field has FQDN, when setHostnameAsFQDN is set to true, the FQDN is set as hostname} (pod_hostnamefqdn_test.go)
// conformance: [sig-node] Override hostname of Pod a pod {has hostnameOverride field with value that is a valid DNS subdomain.|with hostname and hostnameOverride fields will have hostnameOverride as hostname|with only hostnameOverride field will have hostnameOverride as hostname|with subdomain and hostnameOverride fields will have hostnameOverride as hostname} (pod_hostnameoverride.go)
#[test]
fn h9_a_pods_hostname_is_its_full_name_if_it_says_so() {
    let place = place();
    let script = sh("hostname; echo $HOSTNAME; tail -n 1 /etc/hosts | cut -f 2,3");
    let names = |spec: &str| lines(&place, &pod("", spec, &script));
    let full = "h.s.default.svc.cluster.local";
    assert_eq!(
        names("hostname: h, subdomain: s,"),
        ["h", "h", &format!("{full}\th")]
    );
    assert_eq!(names(""), ["p"; 3]);
    assert_eq!(names("setHostnameAsFQDN: true,"), ["p"; 3]);
    assert_eq!(names("hostnameOverride: a.b.c,"), ["a.b.c"; 3]);
    assert_eq!(names("hostnameOverride: o, hostname: h,"), ["o"; 3]);
    assert_eq!(names("hostnameOverride: o, subdomain: s,"), ["o"; 3]);
    let found = names("hostname: h, subdomain: s, setHostnameAsFQDN: true,");
    assert_eq!(
        found,
        [full, full, &format!("{full}\th")],
        "H10: the short name stays short"
    );
    assert_eq!(
        names("hostnameOverride: a.b.c, hostname: h, subdomain: s,"),
        ["a.b.c"; 3]
    );
}

// conformance: [sig-node] Override hostname of Pod a pod with {setHostnameAsFQDN and hostnameOverride fields|hostNetwork and hostnameOverride fields|non-RFC1123 subdomain string for hostnameOverride field} will fail to be created (pod_hostnameoverride.go)
#[test]
fn h9_an_override_goes_with_neither_a_full_name_nor_the_machines_network() {
    let place = place();
    for spec in [
        "hostnameOverride: o, setHostnameAsFQDN: true,",
        "hostnameOverride: o, hostNetwork: true,",
        "hostnameOverride: Not-RFC1123,",
    ] {
        let ran = place.run(&pod("", spec, ""), &[]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(
            ran.shows("spec.hostnameOverride: "),
            "{spec}: {}",
            ran.stderr
        );
    }
}

// conformance: [sig-node] Hostname of Pod a pod configured to set FQDN as hostname will remain in Pending state generating FailedCreatePodSandBox events when the FQDN is longer than 64 bytes (pod_hostnamefqdn_test.go)
#[test]
fn h9_a_full_name_that_no_kernel_takes_keeps_the_pod_from_starting() {
    let name = "x".repeat(40);
    let spec = format!("hostname: {name}, subdomain: s, setHostnameAsFQDN: true,");
    let full = format!("{name}.s.default.svc.cluster.local");
    let message = format!(
        "Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster domain, FQDN {full} is too long \
         (64 characters is the max, 68 characters requested)"
    );
    let pod = pod("", &spec, &sh("echo ran"));
    stuck(&place(), &pod, &format!(": {message}\n"));
}

// conformance: [sig-network] DNS should support configurable pod DNS nameservers (dns.go)
#[test]
fn h11_a_pods_own_resolver_settings_are_all_there_is_under_none() {
    let spec = "dnsPolicy: None, dnsConfig: {nameservers: [1.1.1.1], searches: [resolv.conf.local], options: [{name: ndots, value: '2'}]},";
    let found = lines(&place(), &pod("", spec, &sh("cat /etc/resolv.conf")));
    assert_eq!(
        found,
        [
            "search resolv.conf.local",
            "nameserver 1.1.1.1",
            "options ndots:2"
        ]
    );
}

#[test]
fn h11_m2_nameservers_beyond_the_third_are_left_out_with_a_warning() {
    let spec = "dnsConfig: {nameservers: [1.1.1.1, 2.2.2.2, 3.3.3.3]},";
    let ran = place().run(&pod("", spec, &sh("grep nameserver /etc/resolv.conf")), &[]);
    let servers = ["10.89.0.10", "1.1.1.1", "2.2.2.2"].map(|ip| format!("nameserver {ip}"));
    assert_eq!(ran.output_of("c"), servers, "{}", ran.stderr);
    let line = "the applied nameserver line is: 10.89.0.10 1.1.1.1 2.2.2.2";
    let warning = ran
        .stderr
        .lines()
        .find(|told| told.contains("Warning DNSConfigForming"));
    assert!(
        warning.is_some_and(|told| told.ends_with(line)),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_secret_is_not_printed_with_the_objects_of_a_run() {
    let place = place();
    let pod = pod(
        "",
        "",
        "command: [env], env: [{name: A, valueFrom: {secretKeyRef: {name: secret, key: data_2}}}]",
    );
    let ran = place.run(&format!("{SECRET}\n---\n{pod}"), &[]);
    has(&ran.output_of("c"), &["A=value-2"]);
    assert_eq!(
        format!("{}{}", ran.stdout, ran.stderr)
            .matches("value-2")
            .count(),
        1
    );
}

/// A pod whose init container writes `lines` to a file, and whose main shows the variable `X` that comes from there.
fn from_file(lines: &str, key: &str, more: &str) -> String {
    let from = format!("{{volumeName: v, path: app.env, key: {key}{more}}}");
    let spec = format!(
        "volumes: [{{name: v, emptyDir: {{}}}}], initContainers: [{{name: i, image: 'busybox:1', \
         volumeMounts: [{{name: v, mountPath: /data}}], command: [sh, -c, \"printf \\\"{lines}\\\" > /data/app.env\"]}}],"
    );
    let container = format!(
        "env: [{{name: X, valueFrom: {{fileKeyRef: {from}}}}}], command: [sh, -c, 'echo \"<$X>${{X+set}}\"']"
    );
    pod("", &spec, &container)
}

// conformance: [sig-node] FileKeyRef should be consumable via FileKeyRef (file_key.go)
#[test]
fn h3_a_variable_comes_from_a_file_that_an_init_container_wrote() {
    let pod = from_file("A='1'\\\\nB='two words'\\\\n", "B", "");
    assert_eq!(lines(&place(), &pod), ["<two words>set"]);
}

// conformance: [sig-node] FileKeyRef should handle optional keys (file_key.go)
#[test]
fn h5_an_optional_key_that_its_file_has_not_is_left_out() {
    let pod = from_file("A='1'\\\\n", "B", ", optional: true");
    assert_eq!(lines(&place(), &pod), ["<>"]);
}

#[test]
fn h5_a_key_that_its_file_has_not_keeps_the_container_from_starting() {
    let ran = stuck(&place(), &from_file("A='1'\\\\n", "B", ""), "Error: ");
    assert!(ran.shows("\"B\" not found in file"), "{}", ran.stderr);
}
