//! The rules of Kubernetes' behaviour, and which tests name them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::scan::Test;

/// The rules by their letters, in the order of their numbers: what each is about.
pub(crate) const RULES: &[(char, &str, &[&str])] = &[
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
pub(crate) const WITHOUT: &[(&str, &str)] = &[
    ("A13", "a column of the table: see L4, L5"),
    ("A18", "ephemeral containers are refused"),
    (
        "C8",
        "nobody else writes to the status: there is no API server yet",
    ),
    ("E8", "refused: only TERM is sent"),
    ("F1..3", "deletion through an API is later"),
    ("F9", "kubectl cannot be connected yet"),
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
pub(crate) const RECORDED: &[(&str, &str)] = &[
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

pub(crate) fn rule(word: &str) -> Option<(char, usize)> {
    let mut letters = word.chars();
    let letter = letters.next().filter(char::is_ascii_lowercase)?;
    let number = letters.as_str().parse().ok()?;
    Some((letter.to_ascii_uppercase(), number))
}

pub(crate) fn exists((letter, number): (char, usize)) -> bool {
    RULES
        .iter()
        .any(|(known, _, rules)| *known == letter && (1..=rules.len()).contains(&number))
}

/// The rules that a test's name begins with or joins by `and`; `k16_to_k19` are four.
pub(crate) fn rules(name: &str) -> BTreeSet<(char, usize)> {
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

pub(crate) fn without(letter: char, number: usize) -> &'static str {
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
pub(crate) fn rules_table(tests: &[Test]) -> (String, usize, usize) {
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
