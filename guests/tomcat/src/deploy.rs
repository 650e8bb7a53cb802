//! Deployment: a WAR is a zip, and is unpacked beside itself.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::log;

/// Deploys every WAR in the folder, by name. One that is broken holds up none of the others.
pub(crate) fn all(webapps: &Path) {
    let wars = match found(webapps) {
        Ok(wars) => wars,
        Err(e) => {
            log(
                "catalina.startup.HostConfig deployApps",
                "WARNING",
                &format!("Cannot read {}: {e}", webapps.display()),
            );
            return;
        }
    };
    for war in wars {
        log(
            "catalina.startup.HostConfig deployWAR",
            "INFO",
            &format!("Deploying web application archive {}", war.display()),
        );
        if let Err(e) = unpack(&war) {
            log(
                "catalina.startup.HostConfig deployWAR",
                "SEVERE",
                &format!(
                    "Error deploying web application archive {}: {e}",
                    war.display()
                ),
            );
        }
    }
}

fn found(webapps: &Path) -> io::Result<Vec<PathBuf>> {
    let mut wars = Vec::new();
    for entry in fs::read_dir(webapps)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "war") {
            wars.push(path);
        }
    }
    wars.sort();
    Ok(wars)
}

fn unpack(war: &Path) -> Result<(), Box<dyn Error>> {
    let folder = war.with_extension("");
    // A restarted container finds the folder of its last run, perhaps half unpacked.
    match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
        _ => {}
    }
    let mut archive = ZipArchive::new(File::open(war)?)?;
    for i in 0..archive.len() {
        let mut file = archive.by_index(i)?;
        // A name like ../../x is an attack, not a file of the application.
        let Some(inside) = file.enclosed_name() else {
            return Err(format!("entry {i} has a name that leaves the archive").into());
        };
        let path = folder.join(inside);
        if file.is_dir() {
            fs::create_dir_all(&path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        io::copy(&mut file, &mut File::create(&path)?)?;
    }
    Ok(())
}
