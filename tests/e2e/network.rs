//! The logical host's network: the sample pods that need it, and what holds between containers, pods and the machine.

use crate::harness::{Place, guest, project};
use crate::running::{Running, curl, free_port, get, until_page};

fn manifest(name: &str) -> String {
    let path = project().join("manifests").join(name);
    path.to_str().expect("a plain path").to_owned()
}

/// A pod of test guests: sidecars that serve, mains that ask.
fn pod(name: &str, sidecars: &[(&str, &str, &str)], mains: &[(&str, &str, &str)]) -> String {
    let list = |containers: &[(&str, &str, &str)], more: &str| -> String {
        let items = containers.iter().map(|(name, image, args)| {
            let image = guest(image);
            let image = image.display();
            format!("  - {{name: {name}, image: {image}{more}, args: [{args}]}}\n")
        });
        items.collect()
    };
    let init = if sidecars.is_empty() {
        String::new()
    } else {
        format!(
            "  initContainers:\n{}",
            list(sidecars, ", restartPolicy: Always")
        )
    };
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec:\n  restartPolicy: Never\n{init}  containers:\n{}",
        list(mains, "")
    )
}

#[test]
fn s4_nginx_serves_what_the_container_beside_it_writes() {
    let place = Place::with_images();
    let port = free_port();
    let publish = format!("{port}:mc1:80");
    let run = Running::start(&place, &["--publish", &publish, &manifest("mc1.yaml")]);
    let page = until_page(port, "/", "UTC");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    let (code, text) = curl(&[&format!("http://127.0.0.1:{port}/index.html")]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("UTC"), "{text}");
    run.stop();
}

#[test]
fn s6_only_the_published_port_of_two_is_reachable_from_outside() {
    let place = Place::with_images();
    let (nginx, webapp) = (free_port(), free_port());
    let run = Running::start(
        &place,
        &[
            "--publish",
            &format!("{nginx}:mc3:80"),
            "--publish",
            &format!("{webapp}:mc3:5000"),
            &manifest("mc3.yaml"),
            &manifest("mc3-service.yaml"),
        ],
    );
    let page = until_page(nginx, "/", "Hello world!");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert_eq!(
        get(webapp, "/"),
        "",
        "the web application listens on the pod's loopback, which no door leads to"
    );
    run.stop();
}

#[test]
fn s6_a_node_port_leads_to_the_pod_and_the_real_curl_gets_its_page() {
    let place = Place::with_images();
    let port = 30_000 + free_port() % 2767;
    let service = std::fs::read_to_string(manifest("mc3-service.yaml")).expect("a manifest");
    let service: String = service
        .lines()
        .filter(|line| !line.contains("nodePort:"))
        .map(|line| match line.strip_suffix("port: 80") {
            Some(start) => {
                let indent = start.replace('-', " ");
                format!("{line}\n{indent}nodePort: {port}\n")
            }
            None => format!("{line}\n"),
        })
        .collect();
    let service = place.file("service.yaml", &service);
    let run = Running::start(
        &place,
        &[&manifest("mc3.yaml"), service.to_str().expect("plain")],
    );
    until_page(port, "/", "Hello world!");
    let (code, text) = curl(&[&format!("http://127.0.0.1:{port}/")]);
    assert_eq!((code, text.trim()), (0, "Hello world!"));
    run.stop();
}

#[test]
fn s9_a_tls_sidecar_serves_the_same_application() {
    let place = Place::with_images();
    let (http, https, admin) = (free_port(), free_port(), free_port());
    let run = Running::start(
        &place,
        &[
            "--publish",
            &format!("{http}:kubia-ssl:8080"),
            "--publish",
            &format!("{https}:kubia-ssl:8443"),
            "--publish",
            &format!("{admin}:kubia-ssl:9901"),
            &manifest("kubia-ssl.yaml"),
        ],
    );
    until_page(http, "/", "Hey there, this is kubia-ssl.");
    run.wait_for("Listening on port 8080");
    until_page(admin, "/ready", "LIVE");
    let (code, text) = curl(&["-k", &format!("https://127.0.0.1:{https}/")]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Hey there, this is kubia-ssl. Your IP is ::ffff:127.0.0.1."),
        "the proxy reaches it over the pod's loopback: {text}"
    );
    run.stop();
}

