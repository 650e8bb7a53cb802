//! Tests of Kubernetes' suites, and which of ours stand for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::scan::{Test, suite_test};

/// The conformance tests of Kubernetes 1.36 that a host of wasm guests can be held to: a heading `# area`, then one a line, as its
/// `conformance.yaml` names them without their tags. After ` -- ` stands why none of ours does the same.
const LIST: &str = include_str!("suite.txt");

/// The areas that need an API server or controllers, and how many such tests each has.
const LATER: &[(&str, usize)] = &[
    ("apps", 24),
    ("API machinery", 29),
    ("kubectl", 12),
    ("scheduling", 4),
    ("auth, instrumentation, architecture", 4),
];

/// A line of the list.
struct Wanted {
    area: &'static str,
    file: &'static str,
    name: &'static str,
    without: Option<&'static str>,
}

/// Ours that stand for tests of Kubernetes, by those tests' file and name.
type Held<'a> = BTreeMap<(&'a str, &'a str), Vec<&'a str>>;

fn wanted() -> Vec<Wanted> {
    let (mut area, mut found) = ("", Vec::new());
    for line in LIST.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            area = heading;
            continue;
        }
        let (test, without) = match line.split_once(" -- ") {
            Some((test, why)) => (test, Some(why)),
            None => (line, None),
        };
        let (file, name) = suite_test(test).expect("a line of suite.txt is a test");
        found.push(Wanted {
            area,
            file,
            name,
            without,
        });
    }
    found
}

fn held(tests: &[Test]) -> Held<'_> {
    let mut held = Held::new();
    for test in tests {
        for claim in test.stands_for.iter().filter_map(|text| suite_test(text)) {
            held.entry(claim).or_default().push(&test.name);
        }
    }
    held
}

/// What this page says of the suites.
pub(crate) struct Tables {
    /// Conformance tests that have one of ours, and all that could have.
    pub(crate) have: usize,
    pub(crate) of: usize,
    /// Others that have one of ours.
    pub(crate) beyond: usize,
    pub(crate) areas: String,
    pub(crate) files: String,
    pub(crate) names: String,
}

pub(crate) fn tables(tests: &[Test]) -> Tables {
    let (wanted, held) = (wanted(), held(tests));
    let has = |one: &&Wanted| held.contains_key(&(one.file, one.name));
    let mut tables = Tables {
        have: wanted.iter().filter(has).count(),
        of: wanted.len() + LATER.iter().map(|(_, total)| total).sum::<usize>(),
        beyond: 0,
        areas: String::new(),
        files: String::new(),
        names: String::new(),
    };
    let in_order = |of: fn(&Wanted) -> &'static str| {
        let mut all: Vec<_> = wanted.iter().map(of).collect();
        all.dedup();
        all
    };
    let row = |table: &mut String, head: &str, all: &[&Wanted]| {
        let have = all.iter().filter(|one| has(one)).count();
        let _ = writeln!(table, "| {head} | {have} | {} |", all.len());
    };
    for area in in_order(|one| one.area) {
        let all: Vec<_> = wanted.iter().filter(|one| one.area == area).collect();
        row(&mut tables.areas, area, &all);
    }
    for (area, total) in LATER {
        let _ = writeln!(tables.areas, "| {area} | 0 | {total} |");
    }
    let mut files: BTreeSet<_> = held.keys().map(|(file, _)| *file).collect();
    for file in in_order(|one| one.file) {
        let all: Vec<_> = wanted.iter().filter(|one| one.file == file).collect();
        row(&mut tables.files, file, &all);
        files.insert(file);
    }
    for file in files {
        let of_file: Vec<_> = wanted.iter().filter(|one| one.file == file).collect();
        tables.beyond += section(&mut tables.names, file, &of_file, &held);
    }
    tables
}

/// The table of one file, and how many of it are not of the conformance suite.
fn section(page: &mut String, file: &str, wanted: &[&Wanted], held: &Held<'_>) -> usize {
    let _ = write!(
        page,
        "\n### {file}\n\n| test of Kubernetes | ours |\n|---|---|\n"
    );
    let mut row = |name: &str, mark: &str, ours: &str| {
        let name = name.replace('|', "\\|").replace('*', "\\*");
        let _ = writeln!(page, "| {name}{mark} | {ours} |");
    };
    let ours = |names: &Vec<&str>| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join("<br>")
    };
    for one in wanted {
        match held.get(&(file, one.name)) {
            Some(names) => row(one.name, "", &ours(names)),
            None => {
                let why = one.without.unwrap_or("no test yet");
                row(one.name, "", &format!("— ({why})"));
            }
        }
    }
    let listed = |name: &str| wanted.iter().any(|one| one.name == name);
    let others = held.iter().filter(|((of, _), _)| *of == file);
    let others: Vec<_> = others.filter(|((_, name), _)| !listed(name)).collect();
    for ((_, name), names) in &others {
        row(name, " (+)", &ours(names));
    }
    others.len()
}

/// Reasons why a test has none of ours that are no longer true.
pub(crate) fn stale(tests: &[Test]) -> Vec<String> {
    let held = held(tests);
    let stale = wanted()
        .into_iter()
        .filter(|one| one.without.is_some() && held.contains_key(&(one.file, one.name)));
    stale
        .map(|one| {
            format!(
                "suite.txt: {} ({}) has a test, and a reason for none",
                one.name, one.file
            )
        })
        .collect()
}
