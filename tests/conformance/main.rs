//! Renders docs/conformance.md: which rule of Kubernetes' behaviour, and which test of its suites, is held by which test of ours. Fails when
//! the page is not what the tests say; `UPDATE_CONFORMANCE=1 cargo test --test conformance` writes it anew.

#![expect(clippy::expect_used, reason = "tests end by panics")]

mod rules;
mod scan;
mod suite;

use rules::{RECORDED, RULES, exists, rules, rules_table};
use scan::{Test, root, scan};
use suite::{Tables, stale, tables};

fn page(tests: &[Test]) -> String {
    let (table, named, recorded) = rules_table(tests);
    let all: usize = RULES.iter().map(|(_, _, rules)| rules.len()).sum();
    let Tables {
        have,
        of,
        beyond,
        areas,
        files,
        names,
    } = tables(tests);
    format!(
        "<!-- Written by tests/conformance: UPDATE_CONFORMANCE=1 cargo test --test conformance -->

# What holds peapod to Kubernetes' behaviour

This page is made of the names of tests and of the comments above them; `tests/conformance` fails when it is not what they say. Files are
those of `host/src`, unless they begin with `tests/`.

- Of **{all}** rules, **{named}** have a test that names them, **{recorded}** more are held by recorded answers of a real API server alone, and
  {rest} have neither. A test that names a rule holds some of it, not always every word.
- Of **{of}** conformance tests of Kubernetes 1.36 that, by our reading, wasm guests could pass, **{have}** have a test of ours for the same
  behaviour. {beyond} more of ours follow tests of Kubernetes that are not of the conformance suite.

**This is not conformance.** The suite starts Linux images, which cannot run here, against an API server, which is not there: it was never run
against peapod. Guests of wasm stand in for its images, and what they cannot see (users, groups, some modes) is looked at from outside or
not at all. Peapod behaves as the tests listed here ask; it is not a conformant Kubernetes. The whole suite has 446 tests; those left out
of the count need what a wasm host has no meaning for, such as users, cgroups and storage drivers, or APIs that are optional here.

## Rules
{table}
## Tests of Kubernetes' suites

| area | with a test of ours | of |
|---|---|---|
{areas}
The first three by file:

| file | with a test of ours | of |
|---|---|---|
{files}
Marked (+): not of the conformance suite, or not counted in it above.
{names}",
        rest = all - named - recorded,
    )
}

#[test]
fn tests_claim_only_rules_that_exist() {
    let found = scan();
    let mut faults = found.faults;
    for test in &found.tests {
        let name = test.name.rsplit("::").next().expect("a name");
        // The sample pods of the project's founding articles are called s1 to s9.
        let claimed = rules(name).into_iter().filter(|(letter, _)| *letter != 'S');
        faults.extend(
            claimed
                .filter(|rule| !exists(*rule))
                .map(|(letter, number)| {
                    format!("{}: there is no rule {letter}{number}", test.name)
                }),
        );
    }
    faults.extend(stale(&found.tests));
    for (_, file) in RECORDED {
        if !root().join("tests/golden").join(file).is_file() {
            faults.push(format!("tests/golden/{file}: not there"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_page_is_what_the_tests_say() {
    let page = page(&scan().tests);
    let path = root().join("docs/conformance.md");
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        std::fs::create_dir_all(root().join("docs")).expect("docs");
        std::fs::write(&path, &page).expect("the page");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let first = there
        .lines()
        .zip(page.lines())
        .find(|(there, page)| there != page);
    assert!(
        there == page,
        "docs/conformance.md is old; UPDATE_CONFORMANCE=1 cargo test --test conformance writes it anew; the first difference: {first:#?}"
    );
}