#[test]
fn s9_curl_works_between_pods_by_address_and_by_name() {
    let place = Place::with_images();
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: kubia}\nspec:\n  selector: {app: kubia}\n  ports: [{name: http, port: 8080}, {name: https, port: 8443}]\n";
    let ssl = std::fs::read_to_string(manifest("kubia-ssl.yaml")).expect("a manifest");
    let ssl = ssl.replace(
        "  name: kubia-ssl\n",
        "  name: kubia-ssl\n  labels: {app: kubia}\n",
    );
    assert!(ssl.contains("labels"), "{ssl}");
    let client = "apiVersion: v1\nkind: Pod\nmetadata: {name: client}\nspec:\n  restartPolicy: Never\n  containers:\n  - name: curl\n    image: busybox:1.28\n    command: [sh, -c]\n    args:\n    - |\n      until nc -z kubia 8080 && nc -z kubia 8443; do sleep 0.1; done\n      curl -s http://kubia:8080\n      curl -s http://KUBIA.default.svc.cluster.local:8080\n      curl -sk https://kubia:8443\n      ip=$(nslookup kubia-pods | tail -n 1 | sed 's/.* //')\n      echo \"address $ip\"\n      curl -s http://$ip:8080\n      curl -s http://$ip:9 || echo \"refused $?\"\n";
    let headless = "apiVersion: v1\nkind: Service\nmetadata: {name: kubia-pods}\nspec:\n  clusterIP: None\n  selector: {app: kubia}\n  ports: [{port: 8080}]\n";
    let all = [service, headless, &ssl, client].join("---\n");
    let file = place.file("all.yaml", &all);
    let run = Running::start(&place, &[file.to_str().expect("plain")]);
    run.wait_for("refused 7");
    let said = run.stop();
    let greetings = said
        .output_of("curl")
        .iter()
        .filter(|line| line.starts_with("Hey there, this is kubia-ssl. Your IP is ::ffff:10.88.0."))
        .count();
    assert_eq!(
        greetings, 3,
        "by name, by full name, by address: {}",
        said.stderr
    );
    assert!(
        said.shows("Hey there, this is kubia-ssl. Your IP is ::ffff:127.0.0.1."),
        "https"
    );
}

#[test]
fn three_languages_talk_to_each_other_on_one_loopback() {
    let place = Place::new();
    let file = place.file(
        "pod.yaml",
        &pod(
            "languages",
            &[
                ("std-server", "std-net", "serve, \"7001\""),
                ("tokio-server", "tokio-net", "serve, \"7002\""),
                ("python-server", "python-net", "serve, \"7003\""),
            ],
            &[
                (
                    "std-tokio",
                    "std-net",
                    "connect, 127.0.0.1, \"7002\", \"50\"",
                ),
                (
                    "std-python",
                    "std-net",
                    "connect, 127.0.0.1, \"7003\", \"50\"",
                ),
                (
                    "tokio-std",
                    "tokio-net",
                    "connect, 127.0.0.1, \"7001\", \"50\"",
                ),
                (
                    "tokio-python",
                    "tokio-net",
                    "connect, 127.0.0.1, \"7003\", \"50\"",
                ),
                (
                    "python-std",
                    "python-net",
                    "connect, 127.0.0.1, \"7001\", \"50\"",
                ),
                (
                    "python-tokio",
                    "python-net",
                    "connect, 127.0.0.1, \"7002\", \"50\"",
                ),
            ],
        ),
    );
    let ran = place.run_file(&file, &[]);
    assert_eq!(
        (ran.code, ran.phase()),
        (0, "Succeeded".into()),
        "{}",
        ran.stderr
    );
    for client in [
        "std-tokio",
        "std-python",
        "tokio-std",
        "tokio-python",
        "python-std",
        "python-tokio",
    ] {
        let said = ran.output_of(client);
        assert!(said.contains(&"ok 50".to_owned()), "{client}: {said:?}");
    }
}

