//! Asks the container's name server: `dig udp|tcp TYPE NAME…`. Prints a line for each answer, its type and data; without any, what the server
//! says instead. A name without a dot at its end is tried in the domains of the search list first. WASI knows a resolver for addresses
//! only, so this speaks to the server itself (RFC 1035).

use std::io::{Error, Read, Result, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};

const USAGE: &str = "dig udp|tcp TYPE NAME...";
const TYPES: [(&str, u16); 6] = [
    ("A", 1),
    ("CNAME", 5),
    ("PTR", 12),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
];

fn main() {
    let mut args = behaviours::Args::new(USAGE);
    let (how, kind): (String, String) = (args.need(), args.need());
    let Some((_, kind)) = TYPES.iter().find(|(known, _)| *known == kind) else {
        behaviours::usage(USAGE)
    };
    let ask = match how.as_str() {
        "udp" => udp,
        "tcp" => tcp,
        _ => behaviours::usage(USAGE),
    };
    let conf = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let setting = |name: &str| -> Vec<&str> {
        let line = conf.lines().find_map(|line| line.strip_prefix(name));
        line.map(|rest| rest.split_whitespace().collect())
            .unwrap_or_default()
    };
    let server = format!(
        "{}:53",
        setting("nameserver").first().unwrap_or(&"127.0.0.1")
    );
    while let Some(name) = args.next() {
        let mut names = vec![name.clone()];
        if !name.ends_with('.') {
            let searched = setting("search")
                .into_iter()
                .map(|domain| format!("{name}.{domain}"));
            names.splice(0..0, searched);
        }
        let mut said = String::new();
        for name in &names {
            said = match ask(&server, &question(name, *kind)) {
                Ok(reply) => {
                    read(&reply).map_or("no reply to be read".into(), |lines| lines.join("\n"))
                }
                Err(e) => e.to_string(),
            };
            if !said.starts_with("code ") {
                break;
            }
        }
        println!("{said}");
    }
}

fn question(name: &str, kind: u16) -> Vec<u8> {
    // An id, "recursion desired", one question.
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.trim_end_matches('.').split('.') {
        bytes.push(u8::try_from(label.len()).expect("a label"));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

fn udp(server: &str, question: &[u8]) -> Result<Vec<u8>> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(server)?;
    socket.send(question)?;
    let mut reply = vec![0; 4096];
    let length = socket.recv(&mut reply)?;
    reply.truncate(length);
    Ok(reply)
}

fn tcp(server: &str, question: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server)?;
    let length = u16::try_from(question.len()).map_err(Error::other)?;
    stream.write_all(&[&length.to_be_bytes()[..], question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}

fn read(reply: &[u8]) -> Option<Vec<String>> {
    let code = reply.get(3)? & 15;
    let answers = number(reply, 6)?;
    if answers == 0 {
        return Some(vec![format!("code {code}")]);
    }
    let (_, after) = name(reply, 12)?;
    let mut at = after + 4;
    let mut lines = Vec::new();
    for _ in 0..answers {
        let (_, after) = name(reply, at)?;
        let (kind, length) = (number(reply, after)?, number(reply, after + 8)?);
        let data = after + 10;
        at = data + usize::from(length);
        let (known, _) = TYPES.iter().find(|(_, known)| *known == kind)?;
        lines.push(format!("{known} {}", text(reply, kind, data, at)?));
    }
    Some(lines)
}

fn text(reply: &[u8], kind: u16, data: usize, end: usize) -> Option<String> {
    Some(match kind {
        1 => {
            let bytes: [u8; 4] = reply.get(data..end)?.try_into().ok()?;
            Ipv4Addr::from(bytes).to_string()
        }
        5 | 12 => name(reply, data)?.0,
        33 => format!("{} {}", number(reply, data + 4)?, name(reply, data + 6)?.0),
        _ => String::from_utf8_lossy(reply.get(data + 1..end)?).into_owned(),
    })
}

fn number(reply: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(reply.get(at..at + 2)?.try_into().ok()?))
}

/// The name that stands there and where what follows it begins. A name may end by pointing at an earlier one.
fn name(reply: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut text, mut after) = (String::new(), None);
    for _ in 0..128 {
        let length = usize::from(*reply.get(at)?);
        if length == 0 {
            return Some((text, after.unwrap_or(at + 1)));
        }
        if length >= 0xc0 {
            after.get_or_insert(at + 2);
            at = usize::from(number(reply, at)? & 0x3fff);
            continue;
        }
        text += &String::from_utf8_lossy(reply.get(at + 1..at + 1 + length)?);
        text.push('.');
        at += 1 + length;
    }
    None
}
