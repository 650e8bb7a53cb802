//! Background children.

use peapod_guest::process::{self, Pid};

use super::external::wait;

/// A background child, and its status once it has been waited for.
#[derive(Clone, Debug)]
struct Job {
    pid: Pid,
    ended: Option<u8>,
}

/// The children a shell has started with `&`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Jobs {
    jobs: Vec<Job>,
    last: Option<Pid>,
}

impl Jobs {
    pub(crate) fn add(&mut self, pid: Pid) {
        self.last = Some(pid);
        self.jobs.push(Job { pid, ended: None });
    }

    /// `$!`.
    pub(crate) fn last(&self) -> Option<Pid> {
        self.last
    }

    /// A subshell's children are its own; `$!` stays.
    pub(crate) fn forget(&mut self) {
        self.jobs.clear();
    }

    /// `$!` in a subshell that is a process of its own.
    pub(crate) fn set_last(&mut self, pid: Option<Pid>) {
        self.last = pid;
    }

    /// The child that `%n` or a number names.
    pub(crate) fn named(&self, name: &str) -> Option<Pid> {
        match name.strip_prefix('%') {
            Some("" | "%" | "+") => self.jobs.last().map(|job| job.pid),
            Some(number) => self
                .jobs
                .get(number.parse::<usize>().ok()?.checked_sub(1)?)
                .map(|job| job.pid),
            None => name.parse().ok(),
        }
    }

    /// Waits for one: 127 for what is no child of this shell.
    pub(crate) fn wait(&mut self, pid: Pid) -> u8 {
        match self.jobs.iter_mut().find(|job| job.pid == pid) {
            None => 127,
            Some(job) => *job.ended.get_or_insert_with(|| wait(pid)),
        }
    }

    /// Waits for all of them and forgets them.
    pub(crate) fn wait_all(&mut self) {
        for job in self.jobs.drain(..).filter(|job| job.ended.is_none()) {
            wait(job.pid);
        }
    }

    /// The children that still run, by job number.
    pub(crate) fn running(&mut self) -> Vec<(usize, Pid)> {
        for job in self.jobs.iter_mut().filter(|job| job.ended.is_none()) {
            if let Ok(Some(status)) = process::try_wait(job.pid) {
                job.ended = Some(u8::try_from(status).unwrap_or(u8::MAX));
            }
        }
        self.jobs
            .iter()
            .enumerate()
            .filter(|(_, job)| job.ended.is_none())
            .map(|(index, job)| (index + 1, job.pid))
            .collect()
    }
}
