//! The program itself, built for this machine, on its sockets: `cargo test -p nginx`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A folder for one test, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("peapod-nginx-{}-{name}", std::process::id()));
        std::fs::create_dir_all(path.join("html/sub dir")).unwrap();
        std::fs::write(path.join("html/index.html"), "front page").unwrap();
        std::fs::write(path.join("html/sub dir/a b.txt"), "text").unwrap();
        std::fs::write(path.join("secret"), "not for you").unwrap();
        std::fs::write(
            path.join("mime.types"),
            "types { text/html html; text/plain txt; }",
        )
        .unwrap();
        Scratch(path)
    }

    fn write(&self, conf: &str) -> PathBuf {
        let file = self.0.join("nginx.conf");
        std::fs::write(&file, conf.replace("ROOT", self.0.to_str().unwrap())).unwrap();
        file
    }

    fn test(&self, conf: &str) -> Output {
        let file = self.write(conf);
        Command::new(env!("CARGO_BIN_EXE_nginx"))
            .arg("-t")
            .arg("-c")
            .arg(file)
            .output()
            .unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

struct Nginx {
    child: Child,
    port: u16,
    scratch: Scratch,
}

impl Nginx {
    /// With one server whose block is given.
    fn start(name: &str, server: &str) -> Nginx {
        Nginx::http(
            name,
            &format!("server {{ listen 127.0.0.1:PORT; root ROOT/html; {server} }}"),
        )
    }

    fn http(name: &str, http: &str) -> Nginx {
        let scratch = Scratch::new(name);
        let port = free_port();
        let file = scratch.write(
            &format!(
                "error_log ROOT/error.log warn; pid ROOT/pid; events {{ }} http {{ include mime.types; access_log ROOT/access.log; {http} }}"
            )
            .replace("PORT", &port.to_string()),
        );
        let mut child = Command::new(env!("CARGO_BIN_EXE_nginx"))
            .arg("-c")
            .arg(file)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Nginx {
                    child,
                    port,
                    scratch,
                };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        panic!("it does not listen: {said}");
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).unwrap()
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: here:99\r\nConnection: close\r\n\r\n"
        ))
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.scratch.0.join(name)).unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An upstream that answers every request with what it was asked, and keeps the heads.
struct Echo {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    fn start(answer: &'static str) -> Echo {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&heads);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
                kept.lock().unwrap().push(head);
                stream.write_all(answer.as_bytes()).unwrap();
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        Echo { port, heads }
    }
}

const HELLO: &str =
    "HTTP/1.1 200 OK\r\nServer: up\r\nKeep-Alive: 5\r\nX-Own: 1\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn the_samples_own_configuration_is_understood() {
    let scratch = Scratch::new("sample");
    let output = scratch.test(
        "user nginx; worker_processes 1; error_log /var/log/nginx/error.log warn; pid /var/run/nginx.pid; \
         events { worker_connections 1024; } http { include ROOT/mime.types; default_type application/octet-stream; \
         sendfile on; keepalive_timeout 65; upstream webapp { server 127.0.0.1:5000; } \
         server { listen 80; location / { proxy_pass http://webapp; proxy_redirect off; } } }",
    );
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn faults_are_told_in_nginx_words_with_their_line() {
    let scratch = Scratch::new("faults");
    let cases = [
        (
            "events {}\nhttp {\n  foo bar;\n}",
            "unknown directive \"foo\" in FILE:3",
        ),
        (
            "events {}\nlisten 80;",
            "\"listen\" directive is not allowed here in FILE:2",
        ),
        (
            "events {} http { server { listen; } }",
            "invalid number of arguments in \"listen\" directive in FILE:1",
        ),
        (
            "events {} http {\n",
            "unexpected end of file, expecting \"}\" in FILE:2",
        ),
        ("events {} }", "unexpected \"}\" in FILE:1"),
        (
            "events {} http { server { listen 80 }",
            "unexpected \"}\" in FILE:1",
        ),
        ("http { }", "no \"events\" section in configuration"),
        (
            "events {} http { upstream a { } }",
            "no servers are inside upstream in FILE:1",
        ),
        (
            "events {} http { server { location / { proxy_pass http://no.such.host.invalid; } } }",
            "host not found in upstream \"no.such.host.invalid:80\" in FILE:1",
        ),
        (
            "events {} http { server { location / { proxy_pass 127.0.0.1:80; } } }",
            "invalid URL prefix in FILE:1",
        ),
        (
            "events {} http { server { location / { return 200 $nothing; } } }",
            "unknown \"nothing\" variable in FILE:1",
        ),
        (
            "events {} http { access_log off; log_format x $status; server { access_log a.log y; } }",
            "unknown log format \"y\" in FILE:1",
        ),
        (
            "events {} http { keepalive_timeout 5y; }",
            "invalid value in \"keepalive_timeout\" directive in FILE:1",
        ),
        (
            "events {} include none;",
            "open() \"ROOT/none\" failed (2: No such file or directory) in FILE:1",
        ),
        ("include nginx.conf;", "included too deeply in FILE:1"),
        (
            "events {} http { server { location /a { } location /a { } } }",
            "duplicate location \"/a\" in FILE:1",
        ),
    ];
    for (conf, fault) in cases {
        let output = scratch.test(conf);
        assert_eq!(output.status.code(), Some(1), "{conf}");
        let root = scratch.0.to_str().unwrap();
        let fault = fault
            .replace("FILE", &format!("{root}/nginx.conf"))
            .replace("ROOT", root);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            said.lines().next().unwrap(),
            format!("nginx: [emerg] {fault}"),
            "{conf}"
        );
    }
}

