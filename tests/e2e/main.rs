//! End to end: the real program, real components, real manifests.

mod bad_input;
mod command;
mod harness;
mod images;
mod lifecycle;
mod processes;
mod samples;
mod sandbox;
mod scale;
mod shell;
