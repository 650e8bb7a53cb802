//! One command and its client.

use std::io;
use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};

use super::ask::Size;
use super::frame::{self, Kind, Wire};
use super::inbox::Inbox;
use super::outbox::Outbox;
use crate::ports::{Exec, LogSink as _};

/// Ends the command when nobody waits for it any more, however that comes.
struct Ends {
    exec: Arc<dyn Exec>,
    outbox: Arc<Outbox>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.outbox.close();
        self.exec.kill();
    }
}

/// Carries the streams of a command until it has ended or its client has gone.
pub(super) async fn run(wire: Wire, exec: Arc<dyn Exec>, outbox: Arc<Outbox>) -> io::Result<()> {
    let ends = Ends { exec, outbox };
    let (exec, outbox) = (&ends.exec, &ends.outbox);
    let inbox = Inbox::default();
    let (mut to, mut from) = wire.split();
    let sending = async {
        while let Some(frame) = outbox.next().await {
            to.send(frame?).await?;
        }
        // The client hangs up when it has seen the last frame.
        to.close().await
    };
    let receiving = async {
        while let Some(frame) = from.next().await {
            match frame::split(frame?)? {
                (Kind::Stdin, bytes) => inbox.push(&bytes)?,
                (Kind::StdinEnd, _) => inbox.end(),
                (Kind::Resize, size) => exec.resize(frame::value::<Size>(&size)?.into()),
                _ => return Err(frame::invalid("a frame that is not a client's")),
            }
        }
        Ok(())
    };
    let feeding = async {
        while let Some(bytes) = inbox.next().await {
            let len = bytes.len();
            // What a command does not read any more is swallowed; its client may well go on sending.
            let _read = exec.write_stdin(bytes).await;
            inbox.read(len);
            outbox.read(len);
        }
        exec.close_stdin();
        Ok(())
    };
    let ending = async {
        let exit = exec.wait().await;
        outbox.finish(Kind::Exit.json(&exit.code)?);
        Ok::<_, io::Error>(())
    };
    let working = async {
        tokio::try_join!(feeding, ending)?;
        std::future::pending::<io::Result<()>>().await
    };
    tokio::select! {
        sent = sending => sent,
        gone = receiving => gone,
        failed = working => failed,
    }
}
