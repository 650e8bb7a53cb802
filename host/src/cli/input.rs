//! From file arguments to objects, or every fault there is.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::Ipv4Net;

use crate::app::check_image_file;
use crate::images::Overrides;
use crate::manifest::{
    self, Addresses, Loaded, LoadedConfigMap, LoadedPod, LoadedSecret, LoadedService,
};
use crate::model::{PodUid, Time};
use crate::ports::{Began, PullRequest};

/// A manifest set larger than this is a mistake.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// A pod and the folder its relative paths start from.
pub(super) struct Input {
    pub(super) loaded: LoadedPod,
    pub(super) base_dir: Arc<Path>,
}

/// Everything the manifests have.
pub(super) struct Inputs {
    pub(super) pods: Vec<Input>,
    pub(super) services: Vec<LoadedService>,
    pub(super) config_maps: Vec<LoadedConfigMap>,
    pub(super) secrets: Vec<LoadedSecret>,
}

/// Reads all files; faults are one line each, all of them at once. Services get their addresses from that range.
pub(super) fn read(
    files: &[PathBuf],
    service_cidr: Ipv4Net,
    now: Time,
) -> Result<Inputs, Vec<String>> {
    let mut addresses =
        Addresses::new(service_cidr).map_err(|error| vec![format!("--service-cidr {error}")])?;
    let mut faults = Vec::new();
    let mut all = Vec::new();
    let mut base_dirs = Vec::new();
    for file in files {
        for path in expand(file, &mut faults) {
            match read_one(&path, now) {
                Ok((more, base_dir)) => {
                    base_dirs.extend(more.iter().map(|_| Arc::clone(&base_dir)));
                    all.extend(more);
                }
                Err(more) => faults.extend(more),
            }
        }
    }
    // Within one file `load` has said so already.
    faults.extend(manifest::same_names(&all).iter().map(ToString::to_string));
    let mut inputs = Inputs {
        pods: Vec::new(),
        services: Vec::new(),
        config_maps: Vec::new(),
        secrets: Vec::new(),
    };
    let mut drafts = Vec::new();
    for (one, base_dir) in all.into_iter().zip(base_dirs) {
        match one {
            Loaded::Pod(loaded) => inputs.pods.push(Input {
                loaded: *loaded,
                base_dir,
            }),
            Loaded::Service(draft) => drafts.push(*draft),
            Loaded::ConfigMap(loaded) => inputs.config_maps.push(*loaded),
            Loaded::Secret(loaded) => inputs.secrets.push(*loaded),
        }
    }
    match addresses.assign(drafts, now) {
        Ok(services) => inputs.services = services,
        Err(more) => faults.extend(more.iter().map(ToString::to_string)),
    }
    if faults.is_empty() {
        Ok(inputs)
    } else {
        Err(faults)
    }
}

fn expand(file: &Path, faults: &mut Vec<String>) -> Vec<PathBuf> {
    if !file.is_dir() {
        return vec![file.to_owned()];
    }
    let entries = match std::fs::read_dir(file) {
        Ok(entries) => entries,
        Err(error) => {
            faults.push(format!("{}: {error}", file.display()));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let extension = path.extension().and_then(|e| e.to_str());
            matches!(extension, Some("yaml" | "yml" | "json")) && path.is_file()
        })
        .collect();
    paths.sort();
    if paths.is_empty() {
        faults.push(format!(
            "{}: no *.yaml, *.yml or *.json in it",
            file.display()
        ));
    }
    paths
}

fn read_one(path: &Path, now: Time) -> Result<(Vec<Loaded>, Arc<Path>), Vec<String>> {
    let stdin = path == Path::new("-");
    let name = if stdin {
        "standard input".into()
    } else {
        path.display().to_string()
    };
    let reader: std::io::Result<Box<dyn std::io::Read>> = if stdin {
        Ok(Box::new(std::io::stdin()))
    } else {
        std::fs::File::open(path).map(|file| Box::new(file) as _)
    };
    let mut bytes = Vec::new();
    let read = reader.and_then(|r| r.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        return Err(vec![format!("{name}: {error}")]);
    }
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(vec![format!("{name}: more than {INPUT_BYTES_MAX} bytes")]);
    }
    let folder = path.parent().filter(|_| !stdin).unwrap_or(Path::new(""));
    let base_dir = std::path::absolute(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    });
    let base_dir: Arc<Path> = base_dir
        .map_err(|error| vec![format!("{name}: {error}")])?
        .into();
    let mut ids = || PodUid::new(uuid::Uuid::new_v4().to_string());
    match manifest::load(&name, &bytes, &mut ids, now) {
        Ok(loaded) => Ok((loaded, base_dir)),
        Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
    }
}

/// Images that are files: every fault of every pod, one line each.
pub(super) fn check_images(inputs: &[Input], overrides: &Overrides) -> Result<(), Vec<String>> {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for input in inputs {
        let (pod, place) = (&input.loaded.pod, &input.loaded.place);
        let lists = [
            ("initContainers", &pod.spec.init),
            ("containers", &pod.spec.mains),
        ];
        for (list, containers) in lists {
            for (index, container) in containers.iter().enumerate() {
                if !seen.insert((container.image.clone(), Arc::clone(&input.base_dir))) {
                    continue;
                }
                let request = PullRequest {
                    reference: container.image.clone(),
                    policy: container.pull_policy,
                    base_dir: Arc::clone(&input.base_dir),
                    namespace: pod.meta.namespace.to_string(),
                    secrets: Vec::new(),
                    began: Began::default(),
                };
                if let Err(detail) = check_image_file(overrides, &request) {
                    faults.push(format!(
                        "{}: document {}: Pod \"{}\": spec.{list}[{index}].image: {detail}",
                        place.file, place.document, pod.meta.name
                    ));
                }
            }
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}
