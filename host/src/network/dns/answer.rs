//! One query, one reply: bytes in, bytes out.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Header, Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use crate::network::NetError;
use crate::network::names::is_name;
use crate::network::zone::{Found, Target, Zone, reverse};

/// Seconds that a client may remember an answer: as short as a cluster's, for pods come and go.
const TTL: u32 = 5;
/// What a datagram carries where the client does not say otherwise (RFC 1035, 4.2.1).
const UDP_BYTES: u16 = 512;
/// What it carries at most, whatever the client says.
const UDP_BYTES_MAX: u16 = 4096;
/// What this server takes (RFC 6891, 6.2.5).
const EDNS_BYTES: u16 = 1232;

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::network) enum Transport {
    /// A reply that does not fit is cut, and the client asks again by TCP.
    Udp,
    /// 65,535 bytes fit.
    Tcp,
}

/// What to do with a query.
#[derive(Debug)]
pub(in crate::network) enum Answer {
    /// Send this.
    Reply(Vec<u8>),
    /// The machine has to be asked for a name.
    Outside(Box<Question>),
    /// Send nothing: a reply would answer a reply, or nobody could tell what it answers.
    Nothing,
}

/// A question for the machine's resolver.
#[derive(Debug)]
pub(in crate::network) struct Question {
    request: Message,
    limit: u16,
    /// What the name asked for is another name for, if it is: the records that say so, and at their end the name to look up.
    aliases: Vec<Record>,
    owner: Name,
    name: String,
}

/// Answers a query from what is known here.
pub(in crate::network) fn answer(zone: &Zone<'_>, query: &[u8], transport: Transport) -> Answer {
    // The header first: the decoder reserves room for as many questions as it claims to have.
    let Ok(header) = Header::read(&mut BinDecoder::new(query)) else {
        return Answer::Nothing;
    };
    let metadata = header.metadata;
    if metadata.message_type == MessageType::Response {
        return Answer::Nothing;
    }
    if metadata.op_code != OpCode::Query {
        return failure(&metadata, ResponseCode::NotImp);
    }
    let counts = header.counts;
    if counts.queries != 1 || counts.answers != 0 || counts.authorities != 0 {
        return failure(&metadata, ResponseCode::FormErr);
    }
    let Ok(request) = Message::from_vec(query) else {
        return failure(&metadata, ResponseCode::FormErr);
    };
    let limit = match transport {
        Transport::Udp => request.max_payload().clamp(UDP_BYTES, UDP_BYTES_MAX),
        Transport::Tcp => u16::MAX,
    };
    let mut reply = reply_to(&request);
    let Some(question) = request.queries.first() else {
        return failure(&metadata, ResponseCode::FormErr);
    };
    let kind = question.query_type();
    if request.version() > 0 {
        reply.metadata.response_code = ResponseCode::BADVERS;
    } else if !matches!(question.query_class(), DNSClass::IN | DNSClass::ANY)
        || matches!(kind, RecordType::AXFR | RecordType::IXFR)
    {
        reply.metadata.response_code = ResponseCode::Refused;
    } else {
        let name = text(question.name());
        let records = Records::new(zone, question.name(), metadata.id);
        if let Asked::Machine(owner) = records.fill(&name, kind, &mut reply) {
            let (name, aliases) = (text(&owner), std::mem::take(&mut reply.answers));
            if !matches!(kind, RecordType::A | RecordType::AAAA) {
                // The machine's resolver finds addresses only; "no such record" would be a lie.
                reply.metadata.response_code = ResponseCode::NotImp;
            } else if is_name(&name) {
                return Answer::Outside(Box::new(Question {
                    request,
                    limit,
                    aliases,
                    owner,
                    name,
                }));
            } else {
                reply.metadata.response_code = ResponseCode::NXDomain;
            }
        }
    }
    encode(reply, limit)
}

impl Question {
    /// The name to look up; absolute.
    pub(in crate::network) fn name(&self) -> &str {
        &self.name
    }

