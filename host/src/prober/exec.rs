//! Commands in a container: their exit codes, and a bounded part of their output.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{OUTPUT_BYTES_MAX, Outcome};
use crate::model::{Container as Spec, EnvValue, expand};
use crate::ports::{BoxFuture, Container, Exec, ExecError, ExecRequest, LogSink, LogStream};

/// A command that ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) code: i32,
    /// The beginning of what it wrote, to either stream.
    pub(super) output: String,
}

/// Runs a command to its end. It ends with this future, too.
pub(super) async fn run(
    container: &Arc<dyn Container>,
    command: Vec<String>,
) -> Result<Ended, ExecError> {
    let output = Arc::new(Output::default());
    let request = ExecRequest {
        command,
        stdin: false,
        tty: false,
        output: Arc::clone(&output) as Arc<dyn LogSink>,
    };
    let exec = OrKilled(container.exec(request).await?);
    let exit = exec.0.wait().await;
    Ok(Ended {
        code: exit.code,
        output: output.tail(),
    })
}

/// Runs a probe's command (rule D8).
pub(super) async fn probe(
    container: &Arc<dyn Container>,
    spec: &Spec,
    command: &[String],
    timeout: Duration,
) -> Outcome {
    let command = expanded(spec, command);
    let words = command.join(" ");
    match tokio::time::timeout(timeout, run(container, command)).await {
        Ok(Ok(Ended { code: 0, .. })) => Outcome::Success,
        Ok(Ok(Ended { output, .. })) => Outcome::Failure(output),
        Ok(Err(error)) => Outcome::Errored(error.to_string()),
        Err(_) => Outcome::Failure(format!(
            "command timed out: {words:?} timed out after {}s",
            timeout.as_secs()
        )),
    }
}

/// A probe's command knows the container's `env` as the manifest writes it: unexpanded, and empty where the value comes from elsewhere.
fn expanded(spec: &Spec, command: &[String]) -> Vec<String> {
    let written = spec.env.iter();
    let known: HashMap<&str, &str> = written
        .map(|variable| match &variable.value {
            EnvValue::Text(text) => (variable.name.as_str(), text.as_str()),
            EnvValue::Field(_)
            | EnvValue::Resource { .. }
            | EnvValue::Key { .. }
            | EnvValue::File(_) => (variable.name.as_str(), ""),
        })
        .collect();
    let words = command.iter();
    words
        // What comes to too much stays as it is written: a command that nobody can run either.
        .map(|word| expand(word, |name| known.get(name).copied()).unwrap_or_else(|_| word.clone()))
        .collect()
}

/// Ends a command nobody waits for any more: one that hangs would else be joined by another at each period.
struct OrKilled(Arc<dyn Exec>);

impl Drop for OrKilled {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// The beginning of an output. The rest is thrown away, so a command is never slowed down by it.
#[derive(Default)]
struct Output {
    bytes: Mutex<Vec<u8>>,
}

impl Output {
    fn bytes(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogSink for Output {
    fn has_room(&self) -> bool {
        true
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn write(&self, _: LogStream, bytes: &[u8]) {
        let mut kept = self.bytes();
        let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len());
        kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn close(&self) {}

    fn tail(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, expanded};
    use crate::model::{EnvValue, EnvVar, PodField, testing};
    use crate::ports::{LogSink as _, LogStream};

    #[test]
    fn d8_a_probes_command_knows_literal_variables_as_they_are_written() {
        let mut spec = testing::container("c");
        let pairs = [("A", "1"), ("B", "$(A)2")];
        spec.env = pairs
            .map(|(name, value)| EnvVar {
                name: name.into(),
                value: EnvValue::Text(value.into()),
            })
            .to_vec();
        spec.env.push(EnvVar {
            name: "C".into(),
            value: EnvValue::Field(PodField::Name),
        });
        let command = ["test", "$(A)", "$(B)", "-$(C)-", "$(HOSTNAME)", "$$(A)"].map(str::to_owned);
        assert_eq!(
            expanded(&spec, &command),
            ["test", "1", "$(A)2", "--", "$(HOSTNAME)", "$(A)"]
        );
    }

    #[test]
    fn d8_ten_kibibytes_of_output_are_kept() {
        let output = Output::default();
        for _ in 0..5 {
            output.write(LogStream::Stdout, &[b'o'; 1_500]);
            output.write(LogStream::Stderr, &[b'e'; 1_500]);
        }
        let kept = output.tail();
        assert_eq!(kept.len(), 10 * 1024);
        assert!(kept.starts_with("ooo") && kept.contains('e'));
    }
}