#[test]
fn files_folders_and_their_absence() {
    let nginx = Nginx::start(
        "files",
        "location /list/ { alias ROOT/html/; autoindex on; index none; }",
    );
    let front = nginx.get("/?x=1");
    assert!(
        front.starts_with("HTTP/1.1 200 OK\r\n") && front.ends_with("\r\n\r\nfront page"),
        "{front}"
    );
    assert!(
        front.contains("\r\nServer: nginx\r\n")
            && front.contains("\r\nContent-Type: text/html\r\n"),
        "{front}"
    );
    assert!(nginx.get("/sub%20dir/a%20b.txt").ends_with("\r\n\r\ntext"));
    assert!(
        nginx
            .get("/sub%20dir?q")
            .contains("\r\nLocation: /sub%20dir/?q\r\n")
    );
    assert!(
        nginx
            .get("//sub%20dir")
            .contains("\r\nLocation: /sub%20dir/\r\n"),
        "not to another host"
    );
    assert!(
        nginx
            .get("/sub%20dir/")
            .starts_with("HTTP/1.1 403 Forbidden\r\n")
    );
    let none = nginx.get("/none");
    assert!(none.starts_with("HTTP/1.1 404 Not Found\r\n"), "{none}");
    assert!(none.ends_with("<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"));
    let list = nginx.get("/list/");
    assert!(
        list.contains("<a href=\"./sub%20dir/\">sub dir/</a>") && list.contains("index.html"),
        "{list}"
    );
    let posted = nginx.ask("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab");
    assert!(posted.starts_with("HTTP/1.0 405 "), "{posted}");
    let errors = nginx.log("error.log");
    assert!(errors.contains("html/none\" failed (2: No such file or directory), client: 127.0.0.1, server: , request: \"GET /none HTTP/1.1\", host: \"here:99\""), "{errors}");
    assert!(errors.contains("html/sub dir/\" is forbidden"), "{errors}");
}

#[test]
fn no_path_leaves_the_root() {
    let nginx = Nginx::start("escape", "location /files/ { alias ROOT/html/; }");
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/sub%20dir/../../secret",
        "/%00",
        "/%ff",
        "/files/%2e%2e/%2e%2e/secret",
    ] {
        let answer = nginx.get(path);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
    }
    for path in ["/files/..", "/files../secret", "/files/../secret"] {
        assert!(!nginx.get(path).contains("not for you"), "{path}");
    }
    assert!(
        nginx
            .get("/sub%20dir/../index.html")
            .ends_with("front page")
    );
}

#[test]
fn what_is_too_long_or_too_large_is_refused() {
    let nginx = Nginx::start(
        "large",
        "location /up { client_max_body_size 10; proxy_pass http://127.0.0.1:9; }",
    );
    assert!(
        nginx
            .get(&format!("/{}", "x".repeat(9000)))
            .starts_with("HTTP/1.1 414 Request-URI Too Large")
    );
    let header = format!(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: {}\r\n\r\n",
        "x".repeat(9000)
    );
    assert!(nginx.ask(&header).starts_with("HTTP/1.1 400 "));
    assert!(
        nginx
            .ask("GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 400 "),
        "no host"
    );
    let large = "POST /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 11\r\n\r\n";
    assert!(nginx.ask(large).starts_with("HTTP/1.1 413 "));
    let upstream = Echo::start("");
    let nginx = Nginx::start(
        "chunked",
        &format!(
            "location / {{ client_max_body_size 10; proxy_pass http://127.0.0.1:{}; }}",
            upstream.port
        ),
    );
    let chunked = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n";
    assert!(
        nginx.ask(chunked).starts_with("HTTP/1.1 413 "),
        "a chunked body says no length beforehand"
    );
}

