//! What a run prints at its end.

use std::io::{self, Write as _};

use serde_json::Value;

use super::args::Format;
use crate::manifest::{object, table};
use crate::model::{Phase, Time};
use crate::store::StoredPod;

/// The objects, as `kubectl get -o json` or `-o yaml` prints them: one by itself, several as a List.
pub(super) fn objects(pods: &[StoredPod], format: Format) -> anyhow::Result<()> {
    documents(pods.iter().map(value).collect(), format)
}

/// Any objects, in the same form.
pub(super) fn documents(mut values: Vec<Value>, format: Format) -> anyhow::Result<()> {
    let document = match values.len() {
        1 => values.remove(0),
        _ => object::list(values),
    };
    let text = match format {
        Format::Json => serde_json::to_string_pretty(&document)? + "\n",
        Format::Yaml => object::yaml(&document),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// The table of `kubectl get pods` (rules L3–L8).
pub(super) fn print_table(pods: &[StoredPod], now: Time) -> io::Result<()> {
    let rows: Vec<_> = pods
        .iter()
        .map(|pod| table::pod_row(&value(pod), now))
        .collect();
    let mut stdout = io::stdout().lock();
    stdout.write_all(table::print(&rows).as_bytes())?;
    stdout.flush()
}

/// Whether every pod ended well.
pub(super) fn all_succeeded(pods: &[StoredPod]) -> bool {
    let phase = |pod: &StoredPod| pod.status.as_ref().map(|status| status.phase);
    pods.iter().all(|pod| phase(pod) == Some(Phase::Succeeded))
}

fn value(pod: &StoredPod) -> Value {
    let mut object = (*pod.object).clone();
    if let Some((by, grace)) = pod.deletion {
        object::delete(&mut object, by, grace.unwrap_or(pod.pod.spec.grace));
    }
    object::pod(&object, pod.status.as_deref())
}
