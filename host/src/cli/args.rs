//! What may be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use ipnet::Ipv4Net;

use super::capacity::{self, Capacity};
use super::node_label;
use super::publish::{self, Wanted};
use crate::model::{Amount, Time};
use crate::network::EgressPolicy;

/// Run Kubernetes Pods of WebAssembly containers: no root, no daemon, no cluster
#[derive(Parser)]
#[command(name = "peapod", version, max_term_width = 100)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(ClapArgs)]
pub(super) struct Global {
    /// Where images, compiled code and running pods are kept [default: $XDG_DATA_HOME/peapod]
    #[arg(long, env = "PEAPOD_DATA_DIR", global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Global {
    /// The data directory: as given, or the one of the XDG base directory specification.
    pub(super) fn data_dir(&self) -> anyhow::Result<PathBuf> {
        if let Some(dir) = &self.data_dir {
            return Ok(dir.clone());
        }
        // The specification: a relative XDG_DATA_HOME is to be ignored.
        let data_home = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
        if let Some(home) = data_home.filter(|home| home.is_absolute()) {
            return Ok(home.join("peapod"));
        }
        match std::env::home_dir() {
            Some(home) if home.is_absolute() => Ok(home.join(".local/share/peapod")),
            _ => anyhow::bail!("no home directory: say where with --data-dir or PEAPOD_DATA_DIR"),
        }
    }
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run the pods of manifests until each has ended
    Run(Run),
    /// Check manifests, and print what they say with everything they leave out
    Validate(Validate),
    /// Run a command in a container of a pod that a running peapod has
    #[cfg(unix)]
    Exec(Exec),
    /// Print what containers of running pods use of processor time and memory
    #[cfg(unix)]
    Top(Top),
    /// Print what containers wrote, while their pods run or after
    Logs(Logs),
    /// Work with the images in the local store
    #[command(subcommand)]
    Image(Image),
}

#[derive(ClapArgs)]
pub(super) struct Validate {
    /// Manifests: files, directories (their *.yaml, *.yml and *.json), or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Print the objects with their defaults, as an API server would keep them
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(super) output: Option<Format>,
    /// Where Services' addresses come from
    #[arg(long, value_name = "CIDR", default_value = "10.89.0.0/16")]
    pub(super) service_cidr: Ipv4Net,
}

#[derive(ClapArgs)]
pub(super) struct Run {
    /// Manifests: files, directories (their *.yaml, *.yml and *.json), or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Print the final objects on standard output; container output then goes to standard error
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(super) output: Option<Format>,
    /// Show what happens to the pods on standard error (warnings are shown anyway)
    #[arg(long)]
    pub(super) events: bool,
    /// Begin each line of output with `pod/container | `; auto: where there is more than one container
    #[arg(long, value_enum, default_value_t = Prefix::Auto, value_name = "WHEN")]
    pub(super) prefix: Prefix,
    /// Delete the pods after this time and exit with 124
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(super) timeout: Option<Duration>,
    /// First wait before a container is restarted; doubles with each restart
    #[arg(long, value_parser = duration, default_value = "10s", value_name = "TIME")]
    pub(super) backoff_base: Duration,
    /// Longest wait before a container is restarted
    #[arg(long, value_parser = duration, default_value = "300s", value_name = "TIME")]
    pub(super) backoff_cap: Duration,
    /// Lead a port of this machine (of 127.0.0.1 unless ADDR is given) to a port of a pod; /udp at the end for UDP (may be repeated)
    #[arg(long, value_parser = publish::parse, value_name = "[ADDR:]PORT:POD[:PORT]")]
    pub(super) publish: Vec<Wanted>,
    /// What pods may reach outside: none, dns, all, host[:PORT], CIDR[:PORT], or several with commas [default: none, or what a pod's
    /// annotation peapod.dev/egress says of all; if given, annotations only narrow it]. This machine is reached with host only, by whatever
    /// address; names are looked up with dns or all; link-local and metadata addresses have to be named
    #[arg(long, value_name = "RULES")]
    pub(super) egress: Option<EgressPolicy>,
    /// Where pods' addresses come from
    #[arg(long, value_name = "CIDR", default_value = "10.88.0.0/16")]
    pub(super) pod_cidr: Ipv4Net,
    /// Where Services' addresses come from; the tenth is the DNS server's
    #[arg(long, value_name = "CIDR", default_value = "10.89.0.0/16")]
    pub(super) service_cidr: Ipv4Net,
    /// Image of the commands that exec, probes and hooks run in containers that do not have them; or none [annotation peapod.dev/toolbox]
    #[arg(long, value_name = "IMAGE", default_value = "busybox")]
    pub(super) toolbox: String,
    /// Begin a new log file when an instance's has this size
    #[arg(long, value_parser = bytes, default_value = "10Mi", value_name = "SIZE")]
    pub(super) log_max_size: u64,
    /// Keep so many log files of an instance
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..), default_value_t = 5, value_name = "COUNT")]
    pub(super) log_max_files: u32,
    /// Remove logs of past runs, the oldest first, while all logs together are larger
    #[arg(long, value_parser = bytes, default_value = "1Gi", value_name = "SIZE")]
    pub(super) log_keep_size: u64,
    /// Remove logs of past runs after this time
    #[arg(long, value_parser = duration, default_value = "168h", value_name = "TIME")]
    pub(super) log_keep_for: Duration,
    /// What pods may request in all: cpu, memory, ephemeral-storage, pods [default: what this machine has, and 110 pods]
    #[arg(long, value_parser = capacity::parse, value_name = "RESOURCE=QUANTITY,…")]
    pub(super) capacity: Option<Capacity>,
    /// A label of this machine, for pods that choose their node (may be repeated) [default: kubernetes.io/os=linux, kubernetes.io/arch,
    /// kubernetes.io/hostname=peapod]
    #[arg(long = "node-label", value_parser = node_label::parse, value_name = "KEY=VALUE")]
    pub(super) node_labels: Vec<(String, String)>,
    /// Run FILE where a manifest says image NAME (may be repeated)
    #[arg(long = "image", value_parser = image_override, value_name = "NAME=FILE")]
    pub(super) images: Vec<(String, PathBuf)>,
}

