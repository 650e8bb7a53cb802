//! The rules, one by one, as tables and small stories. The names cite the rules.

mod conditions;
mod containers;
mod drive;
mod eviction;
mod hooks;
mod images;
mod init;
mod lifecycle;
mod machine;
mod phase;
mod probes;
mod restart;
mod termination;
