//! Renders docs/conformance.md: which rule of Kubernetes' behaviour, and which test of its suites, is held by which test of ours. Fails when
//! the page is not what the tests say; `UPDATE_CONFORMANCE=1 cargo test --test conformance` writes it anew.

#![expect(clippy::expect_used, reason = "tests end by panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The rules by their letters, in the order of their numbers: what each is about.
const RULES: &[(char, &str, &[&str])] = &[
    (
        'A',
        "Init containers, sidecars, restart rules",
        &[
            "a pod has one worker, and when that looks again",
            "order of the steps of a start; volumes before any container",
            "inits run one after the other, mains after the last",
            "mains start in order; a hook after the start holds up the next",
            "a failed init: the pod's end or another try, by policy",
            "inits that are done stay done; a lost host starts anew",
            "order of the containers' statuses",
            "when a sidecar counts as started",
            "a sidecar that ends is started again, alone",
            "sidecars have no say in success or failure",
            "when the mains are done, the sidecars are stopped",
            "what containers wait for before they were made",
            "the STATUS column while a pod initialises",
            "containers' own policies and rules by exit code",
            "rules do not decide after failed probes",
            "restarting all containers at once",
            "nothing starts in a pod that is being deleted",
            "ephemeral containers run once",
        ],
    ),
    (
        'B',
        "Phases, states, back-off, exits",
        &[
            "the phase follows from the containers' statuses",
            "policy and exit code together decide the phase",
            "ended phases stay; they come after the last container",
            "a deleted pod succeeds or fails before it is gone",
            "a running container that the node lost",
            "reasons of waiting",
            "reasons of having ended",
            "exit codes of exits and of signals",
            "the wait before a restart: doubling, cap, reset",
            "the cap and base of that wait can be set",
            "what a container says while it waits for a restart",
            "the moment between an end and the restart",
            "counting restarts; the state before this one",
            "the flags `started` and `ready`",
            "termination messages, from a file or the log's end",
            "the deadline of a pod",
            "when a pod started, to the second",
            "generations that were observed",
            "class, addresses, resources and ids in the status",
        ],
    ),
    (
        'C',
        "Conditions",
        &[
            "times of transition move with the status only",
            "PodScheduled",
            "PodReadyToStartContainers",
            "Initialized",
            "ContainersReady",
            "Ready, and readiness gates",
            "DisruptionTarget",
            "conditions of others are left alone",
            "the order in which they become true",
            "a bound pod that the machine refuses",
        ],
    ),
    (
        'D',
        "Probes",
        &[
            "defaults and limits of the numbers",
            "results before the first probe",
            "when a probe runs first and how often",
            "nothing else runs before the startup probe succeeded",
            "thresholds",
            "past the threshold the container is killed",
            "probes that could not be made change nothing",
            "commands as probes",
            "HTTP: request, port, headers, which answers succeed",
            "HTTP: redirects, here and elsewhere",
            "TCP and gRPC",
            "when a container is ready",
            "a probe's own grace",
            "probes while a pod is being stopped",
            "which containers may have probes",
            "events of failed probes",
        ],
    ),
    (
        'E',
        "Lifecycle hooks",
        &[
            "postStart: when it runs, what its failure does",
            "preStop: when it runs, and that it spends the grace",
            "two seconds for TERM are always left",
            "commands as hooks",
            "HTTP hooks: only a lost connection is a failure",
            "sleeping hooks",
            "TCP hooks never succeed",
            "another signal than TERM",
            "which containers may have hooks",
        ],
    ),
    (
        'F',
        "Deletion",
        &[
            "the grace of a deletion, and the stamps it leaves",
            "a second deletion can only hurry",
            "no grace removes the object at once",
            "the grace that containers really get",
            "containers are stopped side by side",
            "sidecars are stopped last, backwards",
            "what is cleaned up after the last container",
            "what a watcher sees of a deletion",
            "kubectl's options of deletion",
            "eviction",
        ],
    ),
    (
        'G',
        "Volumes",
        &[
            "a volume without a source; a mount that fails",
            "emptyDir: mode, memory, limit",
            "hostPath and its types",
            "volumes of objects are read-only",
            "how a volume of files changes in one step",
            "modes of files",
            "keys chosen, renamed, missing, optional",
            "updates reach running containers",
            "the downward API in files",
            "projected volumes",
            "subPath stays in its volume",
            "subPathExpr",
            "read-only mounts; mounts in mounts",
            "objects of the pod's namespace only; their size",
        ],
    ),
    (
        'H',
        "Command, environment, hostname, name service files",
        &[
            "command and args against the image's",
            "`$(NAME)`",
            "how an environment is put together",
            "names of variables",
            "objects and keys that are not there",
            "fields of the pod as variables",
            "resources as variables",
            "variables of Services",
            "hostname and domain",
            "the hosts file",
            "the resolver's file by DNS policy",
        ],
    ),
    (
        'I',
        "Images",
        &[
            "the default pull policy",
            "what each pull policy does at a start",
            "failed pulls and the wait after them",
            "what is told of a pull that succeeded",
        ],
    ),
    (
        'J',
        "Resources, scheduling",
        &[
            "a missing request is the limit",
            "classes of quality of service",
            "what a pod needs at its peak",
            "whether it fits: resources, pods, ports",
            "choosing a node: names, selectors, affinity, taints",
            "why a node does not fit, in words",
            "the scheduler's message, and trying again",
            "limits while running: memory kills, processor time waits",
        ],
    ),
    (
        'K',
        "Validation",
        &[
            "a pod's name",
            "no name at all",
            "a name too long",
            "labels",
            "annotations",
            "no containers",
            "a container's name",
            "dots in a container's name",
            "two containers of one name",
            "no image",
            "pull policies",
            "restart policies",
            "DNS policies",
            "DNS policy None without servers",
            "a mount of no volume",
            "two mounts at one path",
            "a mount without a path",
            "subPath that leads out",
            "subPath and subPathExpr together",
            "two volumes of one name",
            "two sources in one volume",
            "hostPath: path and type",
            "objects' names in volumes",
            "modes",
            "paths of items",
            "port numbers",
            "port names",
            "protocols",
            "one host port twice",
            "host ports under hostNetwork",
            "variables' names",
            "a value and a source together",
            "two sources of one variable",
            "field paths",
            "envFrom without a source",
            "probes and hooks of init containers",
            "handlers: none or two",
            "success thresholds",
            "negative numbers in probes",
            "a probe's grace",
            "exec without a command",
            "sleep beyond the grace",
            "requests over limits",
            "negative quantities",
            "resource names",
            "the deadline's range",
            "hostname and subdomain",
            "restart rules of a container",
            "ephemeral containers at creation",
            "update: containers come or go",
            "update: fields that may not change",
            "update: a later deadline",
            "edits of immutable objects",
            "Deployment: selector and labels",
            "Deployment: restart policy",
            "Job: restart policy",
            "unknown and repeated fields, strictly",
            "unknown fields in a patch",
            "unknown fields as warnings",
            "wrong types and bad quantities",
            "objects that exist, are missing or are stale",
            "an object that is not the one of the URL",
            "accounts, runtime classes, namespaces that are not there",
            "unknown kinds",
        ],
    ),
    (
        'L',
        "kubectl",
        &[
            "tables are made by the server",
            "which columns there are",
            "READY",
            "STATUS while initialising",
            "STATUS of running and ended pods",
            "STATUS of pods on their way out",
            "RESTARTS",
            "AGE and other durations",
            "cells of other kinds",
            "empty lists, and `get all`",
            "`describe`",
            "`logs`: options and which container",
            "`logs`: refusals",
            "`exec` and `attach` on the wire",
            "`exec`: refusals",
            "`port-forward`",
            "`cp`",
            "`apply` from the client's side",
            "`apply` from the server's side",
            "the schema that kubectl asks for",
            "bodies in protobuf",
            "watches that begin with a list",
            "lists, watches and field selectors",
            "`wait`",
            "`rollout status`",
            "`scale`, `expose`, `run` and the like",
        ],
    ),
    (
        'M',
        "Events",
        &[
            "an event's fields; counting, combining, holding back",
            "reasons and messages",
            "the order when all goes well",
            "events of controllers",
        ],
    ),
    (
        'N',
        "Controllers, Services, names",
        &[
            "Deployment: defaults",
            "Deployment: rolling on",
            "Deployment: names and owners of ReplicaSets",
            "Deployment: revisions, history, pausing",
            "Deployment: conditions",
            "ReplicaSet",
            "what counts as available",
            "Job",
            "CronJob",
            "what goes with an owner",
            "Service: addresses and ports",
            "endpoints of Services, affinity",
            "names of Services and pods",
        ],
    ),
    (
        'O',
        "Bandwidth",
        &[
            "the two annotations and their unit",
            "a bad value holds up the pod",
            "read once; not under hostNetwork",
        ],
    ),
];

