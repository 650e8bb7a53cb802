use proptest::prelude::*;
use serde_json::Value;

use super::oracle::check;
use super::{golden, golden_names};

/// What the fuzzer begins with: every recorded manifest, the samples of the project, its own seeds.
fn samples() -> Vec<String> {
    let folders = [
        "validation",
        "defaulting",
        "../../manifests",
        "../../host/fuzz/seeds/manifest",
    ];
    folders
        .into_iter()
        .flat_map(|folder| {
            golden_names(folder, ".yaml")
                .into_iter()
                .map(move |name| golden(&format!("{folder}/{name}")))
        })
        .collect()
}

#[test]
fn every_seed_is_read_and_what_is_accepted_says_the_same_when_it_was_printed() {
    for seed in samples() {
        check(seed.as_bytes());
    }
}

/// Values that have broken parsers before.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::from(u64::MAX)),
        any::<f64>().prop_map(Value::from),
        Just(Value::from("")),
        "\\PC{0,20}".prop_map(Value::from),
        "[-+.0-9eEmkMGTPi]{1,12}".prop_map(Value::from),
        Just(Value::Array(Vec::new())),
        Just(Value::Object(serde_json::Map::new())),
        Just(serde_json::json!([{"name": ""}, null, 3])),
    ]
}

/// Puts `odd` in the place of the `at`-th value of the tree.
fn replace(value: &mut Value, at: &mut usize, odd: &Value) {
    if *at == 0 {
        *value = odd.clone();
    }
    *at = at.wrapping_sub(1);
    match value {
        Value::Array(list) => list.iter_mut().for_each(|v| replace(v, at, odd)),
        Value::Object(map) => map.values_mut().for_each(|v| replace(v, at, odd)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes);
    }

    #[test]
    fn random_yaml_looking_text_never_panics(text in "[-a-c:{}\\[\\],&*<!|>#%'\"?@` \n\t.0-9]{0,120}") {
        check(text.as_bytes());
        check(format!("{{{text}").as_bytes());
    }

    #[test]
    fn cut_and_spliced_manifests_never_panic(
        which in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        noise in "[-a-c:{}\\[\\],&*<!|>#%'\"?@` \n\t.0-9]{0,6}",
    ) {
        let samples = samples();
        let one = which.get(&samples).as_str();
        let at = one.floor_char_boundary(at.index(one.len()));
        let (head, tail) = one.split_at(at);
        check(format!("{head}{noise}{tail}").as_bytes());
        let two = other.get(&samples).as_str();
        let from = two.floor_char_boundary(at.min(two.len()));
        check(format!("{head}{}", &two[from..]).as_bytes());
    }

    #[test]
    fn manifests_with_odd_values_in_any_place_never_panic(
        which in any::<prop::sample::Index>(),
        at in 0usize..60,
        odd in odd(),
    ) {
        let samples = samples();
        let mut value: Value = serde_yaml::from_str(which.get(&samples).as_str()).unwrap_or_default();
        let mut left = at;
        replace(&mut value, &mut left, &odd);
        check(value.to_string().as_bytes());
    }
}

#[test]
fn bombs_end_and_leave_the_stack_alone() {
    let mut aliases = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for n in 1..30 {
        let last = n - 1;
        aliases.push_str(&format!(
            "a{n}: &a{n} [*a{last},*a{last},*a{last},*a{last},*a{last},*a{last},*a{last},*a{last}]\n"
        ));
    }
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for n in 1..100_000 {
        chain.push_str(&format!("a{n}: &a{n} [*a{}]\n", n - 1));
    }
    for bomb in [
        aliases,
        chain,
        "[".repeat(1_000_000),
        "{a: ".repeat(500_000),
        "- ".repeat(500_000),
        "{\"a\":".repeat(500_000),
        format!("{{\"a\":{}1{}}}", "[".repeat(120), "]".repeat(120)),
        "a: &a [*a]".to_owned(),
        "a:\n".repeat(200_000),
        "---\n".repeat(1_000_000),
        "x".repeat(5 << 20),
        "? ".repeat(100_000),
        "&a ".repeat(100_000),
    ] {
        check(bomb.as_bytes());
    }
}
