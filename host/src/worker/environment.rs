//! The variables a pod gives a container: `envFrom`, `env`, and those that tell of Services (rules H3 to H8).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::task::Ports;
use super::{env_file, service_links};
use crate::model::{
    Allocatable, ConfigKind, ConfigMap, ConfigRef, Container, EnvValue, Pod, PodAddresses, Secret,
    expand,
};
use crate::ports::{ConfigSource, LogicalHost, PodVolumes, ServiceSource};

/// Variables by name.
pub(super) type Variables = BTreeMap<String, String>;

/// The values of `env` together: each may be made of those before it. What `envFrom` gives is as large as its objects.
const VALUES_BYTES_MAX: usize = 4 << 20;

/// Where they come from, beside the pod itself.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) configs: &'a dyn ConfigSource,
    pub(super) services: &'a dyn ServiceSource,
    pub(super) volumes: &'a dyn PodVolumes,
    pub(super) allocatable: &'a Allocatable,
}

impl<'a> Sources<'a> {
    pub(super) fn new(ports: &'a Ports, volumes: &'a dyn PodVolumes) -> Self {
        Self {
            configs: ports.configs.as_ref(),
            services: ports.services.as_ref(),
            volumes,
            allocatable: &ports.allocatable,
        }
    }
}

/// Resolves them as they are now, or says what is missing in a kubelet's words.
pub(super) fn resolve(
    sources: Sources<'_>,
    pod: &Pod,
    container: &Container,
    host: &LogicalHost,
) -> Result<Variables, String> {
    let services = sources.services.services();
    let services = services.iter().map(AsRef::as_ref);
    let namespace = pod.meta.namespace.as_str();
    let links = service_links::variables(services, namespace, pod.spec.service_links);
    let mut objects = Objects {
        configs: sources.configs,
        namespace,
        found: HashMap::new(),
    };
    let machine = sources.allocatable.within(&pod.spec);
    let mut own = Variables::new();
    for from in &container.env_from {
        let Some(found) = objects.get(&from.object)? else {
            continue;
        };
        for (key, value) in found.texts() {
            let value = text(value).ok_or_else(|| no_text(&from.object, key, namespace))?;
            own.insert(format!("{}{key}", from.prefix), value);
        }
    }
    let mut bytes = 0_usize;
    for variable in &container.env {
        let value =
            match &variable.value {
                EnvValue::Text(text) => {
                    let known = |name: &str| own.get(name).or_else(|| links.get(name));
                    let expanded = expand(text, |name| known(name).map(String::as_str));
                    let expanded = expanded.map_err(|error| error.to_string());
                    Some(expanded.map_err(|error| {
                        format!("environment variable {}: {error}", variable.name)
                    })?)
                }
                EnvValue::Field(field) => Some(field.of(pod, &addresses(host))),
                EnvValue::Resource {
                    container: other,
                    field,
                } => {
                    let of = match other {
                        None => container,
                        Some(name) => {
                            let other = pod.spec.container(name);
                            other.ok_or_else(|| format!("container {name} not found"))?
                        }
                    };
                    Some(field.value(of, &machine).to_string())
                }
                EnvValue::Key { object, key } => objects.key(object, key)?,
                EnvValue::File(file) => env_file::variable(sources.volumes, file)?,
            };
        if let Some(value) = value {
            bytes = bytes.saturating_add(value.len());
            if bytes > VALUES_BYTES_MAX {
                return Err("argument list too long: the environment is larger than 4 MiB".into());
            }
            own.insert(variable.name.clone(), value);
        }
    }
    for (name, value) in links {
        own.entry(name).or_insert(value);
    }
    match own.iter().find(|(_, value)| value.contains('\0')) {
        // A C library would show the program a part of it.
        Some((name, _)) => Err(format!(
            "environment variable {name}: its value has a NUL byte"
        )),
        None => Ok(own),
    }
}

fn addresses(host: &LogicalHost) -> PodAddresses {
    PodAddresses {
        pod: host.net.ip().into(),
        host: host.net.switch().node_ip().into(),
    }
}

/// The objects that one container's variables come from, each as it was when first asked for.
struct Objects<'a> {
    configs: &'a dyn ConfigSource,
    namespace: &'a str,
    found: HashMap<(ConfigKind, &'a str), Found>,
}

