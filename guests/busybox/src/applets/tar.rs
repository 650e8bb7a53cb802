//! `tar -c|-x|-t [-f FILE] [-C DIR] [-hmopv] [--strip-components N] [FILE …]`: archives without compression, as `kubectl cp` has them made
//! and unpacked. WASI's files have neither modes nor owners: those of an archive are not kept, and what is packed is root's.

use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use tar::{Archive, Builder, Entry, EntryType, Header};

use super::io::{complain, reason, write_failed};
use super::options::{self, Options};

const LONG: [(&str, char); 12] = [
    ("create", 'c'),
    ("extract", 'x'),
    ("get", 'x'),
    ("list", 't'),
    ("file", 'f'),
    ("directory", 'C'),
    ("dereference", 'h'),
    ("touch", 'm'),
    ("no-same-owner", 'o'),
    ("no-same-permissions", 'o'),
    ("verbose", 'v'),
    ("strip-components", 'S'),
];

pub(super) fn tar(args: &[String]) -> i32 {
    let done = options::parse(&dashed(args), "cxtf:C:hmopvzS:", &LONG).and_then(|options| {
        let strip = options.value('S').unwrap_or("0");
        let tar = Tar {
            strip: strip
                .parse()
                .map_err(|_| format!("invalid number '{strip}'"))?,
            status: 0,
            options,
        };
        tar.run()
    });
    done.unwrap_or_else(|why| {
        complain("tar", why);
        1
    })
}

/// The old way to write options, `xf FILE`, as the new one: the values follow in the letters' order.
fn dashed(args: &[String]) -> Vec<String> {
    let [name, letters, rest @ ..] = args else {
        return args.to_vec();
    };
    if letters.starts_with('-') {
        return args.to_vec();
    }
    let mut rest = rest.iter().cloned();
    let mut all = vec![name.clone()];
    for letter in letters.chars() {
        all.push(format!("-{letter}"));
        if matches!(letter, 'f' | 'C') {
            all.extend(rest.next());
        }
    }
    all.extend(rest);
    all
}

struct Tar {
    options: Options,
    /// Leading parts of names that are left out.
    strip: usize,
    status: i32,
}

impl Tar {
    fn run(mut self) -> Result<i32, String> {
        if self.options.has('z') {
            return Err("compressed archives are not supported".to_owned());
        }
        let modes = ['c', 'x', 't'].map(|mode| self.options.has(mode));
        let file = self.options.value('f').unwrap_or("-").to_owned();
        let failed = |e: io::Error| format!("{file}: {}", reason(&e));
        match modes {
            [true, false, false] => {
                let out: Box<dyn Write> = if file == "-" {
                    Box::new(io::stdout())
                } else {
                    Box::new(File::create(&file).map_err(failed)?)
                };
                self.enter()?;
                self.create(BufWriter::with_capacity(1 << 16, out))
                    .map_err(failed)?;
            }
            [false, true, false] | [false, false, true] => {
                let input = super::io::open(&file).map_err(failed)?;
                self.enter()?;
                self.read(Archive::new(BufReader::with_capacity(1 << 16, input)))
                    .map_err(failed)?;
            }
            _ => return Err("one of -c, -x and -t is needed".to_owned()),
        }
        Ok(self.status)
    }

    /// Goes where the files are: each directory is relative to the one before.
    fn enter(&self) -> Result<(), String> {
        for (letter, value) in &self.options.given {
            if let ('C', Some(dir)) = (letter, value) {
                std::env::set_current_dir(dir).map_err(|e| format!("{dir}: {}", reason(&e)))?;
            }
        }
        Ok(())
    }

    fn complain(&mut self, name: &Path, why: &dyn std::fmt::Display) {
        complain("tar", format_args!("{}: {why}", name.display()));
        self.status = 1;
    }

