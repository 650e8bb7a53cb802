//! `wasi:http`: components that handle requests are containers that serve, and what any guest sends stays in the pod's network.

use crate::harness::{Place, Ran, guest};

fn image(name: &str) -> String {
    guest(name).display().to_string()
}

/// A server as a sidecar.
fn server(name: &str, component: &str, port: u16, more: &str) -> String {
    format!(
        "  - {{name: {name}, image: {}, restartPolicy: Always, ports: [{{containerPort: {port}}}]{more}}}\n",
        image(component)
    )
}

/// Runs these sidecars, fetches as told, and ends the pod.
fn fetch(sidecars: &str, args: &[&str]) -> Ran {
    let place = Place::new();
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 2\n  \
         initContainers:\n{sidecars}  containers:\n  - {{name: c, image: {}, args: {args:?}}}",
        image("http-fetch")
    );
    let ran = place.run(&manifest, &[]);
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    ran
}

/// The line about a URL.
fn of<'a>(lines: &'a [String], url: &str) -> &'a str {
    let found = lines
        .iter()
        .find_map(|line| line.strip_prefix(&format!("{url}: ")));
    found.unwrap_or_else(|| panic!("nothing about {url} in {lines:#?}"))
}

#[test]
fn a_handler_of_requests_is_a_container_that_serves_on_its_first_port() {
    let more = ", args: [one, two], env: [{name: WHO, value: me}]";
    let ran = fetch(
        &server("web", "http-hello", 8081, more),
        &[
            "http://localhost:8081/",
            "http://127.0.0.1:8081/env",
            "http://p:8081/file?/etc/hostname",
            "http://localhost:8081/headers",
            "http://localhost:8081/print?x",
            "http://localhost:8081/count?3",
            "--size",
            "http://localhost:8081/zeros?8",
        ],
    );
    let lines = ran.output_of("c");
    assert_eq!(of(&lines, "http://localhost:8081/"), "200 hello");
    let env = of(&lines, "http://127.0.0.1:8081/env");
    assert!(
        env.contains("arg one / arg two") && env.contains("WHO=me"),
        "{env}"
    );
    assert_eq!(of(&lines, "http://p:8081/file?/etc/hostname"), "200 p");
    assert!(
        of(&lines, "http://localhost:8081/headers")
            .starts_with("200 Method::Get Some(Scheme::Http) Some(\"localhost:8081\")"),
    );
    assert_eq!(of(&lines, "http://localhost:8081/count?3"), "200 0 / 1 / 2");
    assert_eq!(
        of(&lines, "http://localhost:8081/zeros?8"),
        "200 8388608 bytes"
    );
    let log = ran.output_of("web");
    assert!(log.contains(&"out x".to_owned()) && log.contains(&"err x".to_owned()));
    assert_eq!(
        ran.terminated("web")["exitCode"],
        143,
        "F5: TERM has its default action on a server"
    );
}

#[test]
fn a_handler_of_wasi_0_3_serves_and_asks_others() {
    let servers =
        server("three", "p3-http-hello", 8083, "") + &server("two", "http-hello", 8082, "");
    let ran = fetch(
        &servers,
        &[
            "http://localhost:8083/",
            "http://localhost:8083/proxy?url=http://localhost:8082/count?3",
            "http://localhost:8082/proxy?url=http://p:8083/",
            "http://localhost:8083/proxy?url=http://localhost:9/",
            "http://localhost:8083/trap",
            "http://localhost:8083/nothing",
        ],
    );
    let lines = ran.output_of("c");
    assert_eq!(
        of(&lines, "http://localhost:8083/"),
        "200 hello from WASI 0.3"
    );
    assert_eq!(
        of(
            &lines,
            "http://localhost:8083/proxy?url=http://localhost:8082/count?3"
        ),
        "200 0 / 1 / 2",
        "through both, as it comes"
    );
    assert_eq!(
        of(&lines, "http://localhost:8082/proxy?url=http://p:8083/"),
        "200 hello from WASI 0.3"
    );
    assert_eq!(
        of(
            &lines,
            "http://localhost:8083/proxy?url=http://localhost:9/"
        ),
        "502 ErrorCode::ConnectionRefused"
    );
    assert!(of(&lines, "http://localhost:8083/trap").starts_with("500 "));
    assert_eq!(
        of(&lines, "http://localhost:8083/nothing"),
        "404 no such thing",
        "the container lives on after a trap"
    );
}

