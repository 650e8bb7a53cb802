//! `peapod top`: what containers use.

use std::io::{self, Write as _};

use super::args::{Format, Global, Top};
use super::exit;
use crate::control::{ContainerUsage, usage};

pub(super) fn run(args: &Top, global: &Global) -> anyhow::Result<u8> {
    let data_dir = global.data_dir()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut containers = match runtime.block_on(usage(&data_dir)) {
        Ok(containers) => containers,
        Err(error) => return refused(&error),
    };
    let wanted = args.pod.as_ref();
    containers
        .retain(|one| one.namespace == args.namespace && wanted.is_none_or(|pod| one.pod == *pod));
    containers.sort_by(|a, b| (&a.pod, &a.container).cmp(&(&b.pod, &b.container)));
    if let Some(pod) = wanted.filter(|_| containers.is_empty()) {
        return refused(&format!("error: no container of a pod \"{pod}\" runs"));
    }
    let text = match args.output {
        Some(Format::Json) => serde_json::to_string_pretty(&containers)? + "\n",
        Some(Format::Yaml) => serde_yaml::to_string(&containers)?,
        None => table(&containers),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(exit::OK)
}

fn refused(error: &impl std::fmt::Display) -> anyhow::Result<u8> {
    let _ignored = writeln!(io::stderr(), "{error}");
    Ok(exit::FAILED)
}

/// Columns as wide as their widest cell. Processor time is what was used since the start, not a share of now.
fn table(containers: &[ContainerUsage]) -> String {
    let mut rows = vec![["POD", "CONTAINER", "CPU TIME", "MEMORY", "PEAK"].map(str::to_owned)];
    rows.extend(containers.iter().map(|one| {
        let millis = one.cpu_nanoseconds / 1_000_000;
        [
            one.pod.clone(),
            one.container.clone(),
            format!("{}.{:03}s", millis / 1000, millis % 1000),
            kibibytes(one.memory_bytes),
            kibibytes(one.memory_peak_bytes),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths);
        let line: String = cells
            .map(|(cell, width)| format!("{cell:width$}   "))
            .collect();
        line.trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// Rounded up: what is used is not shown as nothing.
fn kibibytes(bytes: u64) -> String {
    format!("{}Ki", bytes.div_ceil(1024))
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::control::ContainerUsage;

    #[test]
    fn what_containers_use_is_a_table() {
        let container = ContainerUsage {
            namespace: "default".to_owned(),
            pod: "web".to_owned(),
            container: "c".to_owned(),
            cpu_nanoseconds: 12_034_999_999,
            memory_bytes: 1,
            memory_peak_bytes: 3 << 20,
        };
        let expected = "POD   CONTAINER   CPU TIME   MEMORY   PEAK\nweb   c           12.034s    1Ki      3072Ki\n";
        assert_eq!(table(&[container]), expected);
    }
}
