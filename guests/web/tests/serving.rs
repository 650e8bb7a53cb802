//! The server on a real socket of the building machine: `cargo test -p web`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

struct Server {
    address: SocketAddr,
    root: PathBuf,
    log: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(name: &str) -> Server {
        let root = std::env::temp_dir().join(format!("peapod-web-{}-{name}", std::process::id()));
        std::fs::create_dir_all(root.join("site/sub")).unwrap();
        std::fs::write(root.join("secret"), "not for you").unwrap();
        std::fs::write(root.join("site/index.html"), "front page").unwrap();
        std::fs::write(root.join("site/sub/a b.txt"), "text").unwrap();
        std::fs::write(root.join("site/big"), vec![b'x'; 5_000_000]).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (site, lines, ended) = (root.join("site"), Arc::clone(&log), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            web::serve(
                &listener,
                |request| web::answer_from(&site, request),
                |entry| lines.lock().unwrap().push(entry.combined()),
                |rest| {
                    std::thread::sleep(rest);
                    ended.load(Ordering::Relaxed)
                },
            )
            .unwrap();
        });
        Server {
            address,
            root,
            log,
            stop,
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

    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
        let _ = std::fs::remove_dir_all(&self.root);
    }
}

#[test]
fn a_folder_answers_with_its_index() {
    let server = Server::start("index");
    let answer = server.get("/?x=1");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("\r\nContent-Type: text/html\r\nContent-Length: 10\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\nfront page"), "{answer}");
    assert!(
        server.get("/sub/").starts_with("HTTP/1.1 403 "),
        "no listing"
    );
    assert!(server.get("/sub").contains("\r\nLocation: /sub/\r\n"));
}

#[test]
fn names_are_percent_decoded() {
    assert!(
        Server::start("percent")
            .get("/sub/a%20b.txt")
            .ends_with("\r\n\r\ntext")
    );
}

#[test]
fn head_has_the_length_and_no_body() {
    let answer = Server::start("head").ask("HEAD /big HTTP/1.1\r\n\r\n");
    assert!(
        answer.contains("\r\nContent-Length: 5000000\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_large_file_arrives_whole() {
    assert_eq!(
        Server::start("large").get("/big").matches('x').count(),
        5_000_000
    );
}

#[test]
fn no_path_leaves_the_root() {
    let server = Server::start("escape");
    for path in [
        "/../secret",
        "/sub/../../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/%00",
    ] {
        let answer = server.get(path);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
    }
}

#[test]
fn wrong_requests_get_their_status() {
    let server = Server::start("wrong");
    assert!(
        server
            .get("/none")
            .starts_with("HTTP/1.1 404 Not Found\r\n")
    );
    assert!(server.get("/index.html/x").starts_with("HTTP/1.1 404 "));
    assert!(
        server
            .ask("POST / HTTP/1.1\r\n\r\n")
            .contains("\r\nAllow: GET, HEAD\r\n")
    );
    assert!(server.ask("\x01\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(
        server
            .get(&format!("/{}", "x".repeat(20_000)))
            .starts_with("HTTP/1.1 431 ")
    );
}

#[test]
fn a_slow_client_holds_up_nobody() {
    let server = Server::start("slow");
    let mut slow = TcpStream::connect(server.address).unwrap();
    slow.write_all(b"GET /sub/a%20b.txt HT").unwrap();
    assert!(server.get("/").ends_with("front page"));
    slow.write_all(b"TP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("text"), "{answer}");
}

#[test]
fn the_log_is_in_the_combined_format() {
    let server = Server::start("log");
    server.ask("GET /none HTTP/1.0\r\nUser-Agent: me \"x\"\r\nReferer: there\r\n\r\n");
    let lines = server.log.lock().unwrap();
    let (before, after) = lines[0].split_once('[').unwrap();
    let (time, after) = after.split_once("] ").unwrap();
    assert_eq!(before, "127.0.0.1 - - ");
    assert_eq!(time.len(), "21/Nov/2026:01:47:36 +0000".len());
    assert!(after.starts_with("\"GET /none HTTP/1.0\" 404 "), "{after}");
    assert!(after.ends_with(" \"there\" \"me \\x22x\\x22\""), "{after}");
}