#[test]
fn the_access_log_is_in_the_combined_format_and_cannot_be_forged() {
    let nginx = Nginx::start("log", "");
    nginx.ask("GET /none HTTP/1.0\r\nUser-Agent: me \"x\"\\\r\nReferer: there\r\n\r\n");
    nginx.ask("HEAD / HTTP/1.0\r\n\r\n");
    let log = nginx.log("access.log");
    let (before, after) = log.split_once('[').unwrap();
    let (time, after) = after.split_once("] ").unwrap();
    assert_eq!(before, "127.0.0.1 - - ");
    assert_eq!(time.len(), "21/Nov/2026:01:47:36 +0000".len());
    let after = after.lines().next().unwrap();
    assert!(after.starts_with("\"GET /none HTTP/1.0\" 404 "), "{after}");
    assert!(
        after.ends_with(" \"there\" \"me \\x22x\\x22\\x5C\""),
        "{after}"
    );
    assert!(
        log.contains("\"HEAD / HTTP/1.0\" 200 0 \"-\" \"-\""),
        "{log}"
    );
}

#[test]
fn a_request_is_passed_on_without_what_concerns_the_connection() {
    let upstream = Echo::start(HELLO);
    let nginx = Nginx::http(
        "proxy",
        &format!(
            "upstream up {{ server 127.0.0.1:{}; }} server {{ listen 127.0.0.1:PORT; location / {{ proxy_pass http://up; }} \
             location /app/ {{ proxy_pass http://up/base/; proxy_set_header X-Real-IP $remote_addr; proxy_set_header Host $host; \
             proxy_set_header Accept \"\"; }} }}",
            upstream.port
        ),
    );
    let request = |path| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: here:99\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nAccept: a\r\nContent-Length: 2\r\n\r\nab"
        )
    };
    let answer = nginx.ask(&request("/a%20b?c=d"));
    assert!(
        answer.ends_with("\r\n\r\nhello") && answer.contains("\r\nX-Own: 1\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\r\nServer: nginx\r\n") && !answer.contains("Keep-Alive"),
        "{answer}"
    );
    nginx.ask(&request("/app/x%20y?z"));
    let heads = upstream.heads.lock().unwrap();
    let plain = heads[0].to_ascii_lowercase();
    assert!(plain.starts_with("post /a%20b?c=d http/1.1\r\n"), "{plain}");
    assert!(
        plain.contains("\r\nhost: up\r\n") && plain.contains("\r\ncontent-length: 2\r\n"),
        "{plain}"
    );
    assert!(
        plain.contains("\r\nconnection: close\r\n")
            && !plain.contains("x-hop")
            && !plain.contains("te:"),
        "{plain}"
    );
    assert!(
        !plain.contains("x-real-ip") && !plain.contains("x-forwarded"),
        "{plain}"
    );
    let set = heads[1].to_ascii_lowercase();
    assert!(set.starts_with("post /base/x%20y?z http/1.1\r\n"), "{set}");
    assert!(
        set.contains("\r\nhost: here\r\n") && set.contains("\r\nx-real-ip: 127.0.0.1\r\n"),
        "{set}"
    );
    assert!(!set.contains("accept"), "{set}");
}

#[test]
fn an_upstream_that_fails_is_told_by_its_status() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closing = Echo::start("");
    let nginx = Nginx::start(
        "failing",
        &format!(
            "location /refused {{ proxy_pass http://127.0.0.1:9; }} location /closed {{ proxy_pass http://127.0.0.1:{}; }} \
             location /silent {{ proxy_pass http://127.0.0.1:{}; proxy_read_timeout 300ms; }}",
            closing.port,
            silent.local_addr().unwrap().port()
        ),
    );
    assert!(
        nginx
            .get("/refused")
            .starts_with("HTTP/1.1 502 Bad Gateway\r\n")
    );
    assert!(
        nginx
            .get("/closed")
            .starts_with("HTTP/1.1 502 Bad Gateway\r\n")
    );
    let late = nginx.get("/silent");
    assert!(
        late.starts_with("HTTP/1.1 504 Gateway Time-out\r\n"),
        "{late}"
    );
    assert!(late.contains("504 Gateway Time-out"), "{late}");
    let errors = nginx.log("error.log");
    assert!(errors.contains("connect() failed (111: Connection refused) while connecting to upstream, upstream: \"http://127.0.0.1:9/refused\", client: 127.0.0.1"), "{errors}");
    assert!(
        errors.contains("upstream prematurely closed connection")
            && errors.contains("upstream timed out (110"),
        "{errors}"
    );
}

#[test]
fn servers_of_an_upstream_take_turns_and_stand_in_for_each_other() {
    let (a, b) = (Echo::start(HELLO), Echo::start(HELLO));
    let nginx = Nginx::http(
        "turns",
        &format!(
            "upstream up {{ server 127.0.0.1:{}; server 127.0.0.1:{}; server 127.0.0.1:9 backup; }} \
             upstream half {{ server 127.0.0.1:9; server 127.0.0.1:{}; }} \
             server {{ listen 127.0.0.1:PORT; location / {{ proxy_pass http://up; }} location /half {{ proxy_pass http://half; }} }}",
            a.port, b.port, a.port
        ),
    );
    for _ in 0..4 {
        assert!(nginx.get("/").ends_with("hello"));
        assert!(nginx.get("/half").ends_with("hello"));
    }
    assert_eq!(b.heads.lock().unwrap().len(), 2);
}