/// Why a rule has no test, where that can be said in a few words; `K50..56` speaks of several.
const WITHOUT: &[(&str, &str)] = &[
    ("A13", "a column of the table: see L4, L5"),
    ("A18", "ephemeral containers are refused"),
    ("C7", "evicted pods do not get it yet"),
    (
        "C8",
        "nobody else writes to the status: there is no API server yet",
    ),
    ("E8", "refused: only TERM is sent"),
    ("F1..3", "deletion through an API is later"),
    ("F9", "kubectl cannot be connected yet"),
    (
        "J5",
        "nodeName only; selectors, affinity and the like are refused",
    ),
    ("J6", "no test names it; the words stand in J7's messages"),
    ("K50..53", "objects are not updated through an API yet"),
    ("K54..56", "controllers are later"),
    ("K58..59", "needs an API server: later"),
    ("K62..63", "needs an API server: later"),
    ("L1..26", "kubectl cannot be connected yet"),
    ("M4", "controllers are later"),
    ("N1..10", "controllers are later"),
    ("O3", "no test names it; hostNetwork is refused"),
];

/// Rules that recorded answers of a real API server speak of (tests/golden), for those that no test names.
const RECORDED: &[(&str, &str)] = &[
    ("E9", "validation/lifecycle-on-init-container.yaml"),
    ("J1", "defaulting/pod-resources-guaranteed.yaml"),
    ("K1", "validation/name-uppercase.yaml"),
    ("K2", "validation/missing-name.yaml"),
    ("K4", "validation/label-value-invalid-chars.yaml"),
    ("K5", "validation/annotation-key-invalid.yaml"),
    ("K6", "validation/no-containers.yaml"),
    ("K7", "validation/container-name-uppercase.yaml"),
    ("K14", "validation/dns-none-without-nameservers.yaml"),
    ("K20", "validation/volume-name-duplicate.yaml"),
    ("K21", "validation/volume-two-sources.yaml"),
    ("K23", "validation/volume-configmap-no-name.yaml"),
    ("K24", "validation/volume-configmap-mode-out-of-range.yaml"),
    ("K25", "validation/volume-configmap-item-dotdot.yaml"),
    ("K26", "validation/port-out-of-range.yaml"),
    ("K30", "validation/hostport-differs-under-host-network.yaml"),
    ("K31", "validation/env-name-with-equals.yaml"),
    ("K32", "validation/env-value-and-valuefrom.yaml"),
    ("K36", "validation/probe-on-init-container.yaml"),
    ("K43", "validation/requests-over-limits-cpu.yaml"),
    ("K44", "validation/quantity-negative.yaml"),
    ("K46", "validation/active-deadline-zero.yaml"),
    ("K47", "validation/hostname-invalid.yaml"),
    ("K49", "validation/ephemeral-containers-on-create.yaml"),
];

