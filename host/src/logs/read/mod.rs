//! Reading logs, live or after the run, from the files alone: what `kubectl logs` may ask, with its answers.

mod container;
mod files;
mod follow;
mod tail;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use container::{ContainerLog, Progress};

use super::file::{Place, pod_dir};
use super::index::{self, ContainerRecord, PodRecord, StateRecord};
use crate::model::Time;

/// What is wanted of a log: `PodLogOptions`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Wait for more, across rotation and restarts, until the container can write no more.
    pub follow: bool,
    /// Of the instance before.
    pub previous: bool,
    /// Begin each line with the time at which it arrived.
    pub timestamps: bool,
    /// That many of the last lines there are.
    pub tail_lines: Option<u64>,
    /// Nothing that arrived earlier.
    pub since: Option<Time>,
    /// So much and no more.
    pub limit_bytes: Option<u64>,
}

/// Why there is no log (rule L13).
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No run has or had it, or its logs were removed.
    #[error("pods \"{0}\" not found")]
    NoPod(String),
    /// None was named and there are several.
    #[error("a container name must be specified for pod {pod}, choose one of: [{}]{}", .mains.join(" "), or_inits(.inits))]
    Unnamed {
        /// The pod.
        pod: String,
        /// Its containers.
        mains: Vec<String>,
        /// Its init containers.
        inits: Vec<String>,
    },
    /// The pod has no such container.
    #[error("container {container} is not valid for pod {pod}")]
    NoContainer {
        /// The container.
        container: String,
        /// The pod.
        pod: String,
    },
    /// No instance was started yet.
    #[error("container \"{container}\" in pod \"{pod}\" is waiting to start: {why}")]
    Waiting {
        /// The container.
        container: String,
        /// The pod.
        pod: String,
        /// The reason, or what it means.
        why: String,
    },
    /// There is no instance before this one.
    #[error("previous terminated container \"{container}\" in pod \"{pod}\" not found")]
    NoPrevious {
        /// The container.
        container: String,
        /// The pod.
        pod: String,
    },
    /// It ended without ever having been.
    #[error("container \"{container}\" in pod \"{pod}\" is terminated")]
    NeverWas {
        /// The container.
        container: String,
        /// The pod.
        pod: String,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

fn or_inits(inits: &[String]) -> String {
    if inits.is_empty() {
        return String::new();
    }
    format!(" or one of the init containers: [{}]", inits.join(" "))
}

/// The logs of a data directory.
pub struct LogDir {
    root: PathBuf,
}

impl LogDir {
    /// The logs under `<data directory>/logs`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The pod of that name: one that runs before those that are over, the newest of several.
    pub fn pod(&self, namespace: &str, name: &str) -> Result<PodLogs, LogError> {
        let runs = index::runs(&self.root);
        let pods = runs.into_iter().flat_map(|run| {
            let alive = run.alive;
            let path = run.path;
            run.pods
                .into_iter()
                .map(move |record| (alive, path.clone(), record))
        });
        pods.filter(|(_, _, pod)| pod.namespace == namespace && pod.name == name)
            .max_by_key(|(alive, path, pod)| (*alive && !pod.over, pod.created, path.clone()))
            .map(|(_, run, record)| {
                let dir = pod_dir(&record.namespace, &record.name, &record.uid);
                PodLogs {
                    dir: self.root.join(dir),
                    run,
                    record,
                }
            })
            .ok_or_else(|| LogError::NoPod(name.to_owned()))
    }
}

/// The logs of one pod.
pub struct PodLogs {
    dir: PathBuf,
    /// The index of its run.
    run: PathBuf,
    record: PodRecord,
}

impl PodLogs {
    /// Its containers: init containers and sidecars, then the others.
    pub fn containers(&self) -> Vec<&str> {
        let all = self.record.containers.iter();
        all.map(|container| container.name.as_str()).collect()
    }

    /// The container that is meant when none is named, as the API server sees it: the only one.
    pub fn only_container(&self) -> Result<&str, LogError> {
        match self.names(false)[..] {
            [only] => Ok(only),
            _ => Err(LogError::Unnamed {
                pod: self.record.name.clone(),
                mains: owned(&self.names(false)),
                inits: owned(&self.names(true)),
            }),
        }
    }

    /// The container that is meant when none is named, as kubectl sees it: the one its annotation names, or the first (rule L12). With
    /// the choice there was, if there was one.
    pub fn default_container(&self) -> Result<(&str, Option<String>), LogError> {
        let (mains, inits) = (self.names(false), self.names(true));
        let named = self.record.default_container.as_deref();
        let named = named.filter(|name| mains.contains(name) || inits.contains(name));
        let (Some(first), None) = (mains.first(), named) else {
            let known = named.map(|name| self.container(name)).transpose()?;
            let known = known.map(|container| (container.name.as_str(), None));
            return known.ok_or(LogError::NoPod(self.record.name.clone()));
        };
        if mains.len() == 1 && inits.is_empty() {
            return Ok((first, None));
        }
        let inits = inits.iter().map(|name| format!("{name} (init)"));
        let all: Vec<String> = owned(&mains).into_iter().chain(inits).collect();
        Ok((first, Some(all.join(", "))))
    }

    fn names(&self, init: bool) -> Vec<&str> {
        let all = self.record.containers.iter();
        all.filter(|container| container.init == init)
            .map(|container| container.name.as_str())
            .collect()
    }

    fn container(&self, name: &str) -> Result<&ContainerRecord, LogError> {
        let mut all = self.record.containers.iter();
        all.find(|container| container.name == name)
            .ok_or_else(|| LogError::NoContainer {
                container: name.to_owned(),
                pod: self.record.name.clone(),
            })
    }

    /// The log of a container.
    pub fn open(&self, container: &str, options: LogOptions) -> Result<ContainerLog, LogError> {
        let number = self.instance(self.container(container)?, options.previous)?;
        let place = Place::of(&self.dir, container, number);
        let whose = follow::Whose {
            run: self.run.clone(),
            uid: self.record.uid.clone(),
            container: container.to_owned(),
        };
        Ok(ContainerLog::open(place, whose, options)?)
    }

    /// Which instance's log is meant (rule L13).
    fn instance(&self, of: &ContainerRecord, previous: bool) -> Result<u32, LogError> {
        let (container, pod) = (of.name.clone(), self.record.name.clone());
        match (&of.state, of.last) {
            (_, Some(last)) if previous => Ok(last),
            (_, None) if previous => Err(LogError::NoPrevious { container, pod }),
            (StateRecord::Running(number) | StateRecord::Terminated(Some(number)), _) => {
                Ok(*number)
            }
            (_, Some(last)) => Ok(last),
            (StateRecord::Terminated(None), None) => Err(LogError::NeverWas { container, pod }),
            (StateRecord::Waiting(reason), None) => {
                let why = match reason.as_str() {
                    "ErrImagePull" => "image can't be pulled",
                    "ImagePullBackOff" => "trying and failing to pull image",
                    other => other,
                };
                Err(LogError::Waiting {
                    container,
                    pod,
                    why: why.to_owned(),
                })
            }
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
