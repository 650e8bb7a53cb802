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

/// A command that runs. It ends with this, too: one that hangs would else be joined by another at each period.
pub(super) struct Started {
    exec: Arc<dyn Exec>,
    output: Arc<Output>,
}

/// Starts a command.
pub(super) async fn start(
    container: &Arc<dyn Container>,
    command: Vec<String>,
) -> Result<Started, ExecError> {
    let output = Arc::new(Output::default());
    let request = ExecRequest {
        command,
        stdin: false,
        tty: false,
        size: None,
        output: Arc::clone(&output) as Arc<dyn LogSink>,
    };
    let exec = container.exec(request).await?;
    Ok(Started { exec, output })
}

impl Started {
    /// Waits for its end.
    pub(super) async fn ended(self) -> Ended {
        let exit = self.exec.wait().await;
        Ended {
            code: exit.code,
            output: self.output.tail(),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.exec.kill();
    }
}

/// Runs a probe's command (rule D8). Its time begins when it runs: to find it may take a component to be compiled, which is to us what the
/// pull of an image is to a kubelet.
pub(super) async fn probe(
    container: &Arc<dyn Container>,
    spec: &Spec,
    command: &[String],
    timeout: Duration,
) -> Outcome {
    let command = expanded(spec, command);
    let words = command.join(" ");
    let started = match start(container, command).await {
        Ok(started) => started,
        Err(error) => return Outcome::Errored(error.to_string()),
    };
    match tokio::time::timeout(timeout, started.ended()).await {
        Ok(Ended { code: 0, .. }) => Outcome::Success,
        Ok(Ended { output, .. }) => Outcome::Failure(output),
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
