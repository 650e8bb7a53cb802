//! Volumes as the host gets them.

use super::{ids, now};
use crate::manifest::{Loaded, load};
use crate::model::{
    Bytes, Divided, DownwardFile, DownwardValue, FileSource, Files, ImagePullPolicy, KeyToPath,
    Keys, Medium, MetaField, Millicores, ResourceField, SizeLimit, VolumeSource,
};

fn volumes(list: &str) -> Result<Vec<VolumeSource>, Vec<String>> {
    let text = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{serviceAccountName: me, containers: [{{name: c, image: x}}], volumes: [{list}]}}}}"
    );
    let mut next = ids();
    match load("f.yaml", text.as_bytes(), &mut next, now()) {
        Ok(mut loaded) => match loaded.remove(0) {
            Loaded::Pod(pod) => {
                let volumes = pod.pod.spec.volumes.iter();
                Ok(volumes.map(|volume| volume.source.clone()).collect())
            }
            other => panic!("{other:?}"),
        },
        Err(faults) => Err(faults.iter().map(super::said).collect()),
    }
}

fn one(volume: &str) -> VolumeSource {
    let mut all = volumes(&format!("{{name: v, {volume}}}")).unwrap();
    all.remove(0)
}

fn keys(name: &str, optional: bool) -> Keys {
    Keys {
        name: name.into(),
        items: None,
        optional,
    }
}

#[test]
fn g6_g7_a_secret_is_files_in_memory_with_modes_items_and_optional() {
    let mut expected = Files {
        sources: vec![FileSource::Secret(keys("s", false))],
        default_mode: 0o644,
        in_memory: true,
    };
    let plain = one("secret: {secretName: s}");
    assert_eq!(plain, VolumeSource::Files(expected.clone()));
    expected.default_mode = 0o400;
    expected.sources = vec![FileSource::Secret(Keys {
        items: Some(vec![KeyToPath {
            key: "a".into(),
            path: "b/c".into(),
            mode: Some(0o440),
        }]),
        ..keys("s", true)
    })];
    // YAML's octal, and the same number as JSON has to write it (rule G6).
    for mode in ["0400", "256"] {
        let full = one(&format!(
            "secret: {{secretName: s, optional: true, defaultMode: {mode}, items: [{{key: a, path: b/c, mode: 0440}}]}}"
        ));
        assert_eq!(full, VolumeSource::Files(expected.clone()), "{mode}");
    }
}

#[test]
fn g10_a_projected_volume_is_its_sources_in_order() {
    let name = DownwardFile {
        path: "name".into(),
        mode: None,
        value: DownwardValue::Field(MetaField::Name),
    };
    let expected = Files {
        sources: vec![
            FileSource::Secret(keys("s", true)),
            FileSource::ConfigMap(keys("m", false)),
            FileSource::DownwardApi(vec![name]),
        ],
        default_mode: 0o600,
        in_memory: true,
    };
    let source = one(
        "projected: {defaultMode: 0600, sources: [{secret: {name: s, optional: true}}, {configMap: {name: m}}, \
         {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}]}",
    );
    assert_eq!(source, VolumeSource::Files(expected));
}

#[test]
fn g9_every_field_and_resource_of_the_downward_api_has_its_value() {
    let value = |item: &str| {
        let source = one(&format!("downwardAPI: {{items: [{{path: f, {item}}}]}}"));
        let VolumeSource::Files(mut files) = source else {
            panic!("{source:?}");
        };
        match files.sources.remove(0) {
            FileSource::DownwardApi(mut items) => items.remove(0).value,
            other => panic!("{other:?}"),
        }
    };
    for (path, field) in [
        ("metadata.name", MetaField::Name),
        ("metadata.namespace", MetaField::Namespace),
        ("metadata.uid", MetaField::Uid),
        ("metadata.labels", MetaField::Labels),
        ("metadata.annotations", MetaField::Annotations),
        ("metadata.labels['a/b']", MetaField::Label("a/b".into())),
        (
            "metadata.annotations['c']",
            MetaField::Annotation("c".into()),
        ),
    ] {
        let item = format!("fieldRef: {{fieldPath: \"{path}\"}}");
        assert_eq!(value(&item), DownwardValue::Field(field), "{path}");
    }
    for (resource, divisor, expected) in [
        (
            "limits.cpu",
            "0",
            ResourceField::Limit(Divided::Cpu(Millicores(1000))),
        ),
        (
            "requests.cpu",
            "1m",
            ResourceField::Request(Divided::Cpu(Millicores(1))),
        ),
        (
            "limits.memory",
            "1Mi",
            ResourceField::Limit(Divided::Memory(Bytes(1 << 20))),
        ),
        (
            "requests.memory",
            "0",
            ResourceField::Request(Divided::Memory(Bytes(1))),
        ),
        (
            "limits.ephemeral-storage",
            "1Gi",
            ResourceField::Limit(Divided::EphemeralStorage(Bytes(1 << 30))),
        ),
    ] {
        let item = format!(
            "resourceFieldRef: {{containerName: c, resource: {resource}, divisor: {divisor}}}"
        );
        let expected = DownwardValue::Resource {
            container: "c".into(),
            resource: expected,
        };
        assert_eq!(value(&item), expected, "{resource}");
    }
}

#[test]
fn g2_an_empty_dir_has_a_medium_and_a_limit_as_the_server_prints_it() {
    let empty = |medium, limit: Option<(u64, &str)>| VolumeSource::EmptyDir {
        medium,
        size_limit: limit.map(|(bytes, text)| SizeLimit {
            bytes: Bytes(bytes),
            text: text.into(),
        }),
    };
    for (written, expected) in [
        ("emptyDir: {}", empty(Medium::Disk, None)),
        ("emptyDir: {sizeLimit: 0}", empty(Medium::Disk, None)),
        (
            "emptyDir: {medium: Memory, sizeLimit: 1024Ki}",
            empty(Medium::Memory, Some((1 << 20, "1Mi"))),
        ),
        (
            "emptyDir: {medium: Tape}",
            empty(Medium::Unknown("Tape".into()), None),
        ),
    ] {
        assert_eq!(one(written), expected, "{written}");
    }
}

#[test]
fn an_image_volume_has_a_reference_and_a_policy() {
    let source = one("image: {reference: 'data:latest'}");
    let expected = VolumeSource::Image {
        reference: "data:latest".into(),
        policy: ImagePullPolicy::Always,
    };
    assert_eq!(source, expected);
}

#[test]
fn what_only_a_cluster_has_is_refused_with_a_reason() {
    let refused = volumes(
        "{name: a, projected: {sources: [{serviceAccountToken: {path: t}}]}}, \
         {name: b, projected: {sources: [{clusterTrustBundle: {name: t, path: t}}]}}, \
         {name: c, emptyDir: {medium: HugePages-2Mi}}, {name: d, persistentVolumeClaim: {claimName: x}}",
    );
    let refused = refused.unwrap_err().join("\n");
    for words in [
        "spec.volumes[0].projected.sources[0].serviceAccountToken: not supported yet: there is no API server to take a token",
        "spec.volumes[1].projected.sources[0].clusterTrustBundle: not supported yet: there is no cluster to have trust bundles",
        "spec.volumes[2].emptyDir.medium: not supported yet: huge pages",
        "spec.volumes[3].persistentVolumeClaim: not supported yet: a volume that only a cluster has",
    ] {
        assert!(refused.contains(words), "{words}\n{refused}");
    }
}