    /// The reply, as the machine answered.
    pub(in crate::network) fn reply(self, found: Result<Vec<IpAddr>, NetError>) -> Option<Vec<u8>> {
        let mut reply = reply_to(&self.request);
        let question = self.request.queries.first()?;
        reply.add_answers(self.aliases);
        match found {
            Ok(ips) => {
                for ip in ips {
                    let data = match (ip, question.query_type()) {
                        (IpAddr::V4(ip), RecordType::A) => RData::A(A(ip)),
                        (IpAddr::V6(ip), RecordType::AAAA) => RData::AAAA(AAAA(ip)),
                        _ => continue,
                    };
                    reply.add_answer(Record::from_rdata(self.owner.clone(), TTL, data));
                }
            }
            Err(error) => {
                reply.metadata.response_code = match error {
                    NetError::NameUnresolvable => ResponseCode::NXDomain,
                    NetError::AccessDenied => ResponseCode::Refused,
                    _ => ResponseCode::ServFail,
                };
            }
        }
        match encode(reply, self.limit) {
            Answer::Reply(bytes) => Some(bytes),
            _ => None,
        }
    }
}

fn reply_to(request: &Message) -> Message {
    let mut reply = Message::new(request.id, MessageType::Response, OpCode::Query);
    reply.metadata = Metadata::response_from_request(&request.metadata);
    reply.metadata.recursion_available = true;
    reply.add_queries(request.queries.iter().cloned());
    if request.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(EDNS_BYTES);
        reply.set_edns(edns);
    }
    reply
}

fn failure(request: &Metadata, code: ResponseCode) -> Answer {
    encode(
        Message::error_msg(request.id, request.op_code, code),
        UDP_BYTES,
    )
}

fn encode(mut reply: Message, limit: u16) -> Answer {
    let fits = |bytes: &Vec<u8>| bytes.len() <= usize::from(limit);
    let whole = reply.to_vec().ok().filter(fits);
    let bytes = whole.or_else(|| {
        // What only spares the client a question is no reason to ask again by TCP (RFC 2181, 9).
        reply.additionals.clear();
        reply.to_vec().ok().filter(fits)
    });
    match bytes.or_else(|| reply.truncate().to_vec().ok()) {
        Some(bytes) => Answer::Reply(bytes),
        None => Answer::Nothing,
    }
}

/// A name as the zone knows names. A dot inside a label is escaped, so it cannot be taken for one between labels.
fn text(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').map(str::to_owned).unwrap_or(text)
}

/// Who knows a name.
enum Asked {
    Zone,
    /// Of the name that was asked for, or of what that is another name for.
    Machine(Name),
}

struct Records<'z> {
    zone: &'z Zone<'z>,
    name: &'z Name,
    /// Which of several addresses comes first; clients take the first, and each is to have its share.
    turn: usize,
}

impl<'z> Records<'z> {
    fn new(zone: &'z Zone<'z>, name: &'z Name, id: u16) -> Self {
        Self {
            zone,
            name,
            turn: usize::from(id),
        }
    }

    fn fill(&self, name: &str, kind: RecordType, reply: &mut Message) -> Asked {
        reply.metadata.authoritative = true;
        if let Some(ip) = reverse(name) {
            let names = match ip {
                IpAddr::V4(ip) => self.zone.names_of(ip),
                IpAddr::V6(ip) if ip.is_loopback() => vec!["localhost".to_owned()],
                IpAddr::V6(_) => Vec::new(),
            };
            if names.is_empty() {
                // Names of the real network's addresses, too: the machine's resolver is asked for addresses only.
                reply.metadata.response_code = ResponseCode::NXDomain;
            } else if is(kind, RecordType::PTR) {
                let names = names.iter().filter_map(|name| absolute(name));
                self.add(reply, names.map(|name| RData::PTR(PTR(name))));
            }
            return Asked::Zone;
        }
        let (aliases, found) = self.zone.follow(name);
        let Some(end) = self.add_aliases(reply, &aliases) else {
            return self.give(name, &found, kind, reply);
        };
        // Whoever asks for aliases is not told what they lead to.
        if is(kind, RecordType::CNAME) {
            reply.answers.truncate(1);
            return Asked::Zone;
        }
        let records = Records {
            name: &end,
            ..*self
        };
        records.give(&text(&end), &found, kind, reply)
    }