/// How many conformance tests of Kubernetes 1.36 a host of wasm guests can be held to, by area and file.
const SUITE: &[(&str, &[(&str, usize)])] = &[
    (
        "node and pods",
        &[
            ("configmap.go", 6),
            ("container_probe.go", 10),
            ("containers.go", 4),
            ("downwardapi.go", 6),
            ("expansion.go", 8),
            ("init_container.go", 4),
            ("kubelet.go", 5),
            ("lifecycle_hook.go", 4),
            ("pods.go", 14),
            ("pre_stop.go", 1),
            ("runtime.go", 5),
            ("secrets.go", 5),
            ("security_context.go", 1),
            ("sysctl.go", 1),
        ],
    ),
    (
        "storage",
        &[
            ("configmap_volume.go", 9),
            ("downwardapi_volume.go", 11),
            ("empty_dir.go", 9),
            ("empty_dir_wrapper.go", 2),
            ("projected_combined.go", 1),
            ("projected_configmap.go", 7),
            ("projected_downwardapi.go", 11),
            ("projected_secret.go", 6),
            ("secrets_volume.go", 8),
            ("subpath.go", 5),
        ],
    ),
    (
        "network",
        &[
            ("apiserver.go", 2),
            ("dns.go", 8),
            ("endpoints.go", 3),
            ("endpointslice.go", 5),
            ("networking.go", 4),
            ("service.go", 11),
            ("service_latency.go", 1),
        ],
    ),
];

/// The areas that need an API server or controllers, and how many such tests each has.
const LATER: &[(&str, usize)] = &[
    ("apps", 24),
    ("API machinery", 29),
    ("kubectl", 12),
    ("scheduling", 4),
    ("auth, instrumentation, architecture", 4),
];

