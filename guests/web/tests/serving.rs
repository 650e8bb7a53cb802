//! Serving on real sockets of the building machine: `cargo test -p web`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use web::header::HeaderValue;
use web::{Limits, Listener, NotServed, Peer, Request, Stop};

/// A server of one folder, gone when dropped.
struct Server {
    address: SocketAddr,
    root: PathBuf,
    stop: Option<oneshot::Sender<Stop>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    fn start(name: &str) -> Server {
        Server::with(name, Limits::default())
    }

    fn with(name: &str, limits: Limits) -> Server {
        let root = std::env::temp_dir().join(format!("peapod-web-{}-{name}", std::process::id()));
        std::fs::create_dir_all(root.join("site")).unwrap();
        std::fs::write(root.join("secret"), "not for you").unwrap();
        std::fs::write(root.join("site/text"), "0123456789").unwrap();
        std::fs::write(root.join("site/big"), vec![b'x'; 5_000_000]).unwrap();
        let (stop, stopped) = oneshot::channel();
        let (ready, address) = std::sync::mpsc::channel();
        let site = root.join("site");
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = Listener::bind("127.0.0.1:0").unwrap();
                ready.send(listener.address()).unwrap();
                let handler = async move |request: Request, _: Peer| {
                    if request.uri() == "/slow" {
                        tokio::time::sleep(Duration::from_millis(300)).await;
                        return web::text(200, "slow");
                    }
                    let kind = HeaderValue::from_static("text/plain");
                    let Some(path) = web::inside(&site, request.uri().path()) else {
                        return web::page(400, "test");
                    };
                    match web::file(&path, &kind, request.method(), request.headers()) {
                        Ok(answer) => answer,
                        Err(NotServed::Folder) => web::page(403, "test"),
                        Err(NotServed::Status(status, _)) => web::page(status, "test"),
                    }
                };
                let stopped = async { stopped.await.unwrap_or(Stop::Now) };
                web::serve(vec![listener], limits, handler, stopped).await;
            });
        });
        Server {
            address: address.recv().unwrap(),
            root,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str, headers: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"
        ))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

fn value<'a>(answer: &'a str, header: &str) -> &'a str {
    let line = answer.lines().find(|it| it.starts_with(header));
    line.unwrap_or_else(|| panic!("no {header}: {answer}"))
        .split_once(": ")
        .unwrap()
        .1
}

#[test]
fn a_large_file_arrives_whole() {
    let answer = Server::start("large").get("/big", "");
    assert_eq!(value(&answer, "Content-Length"), "5000000");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(body.len() == 5_000_000 && body.bytes().all(|it| it == b'x'));
}

