//! Connections under way.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::TcpStream;
use super::backlog::{Backlog, Waiting};
use crate::network::NetError;
use crate::network::meter::{Lease, Ticket};

/// What Linux does with `tcp_syn_retries` of 6: 1 + 2 + 4 … + 64 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);

/// A connection under way; dropping it gives it up.
pub struct Connecting {
    local: SocketAddr,
    state: State,
}

enum State {
    Over(Result<TcpStream, NetError>),
    Waits {
        backlog: Arc<Backlog>,
        waiting: Arc<Waiting>,
        number: u64,
        timeout: Option<Pin<Box<Sleep>>>,
    },
    /// What the socket held is held on: a guest must not have more connections under way than it may have sockets.
    Outside(
        oneshot::Receiver<Result<TcpStream, NetError>>,
        Option<(Lease, Ticket)>,
    ),
    Taken,
}

impl Connecting {
    pub(super) fn over(local: SocketAddr, outcome: Result<TcpStream, NetError>) -> Self {
        Self {
            local,
            state: State::Over(outcome),
        }
    }

    pub(super) fn waits(
        local: SocketAddr,
        backlog: Arc<Backlog>,
        waiting: Arc<Waiting>,
        number: u64,
    ) -> Self {
        Self {
            local,
            state: State::Waits {
                backlog,
                waiting,
                number,
                timeout: None,
            },
        }
    }

    pub(super) fn outside(
        local: SocketAddr,
        held: (Lease, Ticket),
        receiver: oneshot::Receiver<Result<TcpStream, NetError>>,
    ) -> Self {
        Self {
            local,
            state: State::Outside(receiver, Some(held)),
        }
    }

    /// The connection, or why there is none; once.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, NetError>> {
        match &mut self.state {
            State::Waits {
                waiting, timeout, ..
            } => {
                if let Poll::Ready(outcome) = waiting.poll(cx) {
                    self.state = State::Taken;
                    return Poll::Ready(outcome);
                }
                let timeout =
                    timeout.get_or_insert_with(|| Box::pin(tokio::time::sleep(CONNECT_TIMEOUT)));
                if timeout.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.give_up();
                Poll::Ready(Err(NetError::TimedOut))
            }
            State::Outside(receiver, held) => {
                let Poll::Ready(answer) = Pin::new(receiver).poll(cx) else {
                    return Poll::Pending;
                };
                // Whoever was to answer is gone: the network is being taken down.
                let mut outcome = answer.unwrap_or(Err(NetError::ConnectionAborted));
                if let Ok(stream) = &mut outcome {
                    let lease = held.take().map(|(lease, _)| lease);
                    stream.adopt(lease, self.local);
                }
                self.state = State::Taken;
                Poll::Ready(outcome)
            }
            state => match std::mem::replace(state, State::Taken) {
                State::Over(outcome) => Poll::Ready(outcome),
                _ => Poll::Ready(Err(NetError::InvalidState)),
            },
        }
    }

    /// This side's address.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    fn give_up(&mut self) {
        if let State::Waits {
            backlog,
            waiting,
            number,
            ..
        } = std::mem::replace(&mut self.state, State::Taken)
        {
            backlog.give_up(&waiting, number);
        }
    }
}

impl Future for Connecting {
    type Output = Result<TcpStream, NetError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Self::poll(self.get_mut(), cx)
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl std::fmt::Debug for Connecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connecting({})", self.local)
    }
}