#[test]
fn two_pods_listen_on_the_same_port_and_neither_reaches_the_other_by_loopback() {
    let place = Place::with_images();
    let server = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n  - {{name: kubia, image: \"luksa/kubia:1.0\"}}\n"
        )
    };
    let (a, b) = (free_port(), free_port());
    let file = place.file("two.yaml", &[server("one"), server("two")].join("---\n"));
    let run = Running::start(
        &place,
        &[
            "--publish",
            &format!("{a}:one:8080"),
            "--publish",
            &format!("{b}:two:8080"),
            file.to_str().expect("plain"),
        ],
    );
    until_page(a, "/", "this is one.");
    until_page(b, "/", "this is two.");
    run.stop();
}

#[test]
fn a_port_is_in_use_for_the_second_container_that_wants_it() {
    let place = Place::with_images();
    let ran = place.run(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolicy: Never\n  initContainers:\n  - {name: first, image: \"luksa/kubia:1.0\", restartPolicy: Always}\n  containers:\n  - name: second\n    image: busybox:1.28\n    command: [sh, -c, 'until nc -z localhost 8080; do sleep 0.05; done; nc -l -p 8080; echo \"status $?\"']\n",
        &[],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let said = ran.output_of("second").join("\n");
    assert!(said.contains("status 1"), "{said}");
    assert!(said.to_lowercase().contains("in use"), "{said}");
}

#[test]
fn egress_is_denied_unless_it_is_allowed() {
    let place = Place::with_images();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            use std::io::Write as _;
            let _sent = stream.and_then(|mut stream| stream.write_all(b"from the machine\n"));
        }
    });
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  containers:\n  - name: c\n    image: busybox:1.28\n    command: [sh, -c, 'nc -w 5 host.peapod.internal {port} </dev/null; echo \"status $?\"; nc -w 5 127.0.0.1 {port} </dev/null; echo \"loopback $?\"']\n"
    );
    let denied = place.run(&pod, &[]);
    let said = denied.output_of("c").join("\n");
    assert!(said.contains("status 1"), "{said}");
    assert!(!said.contains("from the machine"), "{said}");
    assert!(
        denied.shows("egress"),
        "the refusal is an event: {}",
        denied.stderr
    );

    let allowed = place.run(&pod, &["--egress", "host"]);
    let said = allowed.output_of("c").join("\n");
    assert!(
        said.contains("from the machine"),
        "{said}\n{}",
        allowed.stderr
    );
    assert!(
        said.contains("loopback 1"),
        "127.0.0.1 is the pod's own: {said}"
    );
}

#[test]
fn udp_echoes_between_containers_and_pods() {
    let place = Place::new();
    let file = place.file(
        "pod.yaml",
        &pod(
            "udp",
            &[("echo", "echo", "\"7\"")],
            &[(
                "client",
                "net-client",
                "udp, \"127.0.0.1:7\", \"100\", \"1000\"",
            )],
        ),
    );
    let ran = place.run_file(&file, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.output_of("client")
            .join("\n")
            .contains("100 of 1000 bytes ok")
    );
}

