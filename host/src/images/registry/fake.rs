//! A registry that does what a test says, and nothing well.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::images::Digest;
use crate::images::config::{INDEX, MANIFEST, WASM_CONFIG, WASM_LAYER};

/// What goes wrong with requests for a path that ends so.
#[derive(Clone)]
pub(crate) enum Fault {
    /// So many times, with that status and perhaps `Retry-After`.
    Status(&'static str, usize, u16, Option<u64>),
    /// So many times, the connection ends after so many bytes.
    Truncate(&'static str, usize, usize),
    /// The bytes are others.
    Wrong(&'static str),
    /// There is no end.
    Endless(&'static str),
    /// A refusal without end.
    EndlessRefusal(&'static str),
    /// There is no answer.
    Silent(&'static str),
    /// That is the answer to who asks for a token.
    Token(&'static [u8]),
    /// Parts cannot be asked for.
    NoRanges,
}

#[derive(Default)]
struct State {
    /// By path below the repository.
    things: Mutex<BTreeMap<String, (String, Vec<u8>)>>,
    faults: Mutex<Vec<Fault>>,
    seen: Mutex<Vec<String>>,
    /// Who may read, with which password.
    user: Mutex<Option<(String, String)>>,
}

pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Bytes that begin as a component does.
pub(crate) fn wasm(len: usize) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    let filling = (0..len).map(|at| u8::try_from(at % 251).expect("a byte"));
    bytes.extend(filling);
    bytes
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    // The client may have had enough.
                    let _ignored = serve(stream, &state, address).await;
                });
            }
        });
        Self {
            address,
            state,
            task,
        }
    }

