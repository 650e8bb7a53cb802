//! What waits at a listener: connections that nobody accepted yet, and behind them those that found no room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::TcpStream;
use super::stream::{Party, join};
use crate::budget::Memory;
use crate::network::wake::{Waiters, lock};
use crate::network::{NetError, PodNetwork};

/// Linux' `somaxconn`.
const BACKLOG_MAX: usize = 4096;

/// A listener's queues. They are bounded: the first by the backlog, the second by the sockets of the pods that wait in it.
pub(in crate::network) struct Backlog {
    state: Mutex<State>,
}

struct State {
    /// Of the container that listens: what waits here is its memory.
    owner: Option<Arc<Memory>>,
    queue: VecDeque<TcpStream>,
    limit: usize,
    /// In the order in which they came.
    waiting: BTreeMap<u64, Arc<Waiting>>,
    next: u64,
    closed: bool,
    acceptors: Waiters,
}

/// A connection that waits for room in a backlog.
pub(super) struct Waiting {
    state: Mutex<Turn>,
}

enum Turn {
    Waiting(Box<Request>, Waiters),
    Over(Result<TcpStream, NetError>),
    /// Given up, or the outcome was taken.
    Gone,
}

/// Two parties that would be a connection.
pub(super) struct Request {
    pub(super) client: Party,
    pub(super) server_net: Arc<PodNetwork>,
    /// The address that the server has in this connection.
    pub(super) address: std::net::SocketAddr,
    pub(super) crossing: bool,
}

impl Request {
    /// A connection to a listener of that container.
    fn join(self, owner: Option<&Arc<Memory>>) -> Result<(TcpStream, TcpStream), NetError> {
        // A pod that has all the sockets it may have refuses: there is nothing that would tell when it has room again.
        let ticket = self
            .server_net
            .ticket_for_peer(owner)
            .map_err(|_| NetError::ConnectionRefused)?;
        let server = Party {
            ticket: Some(ticket),
            lease: None,
            local: self.address,
            peer: self.client.local,
        };
        join(self.client, server, self.crossing)
    }
}

/// What becomes of a connection at once.
pub(super) enum Offer {
    Over(Result<TcpStream, NetError>),
    Waits(Arc<Waiting>, u64),
}

impl Backlog {
    /// Empty queues.
    pub(super) fn new(limit: usize, owner: Option<&Arc<Memory>>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                owner: owner.cloned(),
                queue: VecDeque::new(),
                limit: limit.clamp(1, BACKLOG_MAX),
                waiting: BTreeMap::new(),
                next: 0,
                closed: false,
                acceptors: Waiters::default(),
            }),
        })
    }

    /// A connection arrives.
    pub(super) fn offer(&self, request: Request) -> Offer {
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            return Offer::Over(Err(NetError::ConnectionRefused));
        }
        if state.queue.len() < state.limit && state.waiting.is_empty() {
            let answer = request.join(state.owner.as_ref());
            let answer = answer.map(|(client, server)| {
                state.queue.push_back(server);
                client
            });
            let acceptors = state.acceptors.take();
            drop(state);
            acceptors.wake();
            return Offer::Over(answer);
        }
        let waiting = Arc::new(Waiting {
            state: Mutex::new(Turn::Waiting(Box::new(request), Waiters::default())),
        });
        let number = state.next;
        state.next += 1;
        state.waiting.insert(number, Arc::clone(&waiting));
        Offer::Waits(waiting, number)
    }

    /// Gives up a connection that waits.
    pub(super) fn give_up(&self, waiting: &Waiting, number: u64) {
        let removed = lock(&self.state).waiting.remove(&number);
        drop(removed);
        let turn = std::mem::replace(&mut *lock(&waiting.state), Turn::Gone);
        drop(turn);
    }

    /// The next connection; `None` is to wait.
    pub(super) fn accept(&self) -> Option<Result<TcpStream, NetError>> {
        match self.take(None) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }

    /// As [`Self::accept`], waiting.
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, NetError>> {
        self.take(Some(cx))
    }

    fn take(&self, cx: Option<&mut Context<'_>>) -> Poll<Result<TcpStream, NetError>> {
        let mut state = lock(&self.state);
        if let Some(stream) = state.queue.pop_front() {
            let promoted = state.promote();
            if state.queue.is_empty() {
                state.queue = VecDeque::new();
            }
            drop(state);
            promoted.wake();
            return Poll::Ready(Ok(stream));
        }
        if state.closed {
            return Poll::Ready(Err(NetError::ConnectionAborted));
        }
        let asked = cx.map(|cx| state.acceptors.add(cx.waker()));
        drop(state);
        asked.unwrap_or_default().wake();
        Poll::Pending
    }

    /// Waits until [`Self::accept`] has something.
    pub(super) fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.closed || !state.queue.is_empty() {
            return Poll::Ready(());
        }
        let asked = state.acceptors.add(cx.waker());
        drop(state);
        asked.wake();
        Poll::Pending
    }

    /// How many may wait to be accepted.
    pub(super) fn set_limit(&self, limit: usize) {
        let mut state = lock(&self.state);
        state.limit = limit.clamp(1, BACKLOG_MAX);
        let promoted = state.promote();
        drop(state);
        promoted.wake();
    }

    /// Nobody listens any more: what was not accepted is reset, what waits is refused.
    pub(in crate::network) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let queue = std::mem::take(&mut state.queue);
        let waiting = std::mem::take(&mut state.waiting);
        let acceptors = state.acceptors.take();
        drop(state);
        for stream in queue {
            stream.reset();
        }
        for waiting in waiting.into_values() {
            let mut turn = lock(&waiting.state);
            if matches!(*turn, Turn::Waiting(..)) {
                let before =
                    std::mem::replace(&mut *turn, Turn::Over(Err(NetError::ConnectionRefused)));
                drop(turn);
                before.wake();
            }
        }
        acceptors.wake();
    }
}

/// What is to be woken and dropped once the lock is released.
#[derive(Default)]
struct Promoted(Vec<Waiters>);

impl Promoted {
    fn wake(self) {
        for waiters in self.0 {
            waiters.wake();
        }
    }
}

impl State {
    /// Those that waited longest take the room there is.
    #[must_use]
    fn promote(&mut self) -> Promoted {
        let mut promoted = Promoted::default();
        while self.queue.len() < self.limit
            && let Some((_, waiting)) = self.waiting.pop_first()
        {
            let mut turn = lock(&waiting.state);
            match std::mem::replace(&mut *turn, Turn::Gone) {
                Turn::Waiting(request, waiters) => {
                    *turn =
                        Turn::Over(request.join(self.owner.as_ref()).map(|(client, server)| {
                            self.queue.push_back(server);
                            client
                        }));
                    promoted.0.push(waiters);
                }
                other => *turn = other,
            }
        }
        promoted
    }
}

impl Turn {
    fn wake(self) {
        if let Self::Waiting(_, waiters) = self {
            waiters.wake();
        }
    }
}

impl Waiting {
    /// The outcome.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, NetError>> {
        let mut turn = lock(&self.state);
        if let Turn::Waiting(_, waiters) = &mut *turn {
            let asked = waiters.add(cx.waker());
            drop(turn);
            asked.wake();
            return Poll::Pending;
        }
        match std::mem::replace(&mut *turn, Turn::Gone) {
            Turn::Over(outcome) => Poll::Ready(outcome),
            _ => Poll::Ready(Err(NetError::InvalidState)),
        }
    }
}