enum Found {
    ConfigMap(Arc<ConfigMap>),
    Secret(Arc<Secret>),
}

impl Found {
    /// What of it may become variables.
    fn texts(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        let (data, only) = match self {
            Self::ConfigMap(map) => (&map.data, Some(&map.text)),
            Self::Secret(secret) => (&secret.data, None),
        };
        let may = move |key: &String| only.is_none_or(|keys| keys.contains(key));
        data.iter().filter(move |(key, _)| may(key))
    }

    fn get(&self, key: &str) -> Option<&Vec<u8>> {
        match self {
            Self::ConfigMap(map) => map.data.get(key).filter(|_| map.text.contains(key)),
            Self::Secret(secret) => secret.data.get(key),
        }
    }
}

impl<'a> Objects<'a> {
    /// The object; none if it is missing and optional.
    fn get(&mut self, wanted: &'a ConfigRef) -> Result<Option<&Found>, String> {
        let place = (wanted.kind, wanted.name.as_str());
        if !self.found.contains_key(&place) {
            match self.look_up(wanted) {
                Some(found) => self.found.insert(place, found),
                None if wanted.optional => return Ok(None),
                None => {
                    let kind = match wanted.kind {
                        ConfigKind::ConfigMap => "configmap",
                        ConfigKind::Secret => "secret",
                    };
                    return Err(format!("{kind} \"{}\" not found", wanted.name));
                }
            };
        }
        Ok(self.found.get(&place))
    }

    fn look_up(&self, wanted: &ConfigRef) -> Option<Found> {
        let (configs, name) = (self.configs, &wanted.name);
        Some(match wanted.kind {
            ConfigKind::ConfigMap => Found::ConfigMap(configs.config_map(self.namespace, name)?),
            ConfigKind::Secret => Found::Secret(configs.secret(self.namespace, name)?),
        })
    }

    /// The value of a key; none if it or its object is missing and optional.
    fn key(&mut self, wanted: &'a ConfigRef, key: &str) -> Result<Option<String>, String> {
        let namespace = self.namespace;
        let Some(found) = self.get(wanted)? else {
            return Ok(None);
        };
        match found.get(key) {
            Some(value) => text(value)
                .map(Some)
                .ok_or_else(|| no_text(wanted, key, namespace)),
            None if wanted.optional => Ok(None),
            None => Err(format!(
                "couldn't find key {key} in {} {namespace}/{}",
                kind(wanted),
                wanted.name
            )),
        }
    }
}

/// Variables are text for every guest; half a key put right by guesswork would be worse than none.
fn text(value: &[u8]) -> Option<String> {
    std::str::from_utf8(value).ok().map(str::to_owned)
}

fn no_text(object: &ConfigRef, key: &str, namespace: &str) -> String {
    format!(
        "couldn't use key {key} in {} {namespace}/{}: its value is no UTF-8 text",
        kind(object),
        object.name
    )
}

