//! Secrets.

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use super::{metadata, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

/// G14: only values count.
const MAX_BYTES: usize = 1 << 20;

/// Validates a Secret, `stringData` already merged. No message repeats a value: it would end up in a log.
pub(super) fn check(secret: &Secret, faults: &mut Faults) {
    metadata::check(&secret.metadata, text::subdomain, faults);
    let path = Path::root("data");
    let mut size = 0;
    for (key, value) in secret.data.iter().flatten() {
        for message in text::config_key(key) {
            faults.invalid(&path.key(key), key, &message);
        }
        size += value.0.len();
    }
    if size > MAX_BYTES {
        faults.too_long(&path, MAX_BYTES);
    }
    kind(secret, &path, faults);
}

/// What each known `type` has to hold.
fn kind(secret: &Secret, path: &Path<'_>, faults: &mut Faults) {
    let value = |key: &str| secret.data.as_ref().and_then(|data| data.get(key));
    let mut required = |keys: &[&str]| {
        for key in keys {
            faults.required(&path.key(key), "");
        }
    };
    match secret.type_.as_deref().unwrap_or_default() {
        "kubernetes.io/service-account-token" => {
            let key = "kubernetes.io/service-account.name";
            let annotations = secret.metadata.annotations.as_ref();
            let named = annotations.and_then(|all| all.get(key));
            if named.is_none_or(String::is_empty) {
                let metadata = Path::root("metadata");
                faults.required(&metadata.field("annotations").key(key), "");
            }
        }
        "kubernetes.io/dockercfg" => json(secret, ".dockercfg", path, faults),
        "kubernetes.io/dockerconfigjson" => json(secret, ".dockerconfigjson", path, faults),
        "kubernetes.io/basic-auth"
            if value("username").is_none() && value("password").is_none() =>
        {
            required(&["username", "password"]);
        }
        "kubernetes.io/ssh-auth" => {
            let key = "ssh-privatekey";
            if value(key).is_none_or(|value| value.0.is_empty()) {
                required(&[key]);
            }
        }
        "kubernetes.io/tls" => {
            for key in ["tls.crt", "tls.key"] {
                if value(key).is_none() {
                    required(&[key]);
                }
            }
        }
        _ => {}
    }
}

/// The key has to be there and to hold a JSON object.
fn json(secret: &Secret, key: &str, path: &Path<'_>, faults: &mut Faults) {
    let path = path.key(key);
    let Some(value) = secret.data.as_ref().and_then(|data| data.get(key)) else {
        return faults.required(&path, "");
    };
    let found = match serde_json::from_slice(&value.0) {
        Ok(Value::Object(_) | Value::Null) => return,
        Ok(Value::Array(_)) => "array",
        Ok(Value::String(_)) => "string",
        Ok(Value::Number(_)) => "number",
        Ok(Value::Bool(_)) => "bool",
        Err(_) if value.0.trim_ascii().is_empty() => {
            let message = "unexpected end of JSON input";
            return faults.invalid(&path, REDACTED, message);
        }
        // Where it goes wrong, without the text it goes wrong at.
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let message = format!("no JSON from line {line}, column {column}");
            return faults.invalid(&path, REDACTED, &message);
        }
    };
    let message =
        format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}");
    faults.invalid(&path, REDACTED, &message);
}

const REDACTED: &str = "<secret contents redacted>";