/// In the files of the suite, what of its tests is not a conformance test: (file, words of its name).
const BEYOND: &[(&str, &str)] = &[
    ("container_probe.go", "redirect"),
    ("container_probe.go", "startup"),
    ("container_probe.go", "StartupProbe"),
    ("container_probe.go", "GracePeriodSeconds"),
    ("container_probe.go", "terminating"),
    ("container_probe.go", "with timeout"),
    ("container_probe.go", "restartable init"),
    ("lifecycle_hook.go", "Sleep Hook"),
];

struct Test {
    /// `tests/e2e/probes.rs::d6_…`; without `host/src/` in front.
    name: String,
    /// What stands above it: tests of Kubernetes' suites, as written.
    stands_for: Vec<String>,
}

struct Scan {
    tests: Vec<Test>,
    faults: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn scan() -> Scan {
    let root = root();
    let mut paths = Vec::new();
    files(&root.join("host/src"), &mut paths);
    files(&root.join("tests"), &mut paths);
    let mut found = Scan {
        tests: Vec::new(),
        faults: Vec::new(),
    };
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("text");
        let inside = path.strip_prefix(&root).expect("inside");
        let inside = inside.to_string_lossy().replace('\\', "/");
        let file = inside.strip_prefix("host/src/").unwrap_or(&inside);
        scan_file(file, &text, &mut found);
    }
    found.tests.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The functions of a file that stand under a test's attribute, those of `proptest!` too.
fn scan_file(file: &str, text: &str, found: &mut Scan) {
    let mut test = false;
    let mut stands_for = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", at + 1);
        let line = line.trim_start();
        if let Some(comment) = line.strip_prefix("//") {
            let comment = comment.trim_start_matches('/').trim();
            if let Some(other) = comment.strip_prefix("conformance:") {
                if suite_test(other).is_none() || !line.starts_with("// conformance: [sig-") {
                    let form = "// conformance: [sig-node] name (file.go)";
                    found
                        .faults
                        .push(format!("{place}: not of the form `{form}`"));
                }
                stands_for.push(other.trim().to_owned());
            }
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            test = true;
        } else if let Some(name) = function(line) {
            if test {
                found.tests.push(Test {
                    name: format!("{file}::{name}"),
                    stands_for: std::mem::take(&mut stands_for),
                });
            }
            test = false;
        } else if !test && !line.starts_with("#[") && !stands_for.is_empty() {
            found
                .faults
                .push(format!("{place}: `conformance` stands above no test"));
            stands_for.clear();
        }
    }
}

fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line);
    let rest = rest.strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// `[sig-node] name (file.go)` as file and name.
fn suite_test(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim().strip_prefix("[sig-")?;
    let (_, rest) = rest.split_once("] ")?;
    let (name, file) = rest.strip_suffix(')')?.rsplit_once(" (")?;
    file.ends_with(".go").then_some((file, name))
}

fn rule(word: &str) -> Option<(char, usize)> {
    let mut letters = word.chars();
    let letter = letters.next().filter(char::is_ascii_lowercase)?;
    let number = letters.as_str().parse().ok()?;
    Some((letter.to_ascii_uppercase(), number))
}

fn exists((letter, number): (char, usize)) -> bool {
    RULES
        .iter()
        .any(|(known, _, rules)| *known == letter && (1..=rules.len()).contains(&number))
}

/// The rules that a test's name begins with or joins by `and`; `k16_to_k19` are four.
fn rules(name: &str) -> BTreeSet<(char, usize)> {
    let words: Vec<_> = name.split('_').collect();
    let mut found = BTreeSet::new();
    let mut head = true;
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| words[before]);
        match rule(word) {
            Some(one) if head => {
                found.insert(one);
            }
            Some(one) if before == Some("and") && exists(one) => {
                found.insert(one);
            }
            _ => {
                let next = words.get(at + 1).and_then(|next| rule(next));
                head = head && ["and", "to"].contains(word) && next.is_some();
                if head
                    && *word == "to"
                    && let (Some(from), Some(to)) = (before.and_then(rule), next)
                {
                    found.extend((from.1..=to.1).map(|number| (from.0, number)));
                }
            }
        }
    }
    found
}

fn without(letter: char, number: usize) -> &'static str {
    let said = WITHOUT.iter().find(|(range, _)| {
        let (first, last) = range.split_once("..").unwrap_or((range, ""));
        let (of, first) = first.split_at(1);
        let first: usize = first.parse().expect("a number");
        let last = last.parse().unwrap_or(first);
        of == letter.to_string() && (first..=last).contains(&number)
    });
    said.map_or("no test names it yet", |(_, why)| why)
}

