//! Registries behind TLS, and registries that send one elsewhere for a token.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::harness::{Place, guest};
use crate::registry::{Registry, ok, plain, pod, tools};

fn openssl(dir: &Path, args: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("read");
    drop(stdin);
    let ran = child.wait_with_output().expect("ended");
    assert!(ran.status.success(), "openssl {args}");
    ran.stdout
}

/// `NAME.pem` and `NAME.key` of an authority.
fn authority(dir: &Path, name: &str) {
    let new = format!(
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
    );
    openssl(dir, &new, b"");
}

/// A registry with a certificate for 127.0.0.1 that the authority `ca` has signed.
fn with_tls(dir: &Path) -> Registry {
    openssl(
        dir,
        "req -newkey rsa:2048 -nodes -subj /CN=registry -keyout own.key -out own.csr",
        b"",
    );
    fs::write(dir.join("own.ext"), "subjectAltName=IP:127.0.0.1\n").expect("written");
    openssl(
        dir,
        "x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile own.ext -out own.pem",
        b"",
    );
    let at = dir.display();
    let http = format!(", tls: {{certificate: {at}/own.pem, key: {at}/own.key}}");
    Registry::configured(tempfile::tempdir().expect("a folder"), &http, "")
}

fn refused(place: &Place, args: &[&str]) -> String {
    let ran = place.peapod(args);
    assert_eq!(ran.code, 2, "{args:?}: {}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn a_registry_behind_tls_is_believed_if_its_certificate_is_good() {
    if !tools() {
        return;
    }
    let (here, there) = (Place::online(), Place::online());
    let dir = here.path();
    authority(dir, "ca");
    authority(dir, "other");
    let registry = with_tls(dir);
    let host = format!("127.0.0.1:{}", registry.port);
    let name = registry.name("hello:1");
    let trust = |place: &Place, text: &str| {
        fs::write(place.data_dir().join("registries.yaml"), text).expect("written");
    };
    ok(&here, &["image", "load", &name, plain(&guest("hello"))]);
    let push = ["image", "push", name.as_str()];
    let pull = ["image", "pull", name.as_str()];
    let said = refused(&there, &pull);
    assert!(
        said.contains("Client sent an HTTP request to an HTTPS server."),
        "{said}"
    );
    let own = format!("tls: {{'{host}': {{ca: '{}/ca.pem'}}}}", dir.display());
    trust(&here, &own);
    ok(&here, &push);
    let other = own.replace("ca.pem", "other.pem");
    for text in [&format!("tls: {{'{host}': {{}}}}"), &other] {
        trust(&here, text);
        trust(&there, text);
        for (place, args) in [(&here, push), (&there, pull)] {
            let said = refused(place, &args);
            assert!(
                said.contains("its certificate cannot be verified"),
                "{said}"
            );
            assert!(said.contains("registries.yaml"), "{said}");
        }
    }
    for (file, text) in [("none.pem", "No such file"), ("own.csr", "no certificate")] {
        trust(&there, &own.replace("ca.pem", file));
        let said = refused(&there, &pull);
        assert!(said.contains(file) && said.contains(text), "{said}");
    }
    // The certificate is for an address, and this is a name.
    let by_name = name.replace("127.0.0.1", "localhost");
    trust(&there, &own.replace("127.0.0.1", "localhost"));
    let said = refused(&there, &["image", "pull", &by_name]);
    assert!(
        said.contains("its certificate cannot be verified"),
        "{said}"
    );
    let anybody = format!(
        "tls: {{'localhost:{}': {{skipVerify: true}}}}",
        registry.port
    );
    trust(&there, &anybody);
    ok(&there, &["image", "pull", &by_name]);
    ok(&there, &["image", "rm", &by_name]);
    // A file that stands beside registries.yaml, for a mirror.
    fs::copy(dir.join("ca.pem"), there.data_dir().join("ca.pem")).expect("copied");
    trust(
        &there,
        &format!("mirrors: {{r.example: ['https://{host}']}}\ntls: {{'{host}': {{ca: ca.pem}}}}"),
    );
    let ran = there.run(&pod("r.example/team/hello:1", ""), &[]);
    assert_eq!(ran.output_of("c"), ["hello from peapod"], "{}", ran.stderr);
}

#[test]
fn a_registry_without_tls_where_tls_is_expected_says_what_to_write() {
    if !tools() {
        return;
    }
    let registry = Registry::start(false);
    let place = Place::online();
    let text = format!("tls: {{'127.0.0.1:{}': {{}}}}", registry.port);
    fs::write(place.data_dir().join("registries.yaml"), text).expect("written");
    let said = refused(&place, &["image", "pull", &registry.name("hello:1")]);
    assert!(said.contains("it does not speak TLS"), "{said}");
}

#[test]
fn a_proxy_is_not_asked_for_what_is_on_this_machine() {
    if !tools() {
        return;
    }
    let registry = Registry::start(false);
    let place = Place::online();
    let name = registry.name("hello:1");
    ok(&place, &["image", "load", &name, plain(&guest("hello"))]);
    ok(&place, &["image", "push", &name]);
    // Nobody listens on port 1.
    let mut command = place.command(&["image", "pull", &name]);
    let ran = command.env("http_proxy", "http://127.0.0.1:1").output();
    let ran = ran.expect("peapod runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");
}

/// Gives tokens to `user` with `open sesame`, for as long as the test runs; whoever is nobody gets one that opens nothing.
fn serve_tokens(dir: &Path) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = listener.local_addr().expect("bound").port();
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // The client may be gone.
            let _ignored = stream.and_then(|stream| give_token(stream, &dir));
        }
    });
    port
}

