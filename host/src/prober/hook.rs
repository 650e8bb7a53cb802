//! Runs of lifecycle hooks (rules E4 to E7). When they run, and what follows, is the engine's.

use super::http::{Failed, Get};
use super::workers::Instance;
use super::{VERSION, exec};
use crate::engine::{Hook, Notice, NoticeKind};
use crate::model::{Container, HookHandler, HttpGet};
use crate::ports::Clock;

/// A hook that failed. What it says stays in the log of the host: it may hold what is nobody else's business (rule E1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HookFailed(pub String);

/// Runs a hook of an instance to its end, which may be never: who waits for it decides how long. The command of one that is given up is
/// ended. Answers what a user is to be told although it succeeded.
pub async fn run_hook(
    spec: &Container,
    hook: Hook,
    instance: &Instance,
    clock: &dyn Clock,
) -> Result<Option<Notice>, HookFailed> {
    let hooks = &spec.hooks;
    let handler = match hook {
        Hook::PostStart => hooks.post_start.as_ref(),
        Hook::PreStop => hooks.pre_stop.as_ref(),
    };
    match handler {
        Some(HookHandler::Exec(command)) => command_ran(instance, command).await.map(|()| None),
        Some(HookHandler::HttpGet(http)) => request(spec, instance, http).await,
        Some(HookHandler::Sleep(time)) => {
            clock.sleep_until(clock.now() + *time).await;
            Ok(None)
        }
        // Kubernetes, too, takes the field and has nothing that could run it (rule E7).
        Some(HookHandler::TcpSocket) | None => Err(HookFailed("invalid handler".into())),
    }
}

/// The words are taken as they are: no `$(NAME)` here (rule E4).
async fn command_ran(instance: &Instance, command: &[String]) -> Result<(), HookFailed> {
    let started = exec::start(&instance.container, command.to_vec()).await;
    let started = started.map_err(|error| HookFailed(error.to_string()))?;
    match started.ended().await {
        ended if ended.code == 0 => Ok(()),
        ended => Err(HookFailed(format!(
            "command {command:?} exited with {}: {}",
            ended.code, ended.output
        ))),
    }
}

/// Any answer will do, whatever its status (rule E5).
async fn request(
    spec: &Container,
    instance: &Instance,
    http: &HttpGet,
) -> Result<Option<Notice>, HookFailed> {
    let net = &instance.host.net;
    let agent = format!("kube-lifecycle/{VERSION}");
    let get = Get::new(http, spec, net, &agent).map_err(HookFailed)?;
    let failed = |failed: Failed| HookFailed(failed.text);
    match get.send(net).await {
        Ok(_) => Ok(None),
        Err(Failed {
            plain_server: true, ..
        }) => {
            let text = format!(
                "request to HTTPS lifecycle hook got HTTP response, retrying with HTTP for {}",
                get.host()
            );
            get.in_plain().send(net).await.map_err(failed)?;
            Ok(Some(Notice {
                container: None,
                kind: NoticeKind::Warning,
                reason: "LifecycleHTTPFallback",
                message: text,
            }))
        }
        Err(other) => Err(failed(other)),
    }
}