/// The table of rules, and how many rules have a test and how many a recorded answer alone.
fn rules_table(tests: &[Test]) -> (String, usize, usize) {
    let mut held: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for test in tests {
        for rule in rules(test.name.rsplit("::").next().expect("a name")) {
            held.entry(rule).or_default().push(&test.name);
        }
    }
    let (mut table, mut named, mut recorded) = (String::new(), 0, 0);
    for (letter, title, rules) in RULES {
        let _ = write!(
            table,
            "\n### {letter}. {title}\n\n| rule | about | held by |\n|---|---|---|\n"
        );
        for (index, about) in rules.iter().enumerate() {
            let number = index + 1;
            let id = format!("{letter}{number}");
            let by = if let Some(tests) = held.get(&(*letter, number)) {
                named += 1;
                let names: Vec<_> = tests.iter().map(|name| format!("`{name}`")).collect();
                names.join("<br>")
            } else if let Some((_, file)) = RECORDED.iter().find(|(of, _)| *of == id) {
                recorded += 1;
                format!("recorded: `tests/golden/{file}`")
            } else {
                format!("— ({})", without(*letter, number))
            };
            let _ = writeln!(table, "| {id} | {about} | {by} |");
        }
    }
    (table, named, recorded)
}

/// Tests of Kubernetes' suites by file and name, with ours that stand for them.
type Suite<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a str>>>;

fn suite(tests: &[Test]) -> Suite<'_> {
    let mut suite = Suite::new();
    for test in tests {
        for (file, name) in test.stands_for.iter().filter_map(|text| suite_test(text)) {
            let ours = suite.entry(file).or_default().entry(name).or_default();
            ours.push(&test.name);
        }
    }
    suite
}

fn is_conformance(file: &str, name: &str) -> bool {
    let known = SUITE
        .iter()
        .any(|(_, files)| files.iter().any(|(of, _)| *of == file));
    known
        && !BEYOND
            .iter()
            .any(|(of, words)| *of == file && name.contains(words))
}

fn covered(suite: &Suite<'_>, file: &str) -> usize {
    suite.get(file).map_or(0, |names| {
        names
            .keys()
            .filter(|name| is_conformance(file, name))
            .count()
    })
}

fn page(tests: &[Test]) -> String {
    let (table, named, recorded) = rules_table(tests);
    let all: usize = RULES.iter().map(|(_, _, rules)| rules.len()).sum();
    let suite = suite(tests);
    let beyond: usize = suite
        .iter()
        .map(|(file, names)| names.len() - covered(&suite, file))
        .sum();
    let (mut areas, mut files, mut have, mut of) = (String::new(), String::new(), 0, 0);
    for (area, list) in SUITE {
        let ours: usize = list.iter().map(|(file, _)| covered(&suite, file)).sum();
        let total: usize = list.iter().map(|(_, total)| total).sum();
        let _ = writeln!(areas, "| {area} | {ours} | {total} |");
        (have, of) = (have + ours, of + total);
        for (file, total) in *list {
            let _ = writeln!(files, "| {file} | {} | {total} |", covered(&suite, file));
        }
    }
    for (area, total) in LATER {
        let _ = writeln!(areas, "| {area} | 0 | {total} |");
        of += total;
    }
    let mut names = String::new();
    for (file, tests) in &suite {
        let _ = write!(
            names,
            "\n### {file}\n\n| test of Kubernetes | ours |\n|---|---|\n"
        );
        for (name, ours) in tests {
            let more = if is_conformance(file, name) {
                ""
            } else {
                " (+)"
            };
            let name = name.replace('|', "\\|").replace('*', "\\*");
            let ours: Vec<_> = ours.iter().map(|name| format!("`{name}`")).collect();
            let _ = writeln!(names, "| {name}{more} | {} |", ours.join("<br>"));
        }
    }
    format!(
        "<!-- Written by tests/conformance.rs: UPDATE_CONFORMANCE=1 cargo test --test conformance -->

# What holds peapod to Kubernetes' behaviour

This page is made of the names of tests and of the comments above them; `tests/conformance.rs` fails when it is not what they say. Files are
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
    let suite = suite(&found.tests);
    for (file, total) in SUITE.iter().flat_map(|(_, files)| *files) {
        let ours = covered(&suite, file);
        if ours > *total {
            faults.push(format!(
                "{file}: {ours} conformance tests named, of {total}"
            ));
        }
    }
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