#[test]
fn what_goes_wrong_in_a_handler_is_its_clients_500_and_a_line_in_the_log() {
    let at = |path: &str| format!("http://localhost:8081{path}");
    let paths = ["/none", "/silent", "/error", "/exit?3", "/trap"];
    let mut urls: Vec<String> = paths.iter().map(|path| at(path)).collect();
    urls.extend([at("/late-trap"), at("/")]);
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let ran = fetch(&server("web", "http-hello", 8081, ""), &urls);
    let lines = ran.output_of("c");
    for path in paths {
        assert!(of(&lines, &at(path)).starts_with("500 "), "{path}");
    }
    assert!(
        of(&lines, &at("/late-trap")).starts_with("200 then "),
        "half a response does not look whole: {lines:#?}"
    );
    assert_eq!(of(&lines, &at("/")), "200 hello", "the container lives on");
    let log = ran.output_of("web").join("\n");
    for line in [
        "the handler set no response",
        "the handler answered ErrorCode::LoopDetected",
        "the handler exited with 1",
        "wasm trap: wasm `unreachable` instruction executed",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert_eq!(ran.container("web")["restartCount"], 0);
}

#[test]
fn a_request_that_wants_too_much_memory_ends_alone() {
    let limit = ", resources: {limits: {memory: 32Mi}}";
    let ran = fetch(
        &server("web", "http-hello", 8081, limit),
        &[
            "http://localhost:8081/memory?8",
            "http://localhost:8081/memory?64",
            "http://localhost:8081/",
        ],
    );
    let lines = ran.output_of("c");
    assert_eq!(of(&lines, "http://localhost:8081/memory?8"), "200 8388608");
    assert!(of(&lines, "http://localhost:8081/memory?64").starts_with("500 "));
    assert_eq!(of(&lines, "http://localhost:8081/"), "200 hello");
    assert_eq!(ran.container("web")["restartCount"], 0);
    assert_eq!(
        ran.terminated("web")["reason"],
        "Error",
        "B7: not OOMKilled, nothing was killed for it"
    );
}

#[test]
fn errors_of_a_request_say_what_happened() {
    let ran = fetch(
        &server("web", "http-hello", 8081, ""),
        &[
            "http://localhost:8081/",
            "--once",
            "http://localhost:9/",
            "http://no-such-name.default.svc.cluster.local/",
            "--first-byte-ms",
            "100",
            "http://localhost:8081/sleep?3000",
            "http://localhost:8081/spin",
            "--first-byte-ms",
            "5000",
            "--between-bytes-ms",
            "20",
            "http://localhost:8081/count?3",
            "http://localhost:8081/print?still-there",
        ],
    );
    let lines = ran.output_of("c");
    assert_eq!(
        of(&lines, "http://localhost:9/"),
        "ErrorCode::ConnectionRefused"
    );
    assert!(
        of(&lines, "http://no-such-name.default.svc.cluster.local/")
            .starts_with("ErrorCode::DnsError(DnsErrorPayload { rcode: Some(\"NXDOMAIN\")"),
        "{lines:#?}"
    );
    assert_eq!(
        of(&lines, "http://localhost:8081/sleep?3000"),
        "ErrorCode::ConnectionReadTimeout"
    );
    assert_eq!(
        of(&lines, "http://localhost:8081/spin"),
        "ErrorCode::ConnectionReadTimeout"
    );
    assert!(
        of(&lines, "http://localhost:8081/count?3").starts_with("200 then "),
        "{lines:#?}"
    );
    assert_eq!(
        of(&lines, "http://localhost:8081/print?still-there"),
        "200 printed",
        "one that spins holds up nobody"
    );
    assert_eq!(
        ran.terminated("web")["exitCode"],
        137,
        "F6: the one that spins does not end by itself, KILL ends it"
    );
}

#[test]
fn term_lets_a_server_answer_what_it_was_asked() {
    let ran = fetch(
        &server("web", "http-hello", 8081, ""),
        &["--first-byte-ms", "5000", "http://localhost:8081/after?700"],
    );
    assert_eq!(
        of(&ran.output_of("c"), "http://localhost:8081/after?700"),
        "200 before"
    );
    assert!(
        ran.output_of("web").contains(&"after 700".to_owned()),
        "the handler went on after its response, and after TERM: {}",
        ran.stderr
    );
    assert_eq!(ran.terminated("web")["exitCode"], 143);
}

#[test]
fn a_port_that_is_taken_ends_the_second_server_with_a_clear_line() {
    let place = Place::new();
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  initContainers:\n{}  containers:\n  \
         - {{name: c, image: {}, args: [\"http://localhost:8081/\"]}}\n  \
         - {{name: again, image: {}, ports: [{{containerPort: 8081}}]}}",
        server("web", "http-hello", 8081, ""),
        image("http-fetch"),
        image("http-hello"),
    );
    let ran = place.run(&manifest, &[]);
    assert_eq!(ran.terminated("again")["exitCode"], 1, "{}", ran.stderr);
    assert_eq!(
        ran.output_of("again"),
        ["cannot serve HTTP on 0.0.0.0:8081: address in use"]
    );
    assert_eq!(
        of(&ran.output_of("c"), "http://localhost:8081/"),
        "200 hello"
    );
}