    /// `127.0.0.1:PORT/team/REST`.
    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/team/{rest}", self.address)
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.state.faults.lock().expect("unpoisoned").push(fault);
    }

    pub(crate) fn heal(&self) {
        self.state.faults.lock().expect("unpoisoned").clear();
    }

    pub(crate) fn only_for(&self, user: &str, password: &str) {
        *self.state.user.lock().expect("unpoisoned") = Some((user.into(), password.into()));
    }

    /// What was asked for since the last time, without the rounds of authorization.
    pub(crate) fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.seen.lock().expect("unpoisoned"))
    }

    pub(crate) fn blob(&self, bytes: &[u8]) -> serde_json::Value {
        let digest = Digest::of(bytes);
        let path = format!("blobs/{digest}");
        self.put(path, "application/octet-stream", bytes.to_vec());
        json!({"digest": digest, "size": bytes.len(), "mediaType": "application/octet-stream"})
    }

    pub(crate) fn put(&self, path: String, kind: &str, bytes: Vec<u8>) {
        let mut things = self.state.things.lock().expect("unpoisoned");
        things.insert(path, (kind.to_owned(), bytes));
    }

    /// A manifest of blobs with these media types, the first of them the configuration; under a tag and its digest.
    pub(crate) fn image(&self, repository: &str, tag: &str, blobs: &[(&str, &[u8])]) -> Digest {
        let mut described = blobs.iter().map(|(kind, bytes)| {
            let mut blob = self.blob(bytes);
            blob["mediaType"] = json!(kind);
            blob
        });
        let config = described.next().expect("a configuration");
        let layers: Vec<_> = described.collect();
        let text =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.manifest(repository, tag, MANIFEST, text.to_string())
    }

    pub(crate) fn manifest(&self, repository: &str, tag: &str, kind: &str, text: String) -> Digest {
        let digest = Digest::of(text.as_bytes());
        for what in [tag.to_owned(), digest.to_string()] {
            let path = format!("team/{repository}/manifests/{what}");
            self.put(path, kind, text.clone().into_bytes());
        }
        digest
    }

    pub(crate) fn index(&self, repository: &str, tag: &str, of: &[(&str, &Digest)]) -> Digest {
        let manifests = of.iter().map(|(platform, digest)| {
            let (os, architecture) = platform.split_once('/').expect("os/architecture");
            json!({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": {"os": os, "architecture": architecture}})
        });
        let manifests: Vec<_> = manifests.collect();
        let text = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.manifest(repository, tag, INDEX, text.to_string())
    }

    /// A wasm artifact of one layer.
    pub(crate) fn artifact(&self, repository: &str, tag: &str, program: &[u8]) -> Digest {
        let blobs: [(&str, &[u8]); 2] = [(WASM_CONFIG, b"{}"), (WASM_LAYER, program)];
        self.image(repository, tag, &blobs)
    }
}

async fn serve(mut stream: TcpStream, state: &State, own: SocketAddr) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let header = |name: &str| {
        let mut lines = head.lines();
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let authorization = header("authorization").unwrap_or_default();
    let user = state.user.lock().expect("unpoisoned").clone();
    if let Some((name, password)) = user {
        let pair = format!("{name}:{password}");
        let basic = base64::engine::general_purpose::STANDARD.encode(pair);
        if path.starts_with("/token") {
            let faults = state.faults.lock().expect("unpoisoned").clone();
            for fault in faults {
                match fault {
                    Fault::Endless("token") => return endless(&mut stream, 200, b"{").await,
                    Fault::Silent("token") => return std::future::pending().await,
                    Fault::Token(text) => return answer(&mut stream, 200, "", text).await,
                    _ => {}
                }
            }
            let mut form =
                vec![0; header("content-length").map_or(0, |len| len.parse().expect("a length"))];
            stream.read_exact(&mut form).await?;
            let form = String::from_utf8_lossy(&form).into_owned();
            let identity = format!("refresh_token={password}");
            let known = authorization == format!("Basic {basic}")
                || form.starts_with("grant_type=refresh_token&") && form.ends_with(&identity);
            let token = r#"{"token": "", "access_token": "let-me-in"}"#;
            let (status, body) = if known { (200, token) } else { (401, "{}") };
            return answer(&mut stream, status, "", body.as_bytes()).await;
        }
        if authorization != "Bearer let-me-in" {
            let challenge = format!(
                "WWW-Authenticate: Bearer realm=\"http://{own}/token\",service=\"fake\"\r\n"
            );
            let body =
                br#"{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}"#;
            return answer(&mut stream, 401, &challenge, body).await;
        }
    }
    if path == "/v2/" {
        return answer(&mut stream, 200, "", b"{}").await;
    }
    let range = header("range");
    let noted = path.trim_start_matches("/v2/").to_owned();
    let noted = range
        .as_ref()
        .map_or_else(|| noted.clone(), |range| format!("{noted} {range}"));
    state.seen.lock().expect("unpoisoned").push(noted);
    let known = {
        let things = state.things.lock().expect("unpoisoned");
        let found = things
            .iter()
            .find(|(known, _)| path.ends_with(known.as_str()));
        found.map(|(_, (kind, bytes))| (kind.clone(), bytes.clone()))
    };
    let Some((kind, mut bytes)) = known else {
        let body = br#"{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}"#;
        return answer(&mut stream, 404, "", body).await;
    };
    let mut from = range.as_deref().and_then(|range| {
        let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
        from.parse::<usize>().ok()
    });
    let mut cut = None;
    let faults = {
        let mut faults = state.faults.lock().expect("unpoisoned");
        let now = faults.clone();
        for fault in faults.iter_mut() {
            match fault {
                Fault::Status(end, times, ..) | Fault::Truncate(end, times, _)
                    if path.contains(*end) =>
                {
                    *times = times.saturating_sub(1);
                }
                _ => {}
            }
        }
        now
    };
    for fault in faults {
        match fault {
            Fault::Status(end, 1.., code, after) if path.contains(end) => {
                let after = after.map(|after| format!("Retry-After: {after}\r\n"));
                return answer(&mut stream, code, &after.unwrap_or_default(), b"busy").await;
            }
            Fault::Truncate(end, 1.., bytes) if path.contains(end) => cut = Some(bytes),
            Fault::Wrong(end) if path.contains(end) => bytes.iter_mut().for_each(|byte| *byte ^= 1),
            Fault::Endless(end) if path.contains(end) => {
                return endless(&mut stream, 200, &bytes).await;
            }
            Fault::EndlessRefusal(end) if path.contains(end) => {
                return endless(&mut stream, 400, &bytes).await;
            }
            Fault::Silent(end) if path.contains(end) => {
                return std::future::pending().await;
            }
            Fault::NoRanges => from = None,
            _ => {}
        }
    }
    let more = match from {
        Some(from) => {
            let whole = bytes.len();
            bytes.drain(..from.min(whole));
            format!("Content-Range: bytes {from}-{}/{whole}\r\n", whole - 1)
        }
        None => String::new(),
    };
    let status = if from.is_some() { 206 } else { 200 };
    let more = format!("Content-Type: {kind}\r\n{more}");
    let head = head_of(status, &more, bytes.len());
    stream.write_all(head.as_bytes()).await?;
    let cut = cut.unwrap_or(bytes.len()).min(bytes.len());
    stream.write_all(&bytes[..cut]).await?;
    stream.shutdown().await
}

fn head_of(status: u16, more: &str, len: usize) -> String {
    format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {len}\r\n{more}\r\n")
}

async fn answer(
    stream: &mut TcpStream,
    status: u16,
    more: &str,
    body: &[u8],
) -> std::io::Result<()> {
    stream
        .write_all(head_of(status, more, body.len()).as_bytes())
        .await?;
    stream.write_all(body).await?;
    stream.shutdown().await
}

async fn endless(stream: &mut TcpStream, status: u16, start: &[u8]) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(start).await?;
    loop {
        stream.write_all(&[b' '; 4096]).await?;
    }
}
