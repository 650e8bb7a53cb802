//! The containers that run, of every pod: where commands from outside find them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{ContainerName, PodUid};
use crate::ports::{Container, Exec, ExecError, ExecRequest, Usage};

type Table = HashMap<(PodUid, ContainerName), Arc<dyn Container>>;

/// Written by the workers alone, each for its own pod. Commands go past the pods' machines: what runs beside a container's own program is no
/// part of its life.
#[derive(Default)]
pub struct RunningContainers {
    table: Mutex<Table>,
}

impl RunningContainers {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, pod: &PodUid, name: &ContainerName, container: Arc<dyn Container>) {
        self.table().insert((pod.clone(), name.clone()), container);
    }

    pub(super) fn remove(&self, pod: &PodUid, name: &ContainerName) {
        self.table().remove(&(pod.clone(), name.clone()));
    }

    /// What each of them uses.
    pub fn usage(&self) -> Vec<(PodUid, ContainerName, Usage)> {
        let table = self.table();
        let all = table
            .iter()
            .map(|((pod, name), container)| (pod.clone(), name.clone(), container.usage()));
        all.collect()
    }

    /// Runs a command in the running instance of that container (rule L15).
    pub async fn exec(
        &self,
        pod: &PodUid,
        name: &ContainerName,
        request: ExecRequest,
    ) -> Result<Arc<dyn Exec>, ExecError> {
        let container = self.table().get(&(pod.clone(), name.clone())).cloned();
        match container {
            Some(container) => container.exec(request).await,
            None => Err(ExecError::NotRunning(name.as_str().to_owned())),
        }
    }
}
