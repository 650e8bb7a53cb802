//! What volumes made of the keys of a ConfigMap or a Secret have in common, by themselves or projected.

use peapod::store::Kind;

use crate::host::{Host, pod, showing};

/// Which volume.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    ConfigMap,
    Secret,
    ProjectedConfigMap,
    ProjectedSecret,
}

impl Of {
    const fn kind(self) -> Kind {
        match self {
            Self::ConfigMap | Self::ProjectedConfigMap => Kind::ConfigMap,
            Self::Secret | Self::ProjectedSecret => Kind::Secret,
        }
    }

    /// The object's document; `---` ends it.
    pub(crate) fn object(self, name: &str, data: &str) -> String {
        let (kind, field) = match self.kind() {
            Kind::Secret => ("Secret", "stringData"),
            _ => ("ConfigMap", "data"),
        };
        format!(
            "apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{field}: {{{data}}}\n---\n"
        )
    }

    /// An entry of `volumes`; `more` are fields of the source, `mode` is the volume's.
    pub(crate) fn volume(self, volume: &str, name: &str, more: &str, mode: &str) -> String {
        let source = match self {
            Self::ConfigMap => format!("configMap: {{name: {name}{more}{mode}}}"),
            Self::Secret => format!("secret: {{secretName: {name}{more}{mode}}}"),
            Self::ProjectedConfigMap => {
                format!("projected: {{sources: [{{configMap: {{name: {name}{more}}}}}]{mode}}}")
            }
            Self::ProjectedSecret => {
                format!("projected: {{sources: [{{secret: {{name: {name}{more}}}}}]{mode}}}")
            }
        };
        format!(", {{name: {volume}, {source}}}")
    }
}

const MOUNT: &str = ", {name: v, mountPath: /v}";
const ITEMS: &str = ", items: [{key: one, path: deep/uno}]";

/// Holds the pod's end back until the test has looked at its volume from outside.
const STAY: &str = "while true; do sleep 0.1; done";

pub(crate) fn is_consumable(of: Of) {
    let host = Host::start();
    let volume = of.volume("v", "web", "", "");
    let pod = pod(
        "p",
        &volume,
        MOUNT,
        "cat /v/one; echo; ls /v; echo x > /v/one || echo G4",
    );
    host.apply(&(of.object("web", "one: first, two: second") + &pod));
    assert_eq!(host.succeeded("p"), "first\none\ntwo\nG4\n");
}

pub(crate) fn default_mode(of: Of) {
    let host = Host::start();
    let volume = of.volume("v", "web", "", ", defaultMode: 0400");
    let script = format!("cat /v/one; {STAY}");
    host.apply(&(of.object("web", "one: first") + &pod("p", &volume, MOUNT, &script)));
    host.wait_for("p", "first");
    assert_eq!(host.mode("p", "v", "one"), 0o400);
}

pub(crate) fn mappings(of: Of) {
    let host = Host::start();
    let volume = of.volume("v", "web", ITEMS, "");
    let pod = pod("p", &volume, MOUNT, "cat /v/deep/uno; echo; ls /v");
    host.apply(&(of.object("web", "one: first, two: second") + &pod));
    assert_eq!(host.succeeded("p"), "first\ndeep\n");
}

pub(crate) fn item_mode(of: Of) {
    let host = Host::start();
    let items = ", items: [{key: one, path: deep/uno, mode: 0440}, {key: two, path: dos}]";
    let volume = of.volume("v", "web", items, "");
    let script = format!("cat /v/deep/uno; {STAY}");
    host.apply(&(of.object("web", "one: first, two: second") + &pod("p", &volume, MOUNT, &script)));
    host.wait_for("p", "first");
    assert_eq!(host.mode("p", "v", "deep/uno"), 0o440);
    assert_eq!(host.mode("p", "v", "dos"), 0o644);
}

pub(crate) fn several_volumes(of: Of) {
    let host = Host::start();
    let volumes = of.volume("v", "web", "", "") + &of.volume("w", "web", ITEMS, "");
    let mounts = format!("{MOUNT}, {{name: w, mountPath: /w}}");
    let pod = pod("p", &volumes, &mounts, "cat /v/one /w/deep/uno");
    host.apply(&(of.object("web", "one: first") + &pod));
    assert_eq!(host.succeeded("p"), "firstfirst");
}

pub(crate) fn updates(of: Of) {
    let host = Host::start();
    let volume = of.volume("v", "web", "", "");
    let script = showing("seen", "cat /v/one; echo; ls /v");
    host.apply(&(of.object("web", "one: first, old: x") + &pod("p", &volume, MOUNT, &script)));
    host.wait_for("seen", "first\nold\none\n");
    host.apply(&of.object("web", "one: second, new: x"));
    host.wait_for("seen", "second\nnew\none\n");
}

/// One that goes, one that changes, one that appears.
pub(crate) fn optional_updates(of: Of) {
    let host = Host::start();
    let optional = ", optional: true";
    let volumes: String = ["goes", "stays", "comes"]
        .map(|name| of.volume(name, name, optional, ""))
        .concat();
    let mounts: String = ["goes", "stays", "comes"]
        .map(|name| format!(", {{name: {name}, mountPath: /{name}}}"))
        .concat();
    let script = showing("seen", "cat /goes/k; cat /stays/k; cat /comes/k");
    let objects = of.object("goes", "k: a") + &of.object("stays", "k: b");
    host.apply(&(objects + &pod("p", &volumes, &mounts, &script)));
    host.wait_for("seen", "ab");
    host.remove(of.kind(), "goes");
    host.apply(&(of.object("stays", "k: c") + &of.object("comes", "k: d")));
    host.wait_for("seen", "cd");
}

/// Rule G8: not watched, also when another one takes its place.
pub(crate) fn immutable(of: Of) {
    let host = Host::start();
    let volumes = of.volume("v", "fixed", "", "") + &of.volume("w", "free", "", "");
    let mounts = format!("{MOUNT}, {{name: w, mountPath: /w}}");
    let script = showing("seen", "cat /v/k /w/k");
    let fixed = of
        .object("fixed", "k: a")
        .replace("---", "immutable: true\n---");
    host.apply(&(fixed + &of.object("free", "k: b") + &pod("p", &volumes, &mounts, &script)));
    host.wait_for("seen", "ab");
    host.remove(of.kind(), "fixed");
    host.apply(&(of.object("fixed", "k: c") + &of.object("free", "k: d")));
    host.wait_for("seen", "ad");
}