const fn kind(object: &ConfigRef) -> &'static str {
    match object.kind {
        ConfigKind::ConfigMap => "ConfigMap",
        ConfigKind::Secret => "Secret",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Sources, Variables, resolve};
    use crate::model::{
        Bytes, ConfigKind, ConfigMap, ConfigRef, Container, Divided, EnvFrom, EnvValue, EnvVar,
        FileKey, Millicores, Pod, PodField, ResourceField, Secret, Service, ServicePort,
        ServiceType, TargetPort, testing,
    };
    use crate::ports::{
        BoxFuture, ConfigSource, Image, LogicalHost, MountError, PodVolumes, ReadyMount,
        ServiceSource,
    };

    /// ConfigMap `settings`, Secret `creds`, Service `db`, all of the namespace `default`.
    struct World;

    impl ConfigSource for World {
        fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
            (namespace == "default" && name == "settings").then(|| {
                let texts = [
                    ("A", "map"),
                    ("B", "$(A)"),
                    ("1-a.b", "odd"),
                    ("nul", "a\0b"),
                ];
                let mut map = testing::config_map("settings", &texts);
                map.data.insert("binary".into(), b"bytes".to_vec());
                Arc::new(map)
            })
        }
        fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
            (namespace == "default").then_some(())?;
            match name {
                "creds" => Some(Arc::new(testing::secret("creds", &[("A", "secret")]))),
                "blob" => {
                    let mut blob = testing::secret("blob", &[]);
                    blob.data.insert("k".into(), vec![0xff]);
                    Some(Arc::new(blob))
                }
                _ => None,
            }
        }

        fn pod_meta(&self, _: &crate::model::PodUid) -> Option<crate::model::PodMeta> {
            None
        }
    }

    impl PodVolumes for World {
        fn mounts(
            &self,
            _: &Container,
            _: &[(String, String)],
        ) -> Result<Vec<ReadyMount>, MountError> {
            Ok(Vec::new())
        }
        fn fill(&self, _: &str, _: Arc<Image>) -> BoxFuture<'_, Result<(), MountError>> {
            Box::pin(std::future::ready(Ok(())))
        }
        fn read(&self, volume: &str, path: &str) -> std::io::Result<String> {
            match (volume, path) {
                ("v", "app.env") => Ok("A='from a file'\nEMPTY=''\n".into()),
                ("v", "large") => Ok(format!("A='{}'", "x".repeat(40 << 10))),
                ("v", "folder") => Err(std::io::ErrorKind::IsADirectory.into()),
                ("v", "bad") => Ok("A=unquoted\n".into()),
                (_, _) => Err(std::io::ErrorKind::NotFound.into()),
            }
        }
        fn scratch(&self, _: &Container, _: u32) -> std::path::PathBuf {
            std::path::PathBuf::new()
        }
    }

    impl ServiceSource for World {
        fn services(&self) -> Vec<Arc<Service>> {
            let mut service = testing::service("db");
            service.kind = ServiceType::ClusterIp([10, 89, 0, 5].into());
            service.ports = vec![ServicePort {
                name: String::new(),
                protocol: crate::model::Protocol::Tcp,
                port: 5432,
                target: TargetPort::Number(5432),
                node_port: None,
            }];
            vec![Arc::new(service)]
        }
    }

    fn object(kind: ConfigKind, name: &str, optional: bool) -> ConfigRef {
        ConfigRef {
            kind,
            name: name.into(),
            optional,
        }
    }

    fn from(prefix: &str, object: ConfigRef) -> EnvFrom {
        EnvFrom {
            prefix: prefix.into(),
            object,
        }
    }

    fn var(name: &str, value: EnvValue) -> EnvVar {
        EnvVar {
            name: name.into(),
            value,
        }
    }

    fn text(name: &str, value: &str) -> EnvVar {
        var(name, EnvValue::Text(value.into()))
    }

    fn key(name: &str, object: ConfigRef, key: &str) -> EnvVar {
        let key = key.to_owned();
        var(name, EnvValue::Key { object, key })
    }

    fn of(pod: &Pod, container: &Container) -> Result<Variables, String> {
        let allocatable = testing::allocatable();
        let sources = Sources {
            configs: &World,
            services: &World,
            volumes: &World,
            allocatable: &allocatable,
        };
        resolve(sources, pod, container, &LogicalHost::of(pod))
    }

    fn run(from: Vec<EnvFrom>, env: Vec<EnvVar>) -> Result<Variables, String> {
        let mut container = testing::container("c");
        (container.env_from, container.env) = (from, env);
        of(&testing::pod(), &container)
    }

    use ConfigKind::{ConfigMap as Map, Secret as Hidden};

    #[test]
    fn h3_a_variable_sees_only_earlier_ones() {
        let env = [("A", "1"), ("B", "$(A)-$(C)"), ("C", "3"), ("A", "$(A)+")];
        let found = run(Vec::new(), env.map(|(k, v)| text(k, v)).into()).expect("resolved");
        assert_eq!(
            [&found["A"], &found["B"], &found["C"]],
            ["1+", "1-$(C)", "3"]
        );
    }

    #[test]
    fn variables_that_double_each_other_end_in_a_refusal_and_not_in_the_machines_memory() {
        let mut env = vec![text("V0", &"x".repeat(1000))];
        for at in 1..60 {
            let before = at - 1;
            env.push(text(
                &format!("V{at}"),
                &format!("$(V{before})$(V{before})"),
            ));
        }
        let refused = run(Vec::new(), env).expect_err("refused");
        assert!(refused.contains("argument list too long"), "{refused}");
        let all = (0..10).map(|at| text(&format!("V{at}"), &"x".repeat(500_000)));
        let refused = run(Vec::new(), all.collect()).expect_err("refused");
        assert!(refused.contains("4 MiB"), "{refused}");
    }

    #[test]
    fn h3_later_sources_win_env_wins_over_all_and_services_lose_to_all() {
        let map = || from("", object(Map, "settings", false));
        let creds = || from("", object(Hidden, "creds", false));
        let keep = || vec![text("nul", "")];
        let found = run(vec![map(), creds()], keep()).expect("resolved");
        assert_eq!(found["A"], "secret");
        let found = run(vec![creds(), map()], keep()).expect("resolved");
        assert_eq!(found["A"], "map");
        assert_eq!(found["B"], "$(A)", "what an object says is not expanded");
        let mut env = keep();
        env.extend([
            text("SEES", "$(A) $(DB_SERVICE_HOST) $(LATER)"),
            text("A", "env"),
            text("DB_SERVICE_PORT", "mine"),
            text("LATER", "x"),
        ]);
        let found = run(vec![map()], env).expect("resolved");
        assert_eq!(found["SEES"], "map 10.89.0.5 $(LATER)");
        assert_eq!(found["A"], "env");
        assert_eq!(found["DB_SERVICE_PORT"], "mine");
        assert_eq!(found["DB_PORT"], "tcp://10.89.0.5:5432");
    }

    #[test]
    fn h3_a_prefix_stands_before_each_key_and_binary_data_is_left_out() {
        let list = vec![from("p-", object(Map, "settings", false))];
        let found = run(list, vec![text("p-nul", "")]).expect("resolved");
        let mine: Vec<_> = found
            .keys()
            .filter(|name| !name.starts_with("DB_"))
            .collect();
        assert_eq!(
            mine,
            ["p-1-a.b", "p-A", "p-B", "p-nul"],
            "H4: any key will do"
        );
        let none = run(
            Vec::new(),
            vec![key("X", object(Map, "settings", false), "binary")],
        );
        assert_eq!(
            none,
            Err("couldn't find key binary in ConfigMap default/settings".into())
        );
    }

    #[test]
    fn h5_what_is_missing_is_named_as_a_kubelet_names_it() {
        for (object, wanted, expected) in [
            (object(Map, "x", false), "k", "configmap \"x\" not found"),
            (object(Hidden, "x", false), "k", "secret \"x\" not found"),
            (
                object(Map, "settings", false),
                "k",
                "couldn't find key k in ConfigMap default/settings",
            ),
            (
                object(Hidden, "creds", false),
                "k",
                "couldn't find key k in Secret default/creds",
            ),
        ] {
            let one = run(Vec::new(), vec![key("X", object.clone(), wanted)]);
            assert_eq!(one, Err(expected.to_owned()));
            if expected.ends_with("not found") {
                let all = run(vec![from("", object)], Vec::new());
                assert_eq!(all, Err(expected.to_owned()));
            }
        }
    }

    #[test]
    fn h5_what_is_missing_and_optional_is_left_out_and_not_empty() {
        for kind in [Map, Hidden] {
            let missing = || object(kind, "x", true);
            let there = if kind == Map { "settings" } else { "creds" };
            let env = vec![
                text("OLD", "kept"),
                key("OLD", missing(), "k"),
                key("X", missing(), "k"),
                key("Y", object(kind, there, true), "k"),
                text("Z", "$(X)$(Y)"),
            ];
            let found = run(vec![from("", missing())], env).expect("resolved");
            assert!(!found.contains_key("X") && !found.contains_key("Y"));
            assert_eq!(
                (found["OLD"].as_str(), found["Z"].as_str()),
                ("kept", "$(X)$(Y)")
            );
        }
    }

    #[test]
    fn g14_only_the_pods_namespace_is_searched() {
        let mut pod = testing::pod();
        pod.meta.namespace = "other".into();
        let mut container = testing::container("c");
        container.env = vec![key("A", object(Hidden, "creds", false), "A")];
        let found = of(&pod, &container);
        assert_eq!(found, Err("secret \"creds\" not found".into()));
    }

    #[test]
    fn h3_a_variable_comes_from_a_file_that_another_container_wrote() {
        let of = |path: &str, key: &str, optional| {
            let file = FileKey {
                volume: "v".into(),
                path: path.into(),
                key: key.into(),
                optional,
            };
            let later = text("LATER", "$(X)");
            run(Vec::new(), vec![var("X", EnvValue::File(file)), later])
        };
        for optional in [false, true] {
            let found = of("app.env", "A", optional).expect("there");
            assert_eq!(found["LATER"], "from a file");
            assert_eq!(of("app.env", "EMPTY", optional).expect("there")["X"], "");
        }
        for (path, key) in [("none.env", "A"), ("app.env", "NONE")] {
            let found = of(path, key, true).expect("left out");
            assert!(!found.contains_key("X"), "H5");
            of(path, key, false).expect_err("needed");
        }
        for (path, why) in [
            ("bad", "value must be enclosed in single quotes at line 1"),
            ("folder", "directory"),
            ("large", "exceeds maximum size of 32KB"),
        ] {
            let refused = of(path, "A", true).expect_err(path);
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn h6_fields_of_the_pod_are_values() {
        let fields = vec![
            var("NAME", EnvValue::Field(PodField::Name)),
            var("POD_IP", EnvValue::Field(PodField::PodIp)),
            var("HOST_IP", EnvValue::Field(PodField::HostIp)),
            text("ALL", "$(NAME)@$(POD_IP)"),
        ];
        let found = run(Vec::new(), fields).expect("resolved");
        assert_eq!(found["ALL"], "pod@10.88.0.2");
        assert_eq!(found["HOST_IP"], "10.88.0.1");
    }

    #[test]
    fn h7_resources_are_the_containers_own_another_ones_or_the_machines() {
        let cpu = ResourceField::Limit(Divided::Cpu(Millicores(1)));
        let memory = ResourceField::Limit(Divided::Memory(Bytes(1 << 30)));
        let resource = |name, container: Option<&str>, field| {
            let container = container.map(Into::into);
            var(name, EnvValue::Resource { container, field })
        };
        let mut pod = testing::pod();
        let mut other = testing::container("other");
        other.resources.cpu_limit = Some(Millicores(70));
        Arc::make_mut(&mut pod.spec).mains.push(other);
        let mut container = testing::container("c");
        container.resources.cpu_limit = Some(Millicores(250));
        container.env = vec![
            resource("OWN", None, cpu),
            resource("OTHER", Some("other"), cpu),
            resource("MACHINE", None, memory),
        ];
        let found = of(&pod, &container).expect("resolved");
        let values = ["OWN", "OTHER", "MACHINE"].map(|name| found[name].as_str());
        assert_eq!(values, ["250", "70", "8"]);
        container.env = vec![resource("X", Some("nobody"), cpu)];
        assert_eq!(
            of(&pod, &container),
            Err("container nobody not found".into())
        );
        Arc::make_mut(&mut pod.spec).resources.memory_limit = Some(Bytes(2 << 30));
        container.env = vec![resource("POD", None, memory)];
        let found = of(&pod, &container).expect("resolved");
        assert_eq!(found["POD"], "2", "what the pod as a whole may have");
    }

    #[test]
    fn h8_service_links_can_be_turned_off() {
        let mut pod = testing::pod();
        Arc::make_mut(&mut pod.spec).service_links = false;
        let found = of(&pod, &testing::container("c")).expect("resolved");
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn values_that_no_program_could_read_are_refused() {
        let blob = key("X", object(Hidden, "blob", false), "k");
        assert_eq!(
            run(Vec::new(), vec![blob]),
            Err("couldn't use key k in Secret default/blob: its value is no UTF-8 text".into())
        );
        let nul = key("X", object(Map, "settings", false), "nul");
        assert_eq!(
            run(Vec::new(), vec![nul]),
            Err("environment variable X: its value has a NUL byte".into())
        );
    }
}