#[cfg(unix)]
#[derive(ClapArgs)]
pub(super) struct Exec {
    /// The pod's name
    #[arg(value_name = "POD")]
    pub(super) pod: String,
    /// Its namespace
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(super) namespace: String,
    /// The container [default: the one of the annotation kubectl.kubernetes.io/default-container, or the first]
    #[arg(short, long, value_name = "CONTAINER")]
    pub(super) container: Option<String>,
    /// Pass standard input to the command
    #[arg(short = 'i', long)]
    pub(super) stdin: bool,
    /// Standard input is a terminal
    #[arg(short, long)]
    pub(super) tty: bool,
    /// The process that runs the pod, where several have one of that name
    #[arg(long, value_name = "PID")]
    pub(super) process: Option<u32>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<String>,
}

#[cfg(unix)]
#[derive(ClapArgs)]
pub(super) struct Top {
    /// Only of this pod
    #[arg(value_name = "POD")]
    pub(super) pod: Option<String>,
    /// The pods' namespace
    #[arg(short, long, value_name = "NAMESPACE", default_value = "default")]
    pub(super) namespace: String,
    /// Print nanoseconds and bytes
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(super) output: Option<Format>,
}

#[derive(ClapArgs)]
pub(super) struct Logs {
    /// The pod
    pub(super) pod: String,
    /// One of its containers [default: the one its annotation kubectl.kubernetes.io/default-container names, or the first]
    #[arg(value_name = "CONTAINER", conflicts_with = "container")]
    pub(super) positional: Option<String>,
    /// The same
    #[arg(short, long)]
    pub(super) container: Option<String>,
    /// The pod's namespace
    #[arg(short, long, default_value = "default")]
    pub(super) namespace: String,
    /// Wait for more, across restarts, until the container can write no more
    #[arg(short, long)]
    pub(super) follow: bool,
    /// Of the instance before the last restart
    #[arg(short, long)]
    pub(super) previous: bool,
    /// So many of the last lines; -1 for all
    #[arg(long, default_value_t = -1, allow_hyphen_values = true, value_name = "LINES")]
    pub(super) tail: i64,
    /// Only what is no older than this
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub(super) since: Option<Duration>,
    /// Only what is no older than this time (RFC 3339)
    #[arg(long, value_parser = timestamp, value_name = "DATE", conflicts_with = "since")]
    pub(super) since_time: Option<Time>,
    /// Begin each line with the time at which it was written
    #[arg(long)]
    pub(super) timestamps: bool,
    /// At most so many bytes
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), value_name = "BYTES")]
    pub(super) limit_bytes: Option<u64>,
    /// Of all containers of the pod
    #[arg(long, conflicts_with_all = ["container", "positional"])]
    pub(super) all_containers: bool,
    /// Begin each line with `[pod/POD/CONTAINER] `
    #[arg(long)]
    pub(super) prefix: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Json,
    Yaml,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Prefix {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
pub(super) enum Image {
    /// Store a component under a name, or the images of a bundle
    Load(Load),
    /// Fetch images from their registries
    Pull {
        /// Their names
        #[arg(required = true, value_name = "NAME[:TAG]")]
        names: Vec<String>,
        /// Say nothing of how far it is
        #[arg(long, short)]
        quiet: bool,
    },
    /// Send an image to a registry
    Push {
        /// Its name
        #[arg(value_name = "NAME[:TAG]")]
        name: String,
        /// What it is to be called there [default: the same]
        #[arg(value_name = "DESTINATION")]
        to: Option<String>,
        /// Say nothing of how far it is
        #[arg(long, short)]
        quiet: bool,
    },
    /// Write images into one file, an OCI image layout, for a machine without a network
    Save {
        /// Their names
        #[arg(required = true, value_name = "NAME[:TAG]")]
        names: Vec<String>,
        /// The file
        #[arg(long, short, value_name = "FILE.tar")]
        output: PathBuf,
    },
    /// List images
    Ls,
    /// Show an image as JSON
    Inspect {
        /// Its name
        #[arg(value_name = "NAME[:TAG]")]
        name: String,
    },
    /// Remove images
    Rm {
        /// Their names
        #[arg(required = true, value_name = "NAME[:TAG]")]
        names: Vec<String>,
    },
    /// Remove what no image needs and no running pod uses
    Prune {
        /// Every image that no running pod uses, too
        #[arg(long, short, conflicts_with = "keep")]
        all: bool,
        /// Also images that were pulled and not used for the longest time, until so many MiB are left
        #[arg(long, value_name = "MIB")]
        keep: Option<u64>,
    },
}

#[derive(ClapArgs)]
pub(super) struct Load {
    /// Its name; or a bundle that `image save` made
    #[arg(value_name = "NAME[:TAG]|FILE.tar")]
    pub(super) name: String,
    /// A component, a WASI 0.1 core module, or the text of one
    #[arg(value_name = "FILE.wasm")]
    pub(super) file: Option<PathBuf>,
    /// The name of a bundle's only image
    #[arg(long = "name", value_name = "NAME[:TAG]", conflicts_with_all = ["file", "rootfs", "entrypoint", "cmd", "env", "workdir"])]
    pub(super) bundle_name: Option<String>,
    /// Compile it now rather than when it is first run
    #[arg(long)]
    pub(super) compile: bool,
    /// Files for the container's root directory
    #[arg(long, value_name = "DIR", requires = "file")]
    pub(super) rootfs: Option<PathBuf>,
    /// Start of the argument vector (may be repeated) [default: the file's name without .wasm, unless --cmd is given]
    #[arg(
        long,
        value_name = "ARG",
        allow_hyphen_values = true,
        requires = "file"
    )]
    pub(super) entrypoint: Vec<String>,
    /// Arguments when a container gives none (may be repeated)
    #[arg(
        long,
        value_name = "ARG",
        allow_hyphen_values = true,
        requires = "file"
    )]
    pub(super) cmd: Vec<String>,
    /// Environment variable (may be repeated)
    #[arg(long, value_name = "NAME=VALUE", requires = "file")]
    pub(super) env: Vec<String>,
    /// Where it starts
    #[arg(long, value_name = "DIR", requires = "file")]
    pub(super) workdir: Option<String>,
}