#[test]
fn an_answer_streams_through_before_it_is_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nginx = Nginx::start(
        "stream",
        &format!(
            "location / {{ proxy_pass http://{}; }}",
            listener.local_addr().unwrap()
        ),
    );
    let mut client = nginx.connect();
    client
        .write_all(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .unwrap();
    let (mut upstream, _) = listener.accept().unwrap();
    let mut came = String::new();
    let mut piece = [0; 1024];
    while !came.contains("one") {
        let n = upstream.read(&mut piece).unwrap();
        came.push_str(std::str::from_utf8(&piece[..n]).unwrap());
    }
    upstream
        .write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n")
        .unwrap();
    let mut answer = String::new();
    while !answer.contains("two") {
        let n = client.read(&mut piece).unwrap();
        answer.push_str(std::str::from_utf8(&piece[..n]).unwrap());
    }
    client.write_all(b"0\r\n\r\n").unwrap();
    upstream.write_all(b"0\r\n\r\n").unwrap();
    while !answer.ends_with("0\r\n\r\n") {
        let n = client.read(&mut piece).unwrap();
        answer.push_str(std::str::from_utf8(&piece[..n]).unwrap());
    }
}

#[test]
fn an_upgraded_connection_is_joined_with_the_upstreams() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nginx = Nginx::start(
        "upgrade",
        &format!(
            "location / {{ proxy_pass http://{}; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
             proxy_set_header Connection \"upgrade\"; }}",
            listener.local_addr().unwrap()
        ),
    );
    let mut client = nginx.connect();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        .unwrap();
    let (mut upstream, _) = listener.accept().unwrap();
    let n = upstream.read(&mut [0; 4096]).unwrap();
    assert!(n > 0);
    upstream
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
        )
        .unwrap();
    let mut head = String::new();
    let mut reader = BufReader::new(client.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    client.write_all(b"ping").unwrap();
    let mut piece = [0; 4];
    upstream.read_exact(&mut piece).unwrap();
    upstream.write_all(b"pong").unwrap();
    reader.read_exact(&mut piece).unwrap();
    assert_eq!(&piece, b"pong");
}

#[test]
fn locations_returns_tries_and_error_pages() {
    let nginx = Nginx::start(
        "locations",
        "location = / { return 200 exact; } location / { return 200 \"prefix $uri $arg_a\\n\"; } \
         location /longer/ { return 301 https://$host$request_uri; } location /gone { return 410; } \
         location /app/ { try_files $uri /index.html; } location /none/ { try_files $uri =404; } \
         location /index.html { } error_page 404 =200 /index.html; error_page 410 /page; \
         location = /page { internal; return 200 dressed; } add_header X-A b; add_header X-C d always;",
    );
    assert!(nginx.get("/").ends_with("\r\n\r\nexact"));
    assert!(nginx.get("/x?a=1").ends_with("prefix /x 1\n"));
    assert!(
        nginx
            .get("/longer/x?y")
            .contains("\r\nLocation: https://here/longer/x?y\r\n")
    );
    assert!(nginx.get("/app/deep/link").ends_with("front page"));
    let replaced = nginx.get("/none/x");
    assert!(
        replaced.starts_with("HTTP/1.1 200 ") && replaced.ends_with("front page"),
        "{replaced}"
    );
    let dressed = nginx.get("/gone");
    assert!(
        dressed.starts_with("HTTP/1.1 410 ") && dressed.ends_with("dressed"),
        "{dressed}"
    );
    assert!(
        !dressed.contains("X-A") && dressed.contains("\r\nX-C: d\r\n"),
        "{dressed}"
    );
    assert!(
        nginx.get("/page").starts_with("HTTP/1.1 200 "),
        "a 404 that is dressed as 200: {}",
        nginx.get("/page")
    );
}

#[test]
fn a_server_is_found_by_its_name() {
    let nginx = Nginx::http(
        "names",
        "server { listen 127.0.0.1:PORT; server_name a.test *.wild.test; return 200 a; } \
         server { listen 127.0.0.1:PORT default_server; server_name b.test; return 200 b; }",
    );
    for (host, server) in [
        ("A.test:80", "a"),
        ("x.wild.test", "a"),
        ("b.test", "b"),
        ("other", "b"),
    ] {
        let answer = nginx.ask(&format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        assert!(
            answer.ends_with(&format!("\r\n\r\n{server}")),
            "{host}: {answer}"
        );
    }
}
