//! What is asked of whom: addresses, paths and headers of requests, as Go's client of a kubelet makes them (rule D9).

use hyper::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRAILER,
    TRANSFER_ENCODING, USER_AGENT,
};
use url::Url;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) https: bool,
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Host and, where it was given, port.
    pub(super) authority: String,
    /// Path and query, as they are sent.
    pub(super) path: String,
}

impl Target {
    /// What a handler names.
    pub(super) fn first(https: bool, host: &str, port: u16, path: &str) -> Self {
        let authority = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        Self {
            https,
            host: host.to_owned(),
            port,
            authority,
            path: sent_path(path),
        }
    }

    /// The whole of it, for messages.
    pub(super) fn url(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}{}", self.authority, self.path)
    }

    /// Where a `Location` leads from here, and whether it names a host at all.
    pub(super) fn join(&self, location: &str) -> Result<(Self, bool), String> {
        let bad = |why: &dyn std::fmt::Display| {
            format!("failed to parse Location header {location:?}: {why}")
        };
        let base = Url::parse(&self.url()).map_err(|error| bad(&error))?;
        let next = base.join(location).map_err(|error| bad(&error))?;
        let https = match next.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(format!("unsupported protocol scheme {other:?}")),
        };
        let shown = next.host_str().unwrap_or_default().to_owned();
        let names_host = location.starts_with("//") || Url::parse(location).is_ok();
        let path = match next.query() {
            Some(query) => format!("{}?{query}", next.path()),
            None => next.path().to_owned(),
        };
        let target = Self {
            https,
            host: shown.trim_matches(['[', ']']).to_owned(),
            port: next.port_or_known_default().unwrap_or(80),
            authority: match next.port() {
                Some(port) => format!("{shown}:{port}"),
                None => shown,
            },
            path,
        };
        Ok((target, names_host))
    }
}

/// A path as it stands on a request's first line. One that is no URL is a path altogether, its question mark included.
fn sent_path(path: &str) -> String {
    let is_url = escapes_are_whole(path);
    let path = match path.split_once('#') {
        Some((path, _)) if is_url => path,
        _ => path,
    };
    let mut sent = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        sent.push('/');
    }
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_.~/!$&'()*+,;=:@[]".contains(&byte);
        if plain || (is_url && (byte == b'%' || byte == b'?')) {
            sent.push(char::from(byte));
        } else {
            sent.push_str(&format!("%{byte:02X}"));
        }
    }
    sent
}

fn escapes_are_whole(path: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    path.split('%')
        .skip(1)
        .all(|after| after.get(..2).is_some_and(is_hex))
}

/// The headers of a request, and the host it is to name if not the one it goes to.
#[derive(Clone, Debug)]
pub(super) struct Headers {
    pub(super) map: HeaderMap,
    pub(super) host: Option<HeaderValue>,
}

/// The handler's headers and those that every request has.
pub(super) fn headers(given: &[(String, String)], agent: &str) -> Result<Headers, String> {
    let mut map = HeaderMap::new();
    for (name, value) in given {
        let bad_name = |_| format!("net/http: invalid header field name {name:?}");
        let bad_value = |_| format!("net/http: invalid header field value for {name:?}");
        let name: HeaderName = name.parse().map_err(bad_name)?;
        let value = HeaderValue::from_str(value).map_err(bad_value)?;
        map.append(name, value);
    }
    let agent = HeaderValue::from_str(agent).map_err(|error| error.to_string())?;
    let agent = map.get(USER_AGENT).cloned().unwrap_or(agent);
    let accept = map.get(ACCEPT).cloned();
    let host = map.get(HOST).cloned().filter(|host| !host.is_empty());
    for name in [HOST, USER_AGENT, CONTENT_LENGTH, TRANSFER_ENCODING, TRAILER] {
        map.remove(name);
    }
    if !agent.is_empty() {
        map.insert(USER_AGENT, agent);
    }
    match accept {
        None => _ = map.insert(ACCEPT, HeaderValue::from_static("*/*")),
        Some(accept) if accept.is_empty() => _ = map.remove(ACCEPT),
        Some(_) => {}
    }
    map.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(Headers { map, host })
}

#[cfg(test)]
mod tests {
    use super::{Target, headers, sent_path};

    #[test]
    fn d9_a_path_is_sent_as_a_url_has_it() {
        for (path, sent) in [
            ("/", "/"),
            ("", "/"),
            ("healthz", "/healthz"),
            ("/a?b=c&d", "/a?b=c&d"),
            ("/a#b", "/a"),
            ("/a b/ä", "/a%20b/%C3%A4"),
            ("/100%25", "/100%25"),
            ("/100%?x", "/100%25%3Fx"),
            ("/%zz#", "/%25zz%23"),
        ] {
            assert_eq!(sent_path(path), sent, "{path}");
        }
    }

    fn sent(given: &[(&str, &str)]) -> (Vec<String>, Option<String>) {
        let given: Vec<_> = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let headers = headers(&given, "kube-probe/1.36").expect("good headers");
        let text = |value: &hyper::header::HeaderValue| value.to_str().expect("text").to_owned();
        let mut lines: Vec<String> = headers
            .map
            .iter()
            .map(|(name, value)| format!("{name}: {}", text(value)))
            .collect();
        lines.sort();
        (lines, headers.host.as_ref().map(text))
    }

    #[test]
    fn d9_headers_are_as_given_beside_agent_and_accept() {
        let usual = [
            "accept: */*",
            "connection: close",
            "user-agent: kube-probe/1.36",
        ];
        assert_eq!(sent(&[]).0, usual);
        let (lines, host) = sent(&[
            ("X-Me", "1"),
            ("x-me", "2"),
            ("Host", "example.com"),
            ("Accept", ""),
            ("User-Agent", "mine"),
            ("Content-Length", "7"),
        ]);
        assert_eq!(
            lines,
            [
                "connection: close",
                "user-agent: mine",
                "x-me: 1",
                "x-me: 2"
            ]
        );
        assert_eq!(host.as_deref(), Some("example.com"));
        let (lines, host) = sent(&[("Accept", "text/plain"), ("User-Agent", ""), ("Host", "")]);
        assert_eq!(lines, ["accept: text/plain", "connection: close"]);
        assert_eq!(host, None);
    }

    #[test]
    fn d9_a_header_that_cannot_be_sent_is_told() {
        let bad = [("X-Me".to_owned(), "a\nb".to_owned())];
        assert_eq!(
            headers(&bad, "a").expect_err("a newline"),
            "net/http: invalid header field value for \"X-Me\""
        );
    }

    #[test]
    fn d10_a_location_leads_on_from_where_it_was_given() {
        let from = Target::first(false, "10.88.0.2", 8080, "/a/b?c");
        assert_eq!(from.url(), "http://10.88.0.2:8080/a/b?c");
        for (location, url, names_host) in [
            ("/x?y", "http://10.88.0.2:8080/x?y", false),
            ("x", "http://10.88.0.2:8080/a/x", false),
            ("//other/x", "http://other/x", true),
            ("https://10.88.0.2:8443/", "https://10.88.0.2:8443/", true),
        ] {
            let (next, names) = from.join(location).expect("a location");
            assert_eq!(
                (next.url(), names),
                (url.to_owned(), names_host),
                "{location}"
            );
        }
        let (secure, _) = from.join("https://10.88.0.2").expect("a location");
        assert_eq!((secure.port, secure.host.as_str()), (443, "10.88.0.2"));
        assert!(from.join("ftp://10.88.0.2/").is_err());
    }
}