#[test]
fn sockets_of_wasi_0_3_carry_tcp_udp_and_names() {
    let place = Place::new();
    let file = place.file(
        "pod.yaml",
        &pod(
            "p3",
            &[],
            &[
                ("server", "p3-net", "serve, \"7000\""),
                ("client", "p3-net", "connect, \"7000\""),
            ],
        ),
    );
    let ran = place.run_file(&file, &["--timeout", "60s"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.output_of("client"), ["ok"]);
    assert_eq!(ran.output_of("server"), ["served"]);
}

#[test]
fn a_stream_of_wasi_0_3_that_nobody_reads_holds_nobody_up_and_a_waiting_socket_connects() {
    let place = Place::new();
    let file = place.file(
        "pod.yaml",
        &pod("p3", &[], &[("c", "p3-net", "deaf, \"7000\"")]),
    );
    let ran = place.run_file(&file, &["--timeout", "60s"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.output_of("c"), ["datagram"]);
}

#[test]
fn h10_h11_the_files_say_what_the_names_are() {
    let place = Place::with_images();
    let ran = place.run(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: files}\nspec:\n  restartPolicy: Never\n  hostAliases: [{ip: 10.1.2.3, hostnames: [db.local]}]\n  containers:\n  - name: c\n    image: busybox:1.28\n    command: [sh, -c, 'cat /etc/hosts /etc/resolv.conf; hostname; nslookup db.local; nslookup files']\n",
        &[],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let said = ran.output_of("c").join("\n");
    assert!(said.contains("10.88.0.2\tfiles\n"), "{said}");
    assert!(said.contains("10.1.2.3\tdb.local"), "{said}");
    assert!(
        said.contains("search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.89.0.10\noptions ndots:5"),
        "{said}"
    );
    assert!(
        said.contains("10.1.2.3\n") && said.contains("10.88.0.2"),
        "{said}"
    );
    assert_eq!(ran.status()["podIP"], "10.88.0.2");
    assert_eq!(ran.status()["podIPs"][0]["ip"], "10.88.0.2");
}

#[test]
fn a_host_port_of_the_manifest_opens_on_the_machine() {
    let place = Place::with_images();
    let port = free_port();
    let file = place.file(
        "pod.yaml",
        &format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: kubia\n    image: luksa/kubia:1.0\n    ports: [{{containerPort: 8080, hostPort: {port}}}]\n"),
    );
    let run = Running::start(&place, &[file.to_str().expect("plain")]);
    until_page(
        port,
        "/",
        "Hey there, this is p. Your IP is ::ffff:10.88.0.1.",
    );
    let (code, text) = curl(&[&format!("http://127.0.0.1:{port}/")]);
    assert_eq!(code, 0, "{text}");
    run.stop();
    assert_eq!(get(port, "/"), "", "the door is closed with the pod");
}

/// What a container says that abuses the network, beside a pod whose server another pod keeps asking.
fn abuse(args: &str) -> Vec<String> {
    let place = Place::new();
    let file = place.file(
        "pods.yaml",
        &[
            pod("abuser", &[], &[("c", "net-abuse", args)]),
            pod(
                "other",
                &[("echo", "echo", "\"7\"")],
                &[(
                    "client",
                    "net-client",
                    "tcp, \"127.0.0.1:7\", \"200\", \"1000\"",
                )],
            ),
        ]
        .join("---\n"),
    );
    let ran = place.run_file(&file, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let other = ran.output_of("client").join("\n");
    assert!(
        other.contains("200 of 1000 bytes ok"),
        "other pods are untouched: {other}"
    );
    ran.output_of("c")
}

#[test]
fn a_hundred_thousand_half_open_connections_end_at_a_limit_and_are_given_back() {
    let lines = abuse("half-open, \"127.0.0.1:80\", \"100000\"");
    assert!(lines[0].starts_with("half-open: "), "{lines:?}");
    let begun = lines[0]
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse::<u32>().ok());
    let begun = begun.expect("a number");
    assert!((100..100_000).contains(&begun), "{lines:?}");
    // Ports run out before sockets do.
    assert!(lines[0].contains("address-in-use"), "{lines:?}");
    assert_eq!(lines[1], "half-open: closed");
}

#[test]
fn as_many_connections_as_a_pod_may_have_fit_into_one_program() {
    let lines = abuse("crowd, \"127.0.0.1:80\"");
    let held = lines[0]
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse::<u32>().ok());
    // Half of the pod's sockets, each of them with its streams and pollables: one handle too many would be a trap.
    assert!(held.is_some_and(|n| n > 16_000), "{lines:?}");
    assert_eq!(lines[1], "crowd: gone");
}

#[test]
fn a_peer_that_never_reads_makes_the_writer_wait_and_its_end_resets_it() {
    let lines = abuse("unread, \"127.0.0.1:80\"");
    let bytes = lines[0]
        .split(' ')
        .nth(3)
        .and_then(|n| n.parse::<u32>().ok());
    assert!(
        bytes.is_some_and(|n| (1..=8 << 20).contains(&n)),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("unread: then Err("), "{lines:?}");
}

#[test]
fn a_connection_that_was_never_accepted_is_reset_with_its_listener() {
    assert_eq!(
        abuse("queued, \"127.0.0.1:80\""),
        // A reset, of which wasi-libc makes EIO; an end in good order would be `Ok(0)`.
        ["queued: Err(Uncategorized)"]
    );
}

#[test]
fn port_zero_is_any_free_port_to_bind_and_nothing_to_connect_to() {
    let lines = abuse("zero");
    assert_eq!(lines[0], "zero: two ports true");
    assert!(
        lines[1] == "zero: connect Err(ConnectionRefused)"
            || lines[1] == "zero: connect Err(InvalidInput)",
        "{lines:?}"
    );
}

#[test]
fn connecting_to_nowhere_says_so_at_once() {
    assert_eq!(
        abuse("connect, \"127.0.0.1:1\""),
        ["connect 127.0.0.1:1: Err(ConnectionRefused)"]
    );
    let lines = abuse("connect, \"10.88.99.99:80\"");
    assert!(lines[0].contains("Unreachable"), "{lines:?}");
    let lines = abuse("connect, \"nobody.invalid:80\"");
    assert!(
        lines[0].starts_with("connect nobody.invalid:80: Err("),
        "{lines:?}"
    );
}

#[test]
fn o1_a_pods_bandwidth_holds_what_crosses_its_boundary_and_not_its_loopback() {
    let place = Place::new();
    let sink = pod(
        "sink",
        &[],
        &[("server", "bench-tcp", "server, \"0.0.0.0:7000\"")],
    );
    let limited = pod(
        "limited",
        &[("own", "bench-tcp", "server, \"127.0.0.1:7000\"")],
        &[
            (
                "out",
                "bench-tcp",
                "send, \"10.88.0.2:7000\", \"4096\", \"2\"",
            ),
            (
                "inside",
                "bench-tcp",
                "send, \"127.0.0.1:7000\", \"4096\", \"0.5\"",
            ),
        ],
    )
    .replacen(
        "metadata: {",
        "metadata: {annotations: {kubernetes.io/egress-bandwidth: 16M}, ",
        1,
    );
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: sink}\nspec: {selector: {app: sink}, ports: [{port: 7000}]}\n";
    let documents = [service.into(), sink, limited].join("---\n");
    let file = place.file("pods.yaml", &documents);
    let run = Running::start(&place, &[file.to_str().expect("plain")]);
    run.wait_for("limited/out | send");
    run.wait_for("limited/inside | send");
    let said = run.stop().stderr;
    let rate = |container: &str| -> f64 {
        let mark = format!("limited/{container} | send 4096: ");
        let line = said.lines().find_map(|line| line.split_once(&mark));
        let number = line.and_then(|(_, rest)| rest.split(' ').next());
        number.and_then(|n| n.parse().ok()).expect("a rate")
    };
    // 16 Mbit/s are 2 MB/s. Never more than that and its bursts; how close to it is for a quiet machine to show (`network/tests`).
    assert!(rate("out") < 2.2e6, "{said}");
    assert!(rate("inside") > 4e6, "{said}");
}