fn give_token(mut stream: TcpStream, dir: &Path) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let line = head.lines().next().unwrap_or_default();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    let basic = format!("Basic {}", STANDARD.encode("user:open sesame"));
    let (status, body) = match header("authorization") {
        Some(shown) if shown != basic => (401, "{}".to_owned()),
        shown => {
            let actions = if line.contains("push") {
                "\"pull\",\"push\""
            } else {
                "\"pull\""
            };
            let access =
                format!(r#"[{{"type":"repository","name":"team/secret","actions":[{actions}]}}]"#);
            let token = signed(dir, if shown.is_some() { &access } else { "[]" });
            (200, format!("{{\"token\":\"{token}\"}}"))
        }
    };
    let len = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}"
    )
}

/// A JSON Web Token as docker-registry believes it: signed by whom its `rootcertbundle` holds.
fn signed(dir: &Path, access: &str) -> String {
    let pem = fs::read_to_string(dir.join("ca.pem")).expect("read");
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let (before, after) = (now.as_secs() - 60, now.as_secs() + 600);
    let head = format!(r#"{{"typ":"JWT","alg":"RS256","x5c":["{der}"]}}"#);
    let claims = format!(
        r#"{{"iss":"peapod-test","sub":"user","aud":"registry","iat":{before},"nbf":{before},"exp":{after},"jti":"1","access":{access}}}"#
    );
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(head),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = openssl(dir, "dgst -sha256 -sign ca.key", text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_token_is_fetched_where_the_registry_says() {
    if !tools() {
        return;
    }
    let place = Place::online();
    authority(place.path(), "ca");
    let port = serve_tokens(place.path());
    let auth = format!(
        "auth: {{token: {{realm: 'http://127.0.0.1:{port}/token', service: registry, issuer: peapod-test, rootcertbundle: {}/ca.pem}}}}\n",
        place.path().display()
    );
    let registry = Registry::configured(tempfile::tempdir().expect("a folder"), "", &auth);
    let name = registry.name("secret:1");
    ok(&place, &["image", "load", &name, plain(&guest("hello"))]);
    let docker = place.path().join("docker");
    fs::create_dir(&docker).expect("made");
    let run = |password: Option<&str>, args: &[&str]| {
        let entry = password.map(|password| {
            let pair = STANDARD.encode(format!("user:{password}"));
            format!(r#""127.0.0.1:{}": {{"auth": "{pair}"}}"#, registry.port)
        });
        let text = format!(r#"{{"auths": {{{}}}}}"#, entry.unwrap_or_default());
        fs::write(docker.join("config.json"), text).expect("written");
        let ran = place.command(args).env("DOCKER_CONFIG", &docker).output();
        let ran = ran.expect("peapod runs");
        (
            ran.status.success(),
            String::from_utf8_lossy(&ran.stderr).into_owned(),
        )
    };
    for password in [None, Some("guessed")] {
        let (done, said) = run(password, &["image", "push", &name]);
        assert!(!done && said.contains("authorization failed"), "{said}");
    }
    let (done, said) = run(Some("open sesame"), &["image", "push", &name]);
    assert!(done, "{said}");
    ok(&place, &["image", "rm", &name]);
    let (done, said) = run(None, &["image", "pull", &name]);
    assert!(!done && said.contains("authorization failed"), "{said}");
    let (done, said) = run(Some("open sesame"), &["image", "pull", &name]);
    assert!(done, "{said}");
    // Another's repository is not opened by it.
    let (done, said) = run(
        Some("open sesame"),
        &["image", "pull", &registry.name("other:1")],
    );
    assert!(!done && said.contains("authorization failed"), "{said}");
}

#[test]
fn i4_that_a_pull_begins_is_told_while_the_registry_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let name = format!("{}/x:1", listener.local_addr().expect("bound"));
    let place = Place::online();
    let ran = place.run(&pod(&name, ""), &["--timeout", "2s"]);
    assert!(
        ran.shows(&format!("Pulling image \"{name}\"")),
        "{}",
        ran.stderr
    );
    listener.accept().expect("it was asked");
}