    fn create(&mut self, out: impl Write) -> io::Result<()> {
        if self.options.operands.is_empty() {
            return Err(io::Error::other("an empty archive is not made"));
        }
        let mut archive = Builder::new(out);
        for path in self.options.operands.clone() {
            self.add(&mut archive, Path::new(&path))?;
        }
        let written = archive.into_inner().and_then(|mut out| out.flush());
        if let Err(e) = &written
            && e.kind() == ErrorKind::BrokenPipe
        {
            write_failed(e);
        }
        written
    }

    /// Adds a file and all in it. An error is one of the archive; what cannot be read is told and left out.
    fn add(&mut self, archive: &mut Builder<impl Write>, path: &Path) -> io::Result<()> {
        let metadata = if self.options.has('h') {
            path.metadata()
        } else {
            path.symlink_metadata()
        };
        let metadata = match metadata {
            Ok(metadata) => metadata,
            Err(e) => {
                self.complain(path, &reason(&e));
                return Ok(());
            }
        };
        let name = kept(path);
        if self.options.has('v') {
            eprintln!("{}", name.display());
        }
        let mut header = header(&metadata);
        if metadata.is_dir() {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            if name != Path::new("") {
                let name = format!("{}/", name.display());
                archive.append_data(&mut header, name, io::empty())?;
            }
            return self.add_all(archive, path);
        }
        if metadata.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            match fs::read_link(path) {
                Ok(target) => archive.append_link(&mut header, name, target)?,
                Err(e) => self.complain(path, &reason(&e)),
            }
            return Ok(());
        }
        if !metadata.is_file() {
            self.complain(path, &"not a file that can be packed");
            return Ok(());
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) => {
                self.complain(path, &reason(&e));
                return Ok(());
            }
        };
        header.set_entry_type(EntryType::Regular);
        header.set_size(metadata.len());
        // The header has said how much it is; who writes to it meanwhile must not spoil the rest of the archive.
        let size = metadata.len();
        let content = file.take(size).chain(io::repeat(0)).take(size);
        archive.append_data(&mut header, name, content)
    }

    fn add_all(&mut self, archive: &mut Builder<impl Write>, dir: &Path) -> io::Result<()> {
        let entries = match dir.read_dir() {
            Ok(entries) => entries,
            Err(e) => {
                self.complain(dir, &reason(&e));
                return Ok(());
            }
        };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort_unstable();
        for name in names {
            self.add(archive, &dir.join(name))?;
        }
        Ok(())
    }

    fn read(&mut self, mut archive: Archive<impl Read>) -> io::Result<()> {
        // Made when all else is there: no file of the archive is written through a link of the archive.
        let mut links = Vec::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let Some(name) = self.chosen(&entry)? else {
                continue;
            };
            if self.options.has('t') {
                self.show(&entry, &name)?;
                continue;
            }
            if self.options.has('v') {
                println!("{}", name.display());
            }
            if let Err(e) = self.unpack(&mut entry, &name, &mut links) {
                self.complain(&name, &reason(&e));
            }
        }
        for (kind, name, target) in links {
            if let Err(e) = link(kind, &name, &target) {
                self.complain(&name, &reason(&e));
            }
        }
        Ok(())
    }

    /// The name under which an entry is wanted, if it is.
    fn chosen(&mut self, entry: &Entry<'_, impl Read>) -> io::Result<Option<PathBuf>> {
        let name = entry.path()?.into_owned();
        let wanted = &self.options.operands;
        if !wanted.is_empty() && !wanted.iter().any(|wanted| name.starts_with(wanted)) {
            return Ok(None);
        }
        if name.components().any(|part| part == Component::ParentDir) {
            self.complain(&name, &"leads out of the directory, left out");
            return Ok(None);
        }
        let is_listed = self.options.has('t');
        let parts = name.components().skip(self.strip);
        let name: PathBuf = if is_listed && self.strip == 0 {
            name
        } else {
            parts
                .filter(|part| matches!(part, Component::Normal(_)))
                .collect()
        };
        Ok(Some(name).filter(|name| name != Path::new("")))
    }

    fn show(&self, entry: &Entry<'_, impl Read>, name: &Path) -> io::Result<()> {
        let header = entry.header();
        let mut line = String::new();
        if self.options.has('v') {
            let kind = match header.entry_type() {
                EntryType::Directory => 'd',
                EntryType::Symlink => 'l',
                EntryType::Link => 'h',
                _ => '-',
            };
            line.push(kind);
            let mode = header.mode()?;
            for (bit, letter) in (0..9).rev().zip("rwxrwxrwx".chars()) {
                line.push(if mode >> bit & 1 == 1 { letter } else { '-' });
            }
            let owner = |name: Option<&[u8]>, id: u64| match name {
                Some(name) if !name.is_empty() => String::from_utf8_lossy(name).into_owned(),
                _ => id.to_string(),
            };
            let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(header.mtime()?);
            line.push_str(&format!(
                " {}/{} {:>9} {} ",
                owner(header.username_bytes(), header.uid()?),
                owner(header.groupname_bytes(), header.gid()?),
                entry.size(),
                super::stat::date(modified, "%Y-%m-%d %H:%M:%S")
            ));
        }
        line.push_str(&name.display().to_string());
        // As it stands in the archive: a path drops the slash of a directory.
        if header.entry_type().is_dir() && !line.ends_with('/') {
            line.push('/');
        }
        match (self.options.has('v'), entry.link_name()?) {
            (true, Some(target)) => line.push_str(&format!(" -> {}\n", target.display())),
            _ => line.push('\n'),
        }
        io::stdout().write_all(line.as_bytes())
    }

    fn unpack(
        &self,
        entry: &mut Entry<'_, impl Read>,
        name: &Path,
        links: &mut Vec<(EntryType, PathBuf, PathBuf)>,
    ) -> io::Result<()> {
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            return fs::create_dir_all(name);
        }
        if let Some(parent) = name.parent() {
            fs::create_dir_all(parent)?;
        }
        match kind {
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name()?;
                let target = target.ok_or_else(|| io::Error::other("a link to nowhere"))?;
                links.push((kind, name.to_owned(), target.into_owned()));
                Ok(())
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                remove(name)?;
                let mut file = File::create(name)?;
                io::copy(entry, &mut file)?;
                if self.options.has('m') {
                    return Ok(());
                }
                let modified = Duration::from_secs(entry.header().mtime()?);
                file.set_modified(SystemTime::UNIX_EPOCH + modified)
            }
            _ => Err(io::Error::other("not a file that can be unpacked")),
        }
    }
}

