//! The tick of the epoch, at which a guest lets others run and can be interrupted.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::Thread;
use std::time::Duration;

use wasmtime::EngineWeak;

use super::cpu::Cores;
use crate::budget::TURN;

/// How long a guest computes before it lets others run.
const TICK: Duration = TURN;

/// A thread that advances the epoch while any guest computes and sleeps otherwise. Guests that wait, be it for a connection or for their next
/// period, cost nothing: a hundred wake-ups a second are a tenth of what a container of 20m may have.
#[derive(Default)]
pub(super) struct Ticker {
    /// Guests that compute just now.
    running: AtomicUsize,
    /// The thread sleeps, or is about to.
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
    engines: Mutex<Vec<EngineWeak>>,
}

impl Ticker {
    /// Ticks as long as there are those cores.
    pub(super) fn start(self: &Arc<Self>, cores: Weak<Cores>) {
        let ticker = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name("peapod-epoch".into())
            .spawn(move || ticker.run(&cores));
        if let Err(error) = spawned {
            // Guests still run and still end by themselves; only a spinning one could not be stopped.
            tracing::error!(%error, "no thread for the epoch tick");
        }
    }

    /// Advances that engine's epoch, too.
    pub(super) fn advances(&self, engine: EngineWeak) {
        self.engines().push(engine);
    }

    fn engines(&self) -> std::sync::MutexGuard<'_, Vec<EngineWeak>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ticks as long as the guard lives: a guest computes.
    pub(super) fn computing(&self) -> Computing<'_> {
        // Before the look at the thread, which looks here last before it sleeps: one of the two sees the other.
        self.running.fetch_add(1, Ordering::SeqCst);
        self.wake();
        Computing(self)
    }

    /// Ticks once more, at least.
    pub(super) fn wake(&self) {
        if self.asleep.load(Ordering::SeqCst)
            && self.asleep.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a thread of its own, which holds up nobody"
    )]
    fn run(&self, cores: &Weak<Cores>) {
        // Before it can be asleep: whoever wakes it knows whom.
        let _only_one = self.thread.set(std::thread::current());
        loop {
            self.asleep.store(true, Ordering::SeqCst);
            while self.running.load(Ordering::SeqCst) == 0 && self.asleep.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.asleep.store(false, Ordering::SeqCst);
            loop {
                std::thread::sleep(TICK);
                let Some(cores) = cores.upgrade() else {
                    return;
                };
                self.engines().retain(|engine| match engine.upgrade() {
                    Some(engine) => {
                        engine.increment_epoch();
                        true
                    }
                    None => false,
                });
                let expected = cores.tick();
                if self.running.load(Ordering::SeqCst) == 0 && !expected {
                    break;
                }
            }
        }
    }
}

/// While this lives, the epoch ticks.
pub(super) struct Computing<'a>(&'a Ticker);

impl Drop for Computing<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use wasmtime::{Config, Engine, Instance, Module, Store, Trap};

    use super::Ticker;
    use crate::wasm::cpu::Cores;

    #[expect(clippy::disallowed_methods, reason = "a thread of the test's own")]
    fn falls_asleep(ticker: &Ticker) {
        while !ticker.asleep.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_epoch_stands_still_while_nobody_computes_and_interrupts_whoever_does() {
        let engine = Engine::new(Config::new().epoch_interruption(true)).expect("an engine");
        let cores = Cores::new();
        let ticker = cores.ticker();
        ticker.advances(engine.weak());
        let code = r#"(module (func (export "spin") (loop br 0)))"#;
        let module = Module::new(&engine, code).expect("compiles");
        for _ in 0..3 {
            falls_asleep(ticker);
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(1);
            let instance = Instance::new(&mut store, &module, &[]).expect("instantiates");
            let spin = instance.get_typed_func::<(), ()>(&mut store, "spin");
            let computing = ticker.computing();
            let ended = spin.expect("exported").call(&mut store, ());
            let trap = ended.expect_err("interrupted").downcast::<Trap>();
            assert_eq!(trap.expect("a trap"), Trap::Interrupt);
            drop(computing);
        }
        falls_asleep(ticker);
    }
}
