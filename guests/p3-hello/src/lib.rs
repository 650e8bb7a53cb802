//! Says hello by WASI 0.3: its `run` is asynchronous, and stdout is a stream it hands to the host.

use wasip3::cli::{environment, stdout};

struct Hello;

wasip3::cli::command::export!(Hello);

impl wasip3::exports::cli::run::Guest for Hello {
    async fn run() -> Result<(), ()> {
        let (mut writer, reader) = wasip3::wit_stream::new();
        let written = stdout::write_via_stream(reader);
        let mut text = String::from("hello from WASI 0.3\n");
        for arg in environment::get_arguments().iter().skip(1) {
            text.push_str(&format!("arg {arg}\n"));
        }
        let lost = writer.write_all(text.into_bytes()).await;
        drop(writer);
        if lost.is_empty() && written.await.is_ok() {
            Ok(())
        } else {
            Err(())
        }
    }
}