    /// What was found at the name.
    fn give(&self, name: &str, found: &Found, kind: RecordType, reply: &mut Message) -> Asked {
        let apex = name == self.zone.name;
        match found {
            Found::Foreign => {
                reply.metadata.authoritative = false;
                return Asked::Machine(self.name.clone());
            }
            Found::Addresses(ips) if is(kind, RecordType::A) => {
                let mut ips = ips.clone();
                let turn = self.turn.checked_rem(ips.len()).unwrap_or(0);
                ips.rotate_left(turn);
                self.add(reply, ips.into_iter().map(|ip| RData::A(A(ip))));
            }
            Found::Addresses(_) if kind == RecordType::SRV => {
                self.add_ports(reply, &self.zone.find_ports(name).unwrap_or_default());
            }
            Found::Ports(targets) if is(kind, RecordType::SRV) => self.add_ports(reply, targets),
            Found::Text(text) if is(kind, RecordType::TXT) => {
                self.add(reply, [RData::TXT(TXT::new(vec![(*text).to_owned()]))]);
            }
            Found::Empty if apex && kind == RecordType::NS => {
                if let Some(server) = absolute(&self.name_server()) {
                    let address = RData::A(A(self.zone.dns_ip));
                    reply.add_additional(Record::from_rdata(server.clone(), TTL, address));
                    self.add(reply, [RData::NS(NS(server))]);
                }
            }
            Found::Empty if apex && is(kind, RecordType::SOA) => {
                self.add(reply, self.start_of_authority());
            }
            Found::Nothing => reply.metadata.response_code = ResponseCode::NXDomain,
            Found::Addresses(_)
            | Found::Ports(_)
            | Found::Text(_)
            | Found::Alias(_)
            | Found::Empty => {}
        }
        if reply.answers.is_empty() && self.zone.contains(name) {
            // How long "no" may be remembered (RFC 2308, 3).
            if let (Some(apex), Some(soa)) = (absolute(self.zone.name), self.start_of_authority()) {
                reply.add_authority(Record::from_rdata(apex, TTL, soa));
            }
        }
        Asked::Zone
    }

    fn add(&self, reply: &mut Message, data: impl IntoIterator<Item = RData>) {
        let record = |data| Record::from_rdata(self.name.clone(), TTL, data);
        reply.add_answers(data.into_iter().map(record));
    }

    /// Tells of each alias from the name on, and gives the last of them.
    fn add_aliases(&self, reply: &mut Message, aliases: &[String]) -> Option<Name> {
        let mut end = None;
        for alias in aliases {
            let next = absolute(alias)?;
            let owner = end.unwrap_or_else(|| self.name.clone());
            let data = RData::CNAME(CNAME(next.clone()));
            reply.add_answer(Record::from_rdata(owner, TTL, data));
            end = Some(next);
        }
        end
    }

    fn add_ports(&self, reply: &mut Message, targets: &[Target]) {
        let share = targets.len().clamp(1, 100);
        let weight = u16::try_from(100 / share).unwrap_or(1);
        for target in targets {
            let Some(name) = absolute(&target.name) else {
                continue;
            };
            let srv = SRV::new(0, weight, target.port, name.clone());
            self.add(reply, [RData::SRV(srv)]);
            for ip in &target.addresses {
                let record = Record::from_rdata(name.clone(), TTL, RData::A(A(*ip)));
                if !reply.additionals.contains(&record) {
                    reply.add_additional(record);
                }
            }
        }
    }

    fn name_server(&self) -> String {
        format!("ns.dns.{}", self.zone.name)
    }

    fn start_of_authority(&self) -> Option<RData> {
        let server = absolute(&self.name_server())?;
        let person = absolute(&format!("hostmaster.{}", self.zone.name))?;
        let minimum = TTL;
        Some(RData::SOA(SOA::new(
            server, person, 1, 7200, 1800, 86400, minimum,
        )))
    }
}

/// Whether a question for `asked` is answered by records of that type.
fn is(asked: RecordType, kind: RecordType) -> bool {
    asked == kind || asked == RecordType::ANY
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}
