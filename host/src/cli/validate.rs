//! `peapod validate`: what a manifest says, with everything it leaves out, or what is wrong with it.

use std::io::{self, Write as _};

use super::args::Validate;
use super::run::refuse;
use super::{exit, input, summary};
use crate::clock::RealClock;
use crate::manifest::object;
use crate::ports::Clock as _;

pub(super) fn run(args: &Validate) -> anyhow::Result<u8> {
    let now = RealClock::new().now();
    let inputs = match input::read(&args.files, args.service_cidr, now) {
        Ok(inputs) => inputs,
        Err(faults) => return Ok(refuse(&faults)),
    };
    // Kind by kind, as `kubectl get` lists several.
    let maps = inputs.config_maps.iter();
    let secrets = inputs.secrets.iter();
    let services = inputs.services.iter();
    let pods = inputs.pods.iter();
    let objects: Vec<_> = maps
        .map(|one| ("configmap", object::config_map(&one.object)))
        .chain(secrets.map(|one| ("secret", object::secret(&one.object))))
        .chain(services.map(|one| ("service", object::service(&one.object))))
        .chain(pods.map(|one| ("pod", object::pod(&one.loaded.object, None))))
        .collect();
    if objects.is_empty() {
        return Ok(refuse(&["no objects in these manifests".into()]));
    }
    match args.output {
        Some(format) => {
            let values = objects.into_iter().map(|(_, object)| object);
            summary::documents(values.collect(), format)?;
        }
        None => {
            let mut stdout = io::stdout().lock();
            for (kind, object) in objects {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                writeln!(stdout, "{kind}/{name} valid")?;
            }
            stdout.flush()?;
        }
    }
    Ok(exit::OK)
}