/// The part of a path that is kept in an archive: nothing leads to the root or up.
fn kept(path: &Path) -> PathBuf {
    let parts: Vec<_> = path.components().collect();
    let up = parts
        .iter()
        .rposition(|part| *part == Component::ParentDir)
        .map_or(0, |at| at + 1);
    let normal = parts[up..].iter().filter_map(|part| match part {
        Component::Normal(name) => Some(*name),
        _ => None,
    });
    normal.collect::<PathBuf>()
}

fn header(metadata: &Metadata) -> Header {
    let mut header = Header::new_gnu();
    let modified = metadata.modified().ok();
    let modified = modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    header.set_mtime(modified.map_or(0, |time| time.as_secs()));
    header.set_mode(0o644);
    header.set_size(0);
    header.set_uid(0);
    header.set_gid(0);
    // They are short enough.
    let _ = header.set_username("root");
    let _ = header.set_groupname("root");
    header
}

/// Makes place for a file: what is written must not go through a link that has its name.
fn remove(name: &Path) -> io::Result<()> {
    match fs::remove_file(name) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn link(kind: EntryType, name: &Path, target: &Path) -> io::Result<()> {
    remove(name)?;
    if kind == EntryType::Symlink {
        return rustix::fs::symlink(target, name).map_err(io::Error::from);
    }
    if target.components().any(|part| part == Component::ParentDir) {
        return Err(io::Error::other("leads out of the directory"));
    }
    fs::hard_link(kept(target), name)
}