/// `30s`, `1.5m`, `500ms`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let seconds_per = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time looks like 30s, 500ms, 1.5m or 2h".into()),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "a time looks like 30s, 500ms, 1.5m or 2h")?;
    Duration::try_from_secs_f64(number * seconds_per).map_err(|error| error.to_string())
}

/// `10Mi`, `1G`, `4096`: a quantity as Kubernetes writes it.
fn bytes(text: &str) -> Result<u64, String> {
    let amount = Amount::parse(text).ok();
    match amount.and_then(|amount| amount.units()) {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => Err("a size looks like 10Mi, 1G or 4096".into()),
    }
}

fn timestamp(text: &str) -> Result<Time, String> {
    let stamp: jiff::Timestamp = text
        .parse()
        .map_err(|_| "a date looks like 2026-01-31T12:00:00Z")?;
    let nanos = u64::try_from(stamp.as_nanosecond()).unwrap_or(0);
    Ok(Time::from_unix_nanos(nanos))
}

fn image_override(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        _ => Err("it looks like NAME=FILE".into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::CommandFactory as _;

    use super::{Args, duration};

    #[test]
    fn the_arguments_fit_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        for (text, ms) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("1.5m", 90_000),
            ("2", 2_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "s", "-1s", "1d", "1e400", "99999999999999999999999h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