#[test]
fn head_has_the_length_and_no_body() {
    let answer = Server::start("head").ask("HEAD /big HTTP/1.0\r\n\r\n");
    assert_eq!(value(&answer, "Content-Length"), "5000000");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn rfc9110_14_a_range_is_served_from_both_ends_and_refused_behind_the_last() {
    let server = Server::start("range");
    for (range, part, of) in [
        ("2-4", "234", "bytes 2-4/10"),
        ("7-", "789", "bytes 7-9/10"),
        ("-2", "89", "bytes 8-9/10"),
        ("5-99", "56789", "bytes 5-9/10"),
        ("-99", "0123456789", "bytes 0-9/10"),
    ] {
        let answer = server.get("/text", &format!("Range: bytes={range}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 206 "), "{range}: {answer}");
        assert_eq!(value(&answer, "Content-Range"), of);
        assert!(answer.ends_with(&format!("\r\n\r\n{part}")), "{answer}");
    }
    for none in ["10-", "-0"] {
        let answer = server.get("/text", &format!("Range: bytes={none}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 416 "), "{none}: {answer}");
        assert_eq!(value(&answer, "Content-Range"), "bytes */10");
    }
    for whole in ["bytes=4-2", "bytes=1-2,4-5", "lines=1-2", "bytes=a-b"] {
        let answer = server.get("/text", &format!("Range: {whole}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{whole}: {answer}");
    }
    let changed = "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n";
    assert!(server.get("/text", changed).starts_with("HTTP/1.1 200 "));
}

#[test]
fn rfc9110_13_what_the_client_has_already_is_not_sent_again() {
    let server = Server::start("condition");
    let first = server.get("/text", "");
    let (tag, date) = (value(&first, "Etag"), value(&first, "Last-Modified"));
    let cases = [
        (format!("If-None-Match: {tag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{tag}\r\n"), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-Modified-Since: {date}\r\n"), 304),
        (
            format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {date}\r\n"),
            200,
        ),
        ("If-Modified-Since: yesterday\r\n".to_owned(), 200),
        ("If-Match: \"x\"\r\n".to_owned(), 412),
        (format!("If-Match: {tag}\r\n"), 200),
        (format!("If-Unmodified-Since: {date}\r\n"), 200),
        (
            "If-Unmodified-Since: Mon, 01 Jan 2001 00:00:00 GMT\r\n".to_owned(),
            412,
        ),
    ];
    for (condition, status) in cases {
        let answer = server.get("/text", &condition);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{condition}{answer}"
        );
        assert_eq!(answer.ends_with("0123456789"), status == 200, "{answer}");
    }
}

#[test]
fn no_path_leaves_the_root() {
    let server = Server::start("escape");
    for path in ["/../secret", "/a/../../secret", "/..\\secret"] {
        let answer = server.get(path, "");
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
    }
    assert!(server.get("/none", "").starts_with("HTTP/1.1 404 "));
    assert!(server.get("/text/x", "").starts_with("HTTP/1.1 404 "));
    assert!(server.get("/", "").starts_with("HTTP/1.1 403 "));
    assert!(server.ask("\x01\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

#[test]
fn a_slow_client_holds_up_nobody_and_is_dropped_in_time() {
    let limits = Limits {
        idle: Duration::from_millis(500),
        ..Limits::default()
    };
    let server = Server::with("slow", limits);
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.write_all(b"GET /text HT").unwrap();
    assert!(server.get("/text", "").ends_with("0123456789"));
    let begun = SystemTime::now();
    assert_eq!(slow.read(&mut [0]).unwrap(), 0);
    assert!(begun.elapsed().unwrap() < Duration::from_secs(3));
}

#[test]
fn a_client_that_takes_nothing_is_dropped() {
    let limits = Limits {
        stalled: Duration::from_millis(300),
        ..Limits::default()
    };
    let server = Server::with("stalled", limits);
    let mut stalled = TcpStream::connect(server.address).unwrap();
    for _ in 0..4 {
        stalled.write_all(b"GET /big HTTP/1.1\r\n\r\n").unwrap();
    }
    std::thread::sleep(Duration::from_millis(1500));
    let mut came = Vec::new();
    let _ = stalled.read_to_end(&mut came);
    assert!(came.len() < 20_000_000, "all {} bytes came", came.len());
}

#[test]
fn an_upload_that_nobody_wants_still_gets_its_answer() {
    let server = Server::start("upload");
    for _ in 0..5 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let head = "POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'x'; 3_000_000]).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}

#[test]
fn a_further_connection_waits_for_a_place() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let server = Server::with("places", limits);
    let first = TcpStream::connect(server.address).unwrap();
    let mut second = TcpStream::connect(server.address).unwrap();
    second.write_all(b"GET /text HTTP/1.0\r\n\r\n").unwrap();
    second
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    assert!(second.read(&mut [0]).is_err(), "it has no place yet");
    drop(first);
    second.set_read_timeout(None).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("0123456789"), "{answer}");
}

#[test]
fn a_graceful_stop_ends_what_was_begun_and_a_stop_at_once_does_not() {
    for (how, whole) in [(Stop::Gracefully, true), (Stop::Now, false)] {
        let mut server = Server::start(&format!("stop-{whole}"));
        let mut idle = TcpStream::connect(server.address).unwrap();
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        server.stop.take().unwrap().send(how).unwrap();
        server.thread.take().unwrap().join().unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert_eq!(answer.ends_with("slow"), whole, "{answer}");
        assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
    }
}
