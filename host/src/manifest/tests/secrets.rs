use super::{ids, now};
use crate::manifest::{Loaded, LoadedSecret, load, object};

fn read(text: &str) -> Result<LoadedSecret, Vec<String>> {
    let mut next = ids();
    match load("f.yaml", text.as_bytes(), &mut next, now()) {
        Ok(mut loaded) => match loaded.remove(0) {
            Loaded::Secret(one) => Ok(*one),
            other => panic!("{other:?}"),
        },
        Err(faults) => Err(faults.iter().map(super::said).collect()),
    }
}

fn secret(rest: &str) -> String {
    format!("{{apiVersion: v1, kind: Secret, metadata: {{name: s}}, {rest}}}")
}

fn faults(rest: &str) -> Vec<String> {
    let faults = read(&secret(rest)).unwrap_err();
    let head = r#"f.yaml: document 1: Secret "s": "#;
    faults
        .iter()
        .map(|line| line.strip_prefix(head).unwrap_or(line).to_owned())
        .collect()
}

#[test]
fn a_secret_becomes_bytes_by_key_and_string_data_wins_over_data() {
    let loaded = read(&secret(
        "data: {a: eA==, bin: AAH/, empty: ''}, stringData: {a: 'y', b: text}, immutable: true",
    ))
    .unwrap();
    let data = &loaded.secret.data;
    assert_eq!(data["a"], b"y");
    assert_eq!(data["b"], b"text");
    assert_eq!(data["bin"], [0, 1, 255]);
    assert_eq!(data["empty"], b"");
    assert_eq!(loaded.secret.kind, "Opaque");
    assert!(loaded.secret.immutable);
    let shown = object::secret(&loaded.object);
    assert_eq!(shown["data"]["b"], "dGV4dA==");
    assert_eq!(shown["type"], "Opaque");
    assert!(shown.get("stringData").is_none(), "it is write-only");
}

#[test]
fn an_empty_type_is_opaque_and_a_type_of_ones_own_is_kept() {
    assert_eq!(read(&secret("type: ''")).unwrap().secret.kind, "Opaque");
    let own = read(&secret("type: example.com/own")).unwrap();
    assert_eq!(own.secret.kind, "example.com/own");
    assert!(own.secret.data.is_empty());
    assert!(object::secret(&own.object).get("data").is_none());
}

#[test]
fn a_secret_is_never_printed_with_its_data() {
    let loaded = read(&secret("stringData: {k: hunter2}")).unwrap();
    let printed = format!("{:?}", Loaded::Secret(Box::new(loaded)));
    assert!(printed.contains("\"k\"") && !printed.contains("hunter2"));
}

#[test]
fn each_known_type_asks_for_its_keys() {
    let required = |kind: &str, rest: &str| faults(&format!("type: kubernetes.io/{kind}, {rest}"));
    for (kind, rest, expected) in [
        (
            "tls",
            "stringData: {a: b}",
            &[
                "data[tls.crt]: Required value",
                "data[tls.key]: Required value",
            ][..],
        ),
        (
            "tls",
            "stringData: {tls.crt: x}",
            &["data[tls.key]: Required value"],
        ),
        (
            "basic-auth",
            "stringData: {a: b}",
            &[
                "data[username]: Required value",
                "data[password]: Required value",
            ],
        ),
        (
            "ssh-auth",
            "stringData: {ssh-privatekey: ''}",
            &["data[ssh-privatekey]: Required value"],
        ),
        (
            "service-account-token",
            "data: {}",
            &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
        ),
        (
            "dockercfg",
            "data: {}",
            &["data[.dockercfg]: Required value"],
        ),
        (
            "dockerconfigjson",
            "stringData: {.dockerconfigjson: '[1]'}",
            &[
                r#"data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}"#,
            ],
        ),
        (
            "dockerconfigjson",
            "stringData: {.dockerconfigjson: ''}",
            &[
                r#"data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input"#,
            ],
        ),
    ] {
        assert_eq!(required(kind, rest), expected, "{kind} {rest}");
    }
    let broken = required("dockercfg", "stringData: {.dockercfg: '{hunter2'}");
    assert!(broken[0].starts_with("data[.dockercfg]: Invalid value:"));
    assert!(!broken[0].contains("hunter2"));
    for enough in [
        "type: kubernetes.io/basic-auth, stringData: {password: ''}",
        "type: kubernetes.io/tls, stringData: {tls.crt: '', tls.key: ''}",
        "type: kubernetes.io/dockerconfigjson, stringData: {.dockerconfigjson: '{}'}",
    ] {
        read(&secret(enough)).unwrap();
    }
}

#[test]
fn g14_a_secret_holds_a_mebibyte_under_keys_that_can_be_file_names() {
    let all = "x".repeat(1 << 20);
    read(&secret(&format!("stringData: {{a: {all}}}"))).unwrap();
    assert_eq!(
        faults(&format!("stringData: {{a: {all}}}, data: {{b: AA==}}")),
        ["data: Too long: may not be more than 1048576 bytes"]
    );
    let bad = faults("stringData: {'a b': x, '..c': x}");
    assert_eq!(bad.len(), 2);
    assert_eq!(
        bad[0],
        r#"data[..c]: Invalid value: "..c": must not start with '..'"#
    );
    assert!(bad[1].starts_with(r#"data[a b]: Invalid value: "a b": a valid config key must"#));
    assert_eq!(
        faults("data: {a: '%'}"),
        ["data.a: illegal base64 data at input byte 0"]
    );
}

#[test]
fn a_secret_may_come_in_a_list_of_its_kind_and_its_name_is_its_own() {
    let mut next = ids();
    let text = "{apiVersion: v1, kind: SecretList, items: [{metadata: {name: s}}]}\n---\n\
         {apiVersion: v1, kind: ConfigMap, metadata: {name: s}}";
    let loaded = load("f.yaml", text.as_bytes(), &mut next, now()).unwrap();
    assert_eq!(loaded.len(), 2);
}
