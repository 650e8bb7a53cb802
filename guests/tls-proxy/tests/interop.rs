//! The program itself, built for this machine, and a client with other implementations of the algorithms: `cargo test -p tls-proxy`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, SupportedKxGroup, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
    SupportedCipherSuite,
};

struct Proxy {
    child: Child,
    port: u16,
    admin: u16,
}

impl Proxy {
    fn start(upstream: &str) -> Proxy {
        let free = || {
            TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
        };
        let (port, admin) = (free(), free());
        let mut child = Command::new(env!("CARGO_BIN_EXE_tls-proxy"))
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--admin", &format!("127.0.0.1:{admin}")])
            .args(["--upstream", upstream])
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", admin)).is_ok() {
                return Proxy { child, port, admin };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.kill().unwrap();
        panic!("it does not listen: {}", child.wait().unwrap());
    }

    fn connect(&self, config: ClientConfig) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(
            client,
            TcpStream::connect(("127.0.0.1", self.port)).unwrap(),
        )
    }

    fn admin(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.admin)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends back all it got, once the client has said that it was all.
fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            stream.write_all(&all).unwrap();
        }
    });
    address
}

/// Whoever signed the certificate; but the server must have its key.
#[derive(Debug)]
struct AnyIssuer(CryptoProvider);

impl ServerCertVerifier for AnyIssuer {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            signed,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn client(suite: SupportedCipherSuite, group: &'static dyn SupportedKxGroup) -> ClientConfig {
    let mut provider = ring::default_provider();
    provider.cipher_suites = vec![suite];
    provider.kx_groups = vec![group];
    ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_protocol_versions(&[suite.version()])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyIssuer(provider)))
        .with_no_client_auth()
}

#[test]
fn every_suite_and_group_carries_data_both_ways_beyond_a_half_close() {
    use ring::cipher_suite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TLS13_AES_128_GCM_SHA256, TLS13_CHACHA20_POLY1305_SHA256,
    };
    let proxy = Proxy::start(&upstream());
    let data: Vec<u8> = (0..300_001_u32).map(|it| it as u8).collect();
    for suite in [
        TLS13_CHACHA20_POLY1305_SHA256,
        TLS13_AES_128_GCM_SHA256,
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ] {
        for group in [ring::kx_group::X25519, ring::kx_group::SECP256R1] {
            let mut stream = proxy.connect(client(suite, group));
            stream.write_all(&data).unwrap();
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
            let mut back = Vec::new();
            stream.read_to_end(&mut back).unwrap();
            assert!(back == data, "{suite:?} {group:?}: {} bytes", back.len());
        }
    }
    let stats = proxy.admin("/stats");
    assert!(
        stats.contains("ssl.handshake: 8\n") && stats.contains("rx_bytes_total: 2400008\n"),
        "{stats}"
    );
    assert!(proxy.admin("/ready").ends_with("\r\n\r\nLIVE\n"));
    assert!(proxy.admin("/server_info").contains("\"state\": \"LIVE\""));
}

#[test]
fn what_is_no_tls_and_an_upstream_that_is_not_there_are_told_and_counted() {
    let proxy = Proxy::start("127.0.0.1:9");
    let mut plain = TcpStream::connect(("127.0.0.1", proxy.port)).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let _ = plain.read_to_end(&mut Vec::new());
    let mut stream = proxy.connect(client(
        ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
        ring::kx_group::X25519,
    ));
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let stats = proxy.admin("/stats");
    assert!(
        stats.contains("ssl.connection_error: 1\n") && stats.contains("connect_fail: 1\n"),
        "{stats}"
    );
}

#[test]
fn a_key_of_another_kind_is_refused_by_name() {
    let folder = std::env::temp_dir().join(format!("peapod-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (cert, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    std::fs::write(
        &cert,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    std::fs::write(
        &key,
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tls-proxy"))
        .arg("--cert")
        .arg(&cert)
        .arg("--key")
        .arg(&key)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("tls.key: no EC private key over P-256"),
        "{said}"
    );
}
