use std::collections::BTreeMap;

use serde_json::Value;

use super::{golden, ids, now};
use crate::manifest::decode::Object;
use crate::manifest::fault::{FaultKind, FieldFault};
use crate::manifest::load::Place;
use crate::manifest::load::create;
use crate::manifest::{Addresses, ServiceDraft, documents};
use crate::model::QUANTITY_FORM;

/// Cases we answer otherwise than the server, on purpose or not yet. The test fails when one of them starts to pass.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "missing-kind.yaml",
        "the server knows the kind from the URL; a file has no URL, and kubectl refuses it too",
    ),
    (
        "namespace-missing.yaml",
        "there are no namespaces to be missing: any well-formed one will do",
    ),
];

/// What the server, or we, said about a document.
#[derive(Debug, PartialEq)]
enum Answer {
    Accepted,
    /// 422: every cause in order, as path and message.
    Invalid(Vec<String>),
    /// 400: the paths of wrong types, without indexes (Go's message has none).
    WrongType(Vec<String>),
    /// 400: what is no quantity. Go's message does not say where.
    NoQuantity,
    /// 400: what is no base64. Go's message does not say where.
    NoBase64(String),
    /// 400: unknown and repeated fields with their paths.
    Strict(Vec<String>),
    /// 400: not even a document.
    Unreadable,
    /// 403 or 500: the text.
    Refused(String),
}

fn recorded(case: &Value) -> Answer {
    if case["verdict"] == "accepted" {
        return Answer::Accepted;
    }
    let message = case["message"].as_str().unwrap();
    match case["code"].as_i64().unwrap() {
        422 => Answer::Invalid(
            case["causes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|cause| {
                    format!(
                        "{}: {}",
                        cause["field"].as_str().unwrap(),
                        cause["message"].as_str().unwrap()
                    )
                })
                .collect(),
        ),
        400 => {
            if let Some((_, rest)) = message.split_once("Go struct field ") {
                let path = rest.split(' ').next().unwrap();
                let path = path.split_once('.').unwrap().1;
                Answer::WrongType(vec![path.to_owned()])
            } else if let Some((_, list)) = message.split_once("strict decoding error: ") {
                Answer::Strict(list.split(", ").map(str::to_owned).collect())
            } else if message.contains(QUANTITY_FORM) {
                Answer::NoQuantity
            } else if let Some(at) = message.find("illegal base64 data") {
                Answer::NoBase64(message[at..].to_owned())
            } else if message.contains("json parse error") {
                Answer::Unreadable
            } else {
                panic!("{message}")
            }
        }
        403 => Answer::Refused(message.split_once("is forbidden: ").unwrap().1.to_owned()),
        _ => Answer::Refused(message.to_owned()),
    }
}

fn ours(file: &str, text: &str) -> Answer {
    let read = documents::read(&file.into(), text.as_bytes());
    let mut faults: Vec<FieldFault> = read.faults.into_iter().map(|(_, _, fault)| fault).collect();
    if faults.iter().any(|fault| fault.kind == FaultKind::Syntax) {
        return Answer::Unreadable;
    }
    assert_eq!(read.documents.len(), 1, "{file}");
    let mut next = ids();
    match create(&read.documents[0], &mut next, now()) {
        Ok((Object::Service(object), found)) if found.is_empty() => {
            faults.extend(addressed(*object))
        }
        Ok((_, found)) | Err(found) => faults.extend(found),
    }
    answer(&faults)
}

/// What the server says of a Service's addresses, once everything else is right.
fn addressed(object: k8s_openapi::api::core::v1::Service) -> Vec<FieldFault> {
    let place = Place {
        file: "f".into(),
        document: 1,
        item: None,
    };
    let range = "10.96.0.0/16".parse().unwrap();
    let draft = ServiceDraft { place, object };
    match Addresses::new(range).unwrap().assign(vec![draft], now()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .into_iter()
            // What this version cannot do is no verdict on the object.
            .filter(|fault| fault.kind != FaultKind::NotSupportedYet)
            .map(|fault| FieldFault {
                path: fault.path,
                kind: fault.kind,
                message: fault.message,
            })
            .collect(),
    }
}

fn answer(faults: &[FieldFault]) -> Answer {
    let Some(first) = faults.first() else {
        return Answer::Accepted;
    };
    let same = |kinds: &[FaultKind]| faults.iter().all(|fault| kinds.contains(&fault.kind));
    if same(&[FaultKind::UnknownField, FaultKind::DuplicateField]) {
        let list = faults.iter().map(|fault| {
            let what = match fault.kind {
                FaultKind::DuplicateField => "duplicate",
                _ => "unknown",
            };
            format!("{what} field {:?}", fault.path)
        });
        return Answer::Strict(list.collect());
    }
    if same(&[FaultKind::Type]) {
        if first.message.starts_with("illegal base64 data") {
            return Answer::NoBase64(first.message.clone());
        }
        if faults
            .iter()
            .all(|fault| fault.message.contains(QUANTITY_FORM))
        {
            return Answer::NoQuantity;
        }
        let plain = |path: &str| {
            let mut depth = 0;
            path.chars()
                .filter(|c| {
                    depth += i32::from(*c == '[');
                    let keep = depth == 0;
                    depth -= i32::from(*c == ']');
                    keep
                })
                .collect()
        };
        return Answer::WrongType(faults.iter().map(|fault| plain(&fault.path)).collect());
    }
    if faults.len() == 1 && first.message.contains(" be provided in pod spec")
        || first.message.starts_with("resourceVersion ")
    {
        return Answer::Refused(first.message.clone());
    }
    Answer::Invalid(
        faults
            .iter()
            .map(|fault| format!("{}: {}", fault.path, fault.message))
            .collect(),
    )
}

#[test]
fn every_recorded_verdict_is_ours_word_for_word() {
    let expected: BTreeMap<String, Value> =
        serde_json::from_str(&golden("validation/expected.json")).unwrap();
    assert!(expected.len() > 180);
    let mut wrong = Vec::new();
    for (file, case) in &expected {
        let text = golden(&format!("validation/{file}"))
            .replace("@@256KiB@@", &"x".repeat(256 << 10))
            .replace("@@1MiB@@", &"x".repeat(1 << 20));
        let (theirs, ours) = (recorded(case), ours(file, &text));
        let listed = DIFFERENT.iter().find(|(name, _)| name == file);
        match (theirs == ours, listed) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(_)) => wrong.push(format!("{file}: is the same now: take it off the list")),
            (false, None) => {
                wrong.push(format!("{file}:\n  server {theirs:?}\n  ours   {ours:?}"));
            }
        }
    }
    for (file, why) in DIFFERENT {
        assert!(expected.contains_key(*file), "{file}: {why}");
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        expected.len(),
        wrong.join("\n")
    );
}
