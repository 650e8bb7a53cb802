//! The shell: POSIX-style `sh` over brush's grammar.
//!
//! What a shell elsewhere does by fork, this one does in one of two ways. A subshell whose parent only waits for it (`( … )`, `$( … )`,
//! one member of a pipeline) is a clone of the [`Shell`](state::Shell) run in this very process. What runs beside its parent
//! (the other members, `… &`) is a child process: the command itself where it is a program, or else another shell that is handed a copy of
//! the state as source (`snapshot`).

mod arith;
mod builtins;
mod capture;
mod compound;
mod exec;
mod expand;
mod external;
mod fd;
mod fields;
mod function;
mod glob;
mod jobs;
mod param;
mod parsed;
mod pattern;
mod pipeline;
mod redirect;
mod script;
mod simple;
mod snapshot;
mod startup;
mod state;
mod tail;
mod text;
mod unparse;
mod vars;

pub(crate) use builtins::{echo, kill, printf, test};
pub(crate) use startup::main;
pub(crate) use text::reason;

/// Whether a text matches a pattern of the shell.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    pattern::Pattern::parse(pattern).matches(text)
}
