//! The name server's answers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{DNSClass, Name, RData, RecordType as T};
use proptest::prelude::*;

use super::answer::{Answer, Transport, answer};
use crate::network::names::tests::{endpoint, service, services, zone};
use crate::network::{HOST_NAME, NetError, Service};

fn query(name: &str, kind: T) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn ask_of(services: &[Arc<Service>], query: &Message, transport: Transport) -> Message {
    match answer(&zone(services), &query.to_vec().unwrap(), transport) {
        Answer::Reply(bytes) => {
            let reply = Message::from_vec(&bytes).unwrap();
            assert_eq!(reply.id, query.id);
            assert_eq!(reply.message_type, MessageType::Response);
            reply
        }
        other => panic!("{other:?}"),
    }
}

fn ask(name: &str, kind: T) -> Message {
    ask_of(&services(), &query(name, kind), Transport::Udp)
}

fn data(reply: &Message) -> Vec<String> {
    let mut list: Vec<_> = reply.answers.iter().map(|r| r.data.to_string()).collect();
    list.sort();
    list
}

#[track_caller]
fn no_data(reply: &Message) {
    assert_eq!(reply.response_code, ResponseCode::NoError);
    assert!(reply.answers.is_empty(), "{reply}");
}

#[track_caller]
fn no_name(reply: &Message) {
    assert_eq!(reply.response_code, ResponseCode::NXDomain);
    assert!(reply.answers.is_empty(), "{reply}");
    assert!(matches!(reply.authorities[0].data, RData::SOA(_)));
    assert_eq!(reply.authorities[0].name.to_ascii(), "cluster.local.");
}

#[test]
fn n13_a_service_has_its_address_and_the_question_comes_back_as_it_was_spelt() {
    let reply = ask("Web.shop.svc.Cluster.local.", T::A);
    assert_eq!(data(&reply), ["10.89.0.20"]);
    assert!(reply.authoritative && reply.recursion_available && reply.recursion_desired);
    let asked = reply.queries[0].name().to_ascii();
    assert_eq!(asked, "Web.shop.svc.Cluster.local.");
    assert_eq!(reply.answers[0].name.to_ascii(), asked);
    assert_eq!(reply.answers[0].ttl, 5);
}

/// A Service `name` of the namespace `shop` that is another name for that one.
fn alias(name: &str, of: &str) -> Arc<Service> {
    let mut service = service(name, "shop", None);
    service.external_name = Some(of.to_owned());
    Arc::new(service)
}

#[test]
fn n13_an_external_name_is_an_alias() {
    let mut all = services();
    all.push(alias("far", "db.example.com"));
    all.push(alias("near", "web.shop.svc.cluster.local"));
    all.push(alias("egg", "hen.shop.svc.cluster.local"));
    all.push(alias("hen", "egg.shop.svc.cluster.local"));
    let ask = |name: &str, kind: T| {
        let name = format!("{name}.shop.svc.cluster.local.");
        ask_of(&all, &query(&name, kind), Transport::Udp)
    };
    for kind in [T::CNAME, T::ANY] {
        assert_eq!(data(&ask("far", kind)), ["db.example.com."]);
        assert_eq!(data(&ask("near", kind)), ["web.shop.svc.cluster.local."]);
    }
    let reply = ask("near", T::A);
    let owners: Vec<_> = reply.answers.iter().map(|r| r.name.to_ascii()).collect();
    assert_eq!(
        owners,
        [
            "near.shop.svc.cluster.local.",
            "web.shop.svc.cluster.local."
        ]
    );
    assert_eq!(reply.answers[0].record_type(), T::CNAME);
    assert_eq!(reply.answers[1].record_type(), T::A);
    let endless = ask("egg", T::A);
    assert_eq!(endless.response_code, ResponseCode::NXDomain);
}

#[test]
fn n13_an_alias_for_a_name_elsewhere_is_told_with_what_the_machine_says_of_that() {
    let all = [alias("far", "db.example.com")];
    let asked = query("far.shop.svc.cluster.local.", T::A);
    let asked = asked.to_vec().expect("a query");
    let Answer::Outside(question) = answer(&zone(&all), &asked, Transport::Udp) else {
        panic!("it is elsewhere");
    };
    assert_eq!(question.name(), "db.example.com");
    let reply = question
        .reply(Ok(vec![[192, 0, 2, 7].into()]))
        .expect("a reply");
    let reply = Message::from_vec(&reply).expect("a reply");
    let told: Vec<_> = reply.answers.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("far.shop") && told[0].ends_with("CNAME db.example.com."));
    assert!(told[1].starts_with("db.example.com.") && told[1].ends_with("A 192.0.2.7"));
}

#[test]
fn n13_a_headless_service_has_its_ready_endpoints_in_turns() {
    let services = services();
    let mut first = Vec::new();
    for id in 0..3 {
        let mut query = query("db.shop.svc.cluster.local.", T::A);
        query.metadata.id = id;
        let reply = ask_of(&services, &query, Transport::Udp);
        assert_eq!(data(&reply), ["10.88.0.6", "10.88.0.8", "10.88.0.9"]);
        first.push(reply.answers[0].data.to_string());
    }
    assert_eq!(first, ["10.88.0.6", "10.88.0.8", "10.88.0.9"]);
    no_name(&ask("dead.shop.svc.cluster.local.", T::A));
}

#[test]
fn a_name_without_such_records_exists_all_the_same() {
    for kind in [T::AAAA, T::CNAME, T::MX, T::TXT, T::HTTPS] {
        let reply = ask("web.shop.svc.cluster.local.", kind);
        no_data(&reply);
        assert_eq!(reply.authorities.len(), 1);
    }
    for name in ["svc", "pod", "shop.svc", "_tcp.web.shop.svc"] {
        no_data(&ask(&format!("{name}.cluster.local."), T::A));
    }
    for name in [
        "nobody.shop.svc",
        "x.svc",
        "nobody",
        "_udp.web.shop.svc",
        "a.b.c.d.e.f",
    ] {
        no_name(&ask(&format!("{name}.cluster.local."), T::A));
    }
}

#[test]
fn n13_srv_names_the_ports() {
    let reply = ask("_http._tcp.web.shop.svc.cluster.local.", T::SRV);
    assert_eq!(data(&reply), ["0 100 80 web.shop.svc.cluster.local."]);
    assert_eq!(
        reply.additionals[0].data,
        RData::A(A([10, 89, 0, 20].into()))
    );
    let reply = ask("_http._tcp.db.shop.svc.cluster.local.", T::SRV);
    assert_eq!(
        data(&reply),
        [
            "0 33 8080 10-88-0-6.db.shop.svc.cluster.local.",
            "0 33 8080 db-0.db.shop.svc.cluster.local.",
            "0 33 8080 db-1.db.shop.svc.cluster.local."
        ]
    );
    assert_eq!(reply.additionals.len(), 3);
    assert_eq!(data(&ask("web.shop.svc.cluster.local.", T::SRV)).len(), 1);
    no_name(&ask("_http._udp.web.shop.svc.cluster.local.", T::SRV));
    no_name(&ask("_x._tcp.web.shop.svc.cluster.local.", T::SRV));
    no_name(&ask("http._tcp.web.shop.svc.cluster.local.", T::SRV));
}

#[test]
fn n13_an_endpoint_without_such_a_port_is_no_target() {
    let mut db = service("db", "shop", None);
    db.endpoints = vec![endpoint(9, None, true), endpoint(8, None, true)];
    db.endpoints[0].targets = vec![None];
    db.endpoints[1].targets = Vec::new();
    let query = query("_http._tcp.db.shop.svc.cluster.local.", T::SRV);
    no_name(&ask_of(&[Arc::new(db)], &query, Transport::Udp));
}

#[test]
fn n13_addresses_have_names() {
    let ptr = |ip: &str| {
        let mut parts: Vec<_> = ip.split('.').collect();
        parts.reverse();
        ask(&format!("{}.in-addr.arpa.", parts.join(".")), T::PTR)
    };
    assert_eq!(data(&ptr("10.89.0.20")), ["web.shop.svc.cluster.local."]);
    assert_eq!(data(&ptr("10.88.0.9")), ["db-1.db.shop.svc.cluster.local."]);
    assert_eq!(
        data(&ptr("10.88.0.6")),
        ["10-88-0-6.db.shop.svc.cluster.local."]
    );
    assert_eq!(data(&ptr("10.89.0.10")), ["ns.dns.cluster.local."]);
    assert_eq!(data(&ptr("127.0.0.1")), ["localhost."]);
    assert_eq!(ptr("10.88.0.77").response_code, ResponseCode::NXDomain);
    assert_eq!(ptr("8.8.8.8").response_code, ResponseCode::NXDomain);
    let six = format!("1.{}ip6.arpa.", "0.".repeat(31));
    assert_eq!(data(&ask(&six, T::PTR)), ["localhost."]);
}

#[test]
fn the_zone_speaks_for_itself() {
    assert_eq!(data(&ask("dns-version.cluster.local.", T::TXT)), ["1.1.0"]);
    assert_eq!(
        data(&ask("cluster.local.", T::NS)),
        ["ns.dns.cluster.local."]
    );
    assert!(matches!(
        ask("cluster.local.", T::SOA).answers[0].data,
        RData::SOA(_)
    ));
    assert_eq!(data(&ask("ns.dns.cluster.local.", T::A)), ["10.89.0.10"]);
    assert_eq!(data(&ask("localhost.", T::A)), ["127.0.0.1"]);
    assert_eq!(data(&ask(&format!("{HOST_NAME}."), T::A)), ["10.88.0.1"]);
    assert_eq!(
        data(&ask("web.shop.svc.cluster.local.", T::ANY)),
        ["10.89.0.20"]
    );
    no_data(&ask("localhost.", T::AAAA));
}

#[test]
fn names_of_nobody_here_are_the_machines_to_answer() {
    let ask = |name: &str, kind| {
        let mut bytes = query(&name.replace('~', "x"), kind).to_vec().unwrap();
        if let Some(at) = name.find('~') {
            bytes[12 + 1 + at] = b' ';
        }
        answer(&zone(&services()), &bytes, Transport::Udp)
    };
    let question = |kind| match ask("Example.com.", kind) {
        Answer::Outside(question) => question,
        other => panic!("{other:?}"),
    };
    assert_eq!(question(T::A).name(), "example.com");
    let both = || vec![[1, 2, 3, 4].into(), "2001:db8::1".parse().unwrap()];
    let read = |bytes: Option<Vec<u8>>| Message::from_vec(&bytes.unwrap()).unwrap();
    let reply = read(question(T::A).reply(Ok(both())));
    assert_eq!(data(&reply), ["1.2.3.4"]);
    assert!(!reply.authoritative);
    assert_eq!(
        data(&read(question(T::AAAA).reply(Ok(both())))),
        ["2001:db8::1"]
    );
    no_data(&read(
        question(T::AAAA).reply(Ok(vec![[1, 2, 3, 4].into()])),
    ));
    for (error, code) in [
        (NetError::NameUnresolvable, ResponseCode::NXDomain),
        (NetError::AccessDenied, ResponseCode::Refused),
        (NetError::NameServerFailed, ResponseCode::ServFail),
    ] {
        assert_eq!(read(question(T::A).reply(Err(error))).response_code, code);
    }
    let many = (0..=255).map(|n| IpAddr::from([1, 2, 3, n])).collect();
    let reply = read(question(T::A).reply(Ok(many)));
    assert!(reply.truncation && reply.answers.is_empty());
    for (name, kind, code) in [
        ("example.com.", T::MX, ResponseCode::NotImp),
        ("a~b.example.", T::A, ResponseCode::NXDomain),
    ] {
        match ask(name, kind) {
            Answer::Reply(bytes) => assert_eq!(read(Some(bytes)).response_code, code),
            other => panic!("{other:?}"),
        }
    }
}

fn crowd() -> Vec<Arc<Service>> {
    let mut db = service("db", "shop", None);
    db.endpoints = (1..=100).map(|n| endpoint(n, None, true)).collect();
    vec![Arc::new(db)]
}

#[test]
fn rfc1035_a_reply_over_512_bytes_is_cut_unless_the_client_takes_more() {
    let services = crowd();
    let mut query = query("db.shop.svc.cluster.local.", T::A);
    let cut = ask_of(&services, &query, Transport::Udp);
    assert!(cut.truncation && cut.answers.is_empty());
    let whole = ask_of(&services, &query, Transport::Tcp);
    assert_eq!(whole.answers.len(), 100);
    let mut edns = Edns::new();
    edns.set_max_payload(u16::MAX);
    query.set_edns(edns);
    let whole = ask_of(&services, &query, Transport::Udp);
    assert!(!whole.truncation, "1,700 bytes fit in 4096");
    assert_eq!(whole.answers.len(), 100);
    assert_eq!(whole.edns.unwrap().max_payload(), 1232);
}

#[test]
fn rfc2181_only_what_is_additional_is_left_out_silently() {
    let mut db = service("db", "shop", None);
    db.endpoints = (1..=8).map(|n| endpoint(n, None, true)).collect();
    let query = query("_http._tcp.db.shop.svc.cluster.local.", T::SRV);
    let reply = ask_of(&[Arc::new(db)], &query, Transport::Udp);
    assert!(!reply.truncation);
    assert_eq!((reply.answers.len(), reply.additionals.len()), (8, 0));
}

#[test]
fn rfc6891_an_unknown_version_is_told() {
    let mut query = query("web.shop.svc.cluster.local.", T::A);
    let mut edns = Edns::new();
    edns.set_version(1);
    query.set_edns(edns);
    let reply = ask_of(&services(), &query, Transport::Udp);
    // The decoder calls 16 by its other name, BADSIG.
    assert_eq!(
        u16::from(reply.response_code),
        u16::from(ResponseCode::BADVERS)
    );
}

#[test]
fn what_is_no_query_gets_an_error_or_nothing() {
    let zone_services = services();
    let zone = zone(&zone_services);
    let code = |bytes: &[u8]| match answer(&zone, bytes, Transport::Udp) {
        Answer::Reply(bytes) => Some(Message::from_vec(&bytes).unwrap().response_code),
        Answer::Outside(question) => panic!("{question:?}"),
        Answer::Nothing => None,
    };
    let whole = query("web.shop.svc.cluster.local.", T::A).to_vec().unwrap();
    for length in 0..12 {
        assert_eq!(code(&whole[..length]), None);
    }
    for length in 12..whole.len() {
        assert_eq!(code(&whole[..length]), Some(ResponseCode::FormErr));
    }
    let mut response = query("web.shop.svc.cluster.local.", T::A);
    response.metadata.message_type = MessageType::Response;
    assert_eq!(code(&response.to_vec().unwrap()), None);
    let mut notify = query("web.shop.svc.cluster.local.", T::A);
    notify.metadata.op_code = OpCode::Notify;
    assert_eq!(code(&notify.to_vec().unwrap()), Some(ResponseCode::NotImp));
    let mut many = whole.clone();
    many[4..6].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(code(&many), Some(ResponseCode::FormErr));
    let transfer = query("cluster.local.", T::AXFR).to_vec().unwrap();
    assert_eq!(code(&transfer), Some(ResponseCode::Refused));
    let mut chaos = query("web.shop.svc.cluster.local.", T::A);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(code(&chaos.to_vec().unwrap()), Some(ResponseCode::Refused));
}

#[test]
fn a_dot_inside_a_label_is_no_dot_between_labels() {
    let name = Name::from_labels([&b"web.shop"[..], b"svc", b"cluster", b"local"]).unwrap();
    let mut message = Message::query();
    message.add_query(Query::query(name, T::A));
    no_name(&ask_of(&services(), &message, Transport::Udp));
}

proptest! {
    #[test]
    fn any_bytes_have_an_answer_that_fits(bytes in prop::collection::vec(any::<u8>(), 0..600), at in 0..60usize, byte: u8) {
        let services = crowd();
        let mut near = query("_http._tcp.db.shop.svc.cluster.local.", T::SRV).to_vec().unwrap();
        if let Some(place) = near.get_mut(at) {
            *place = byte;
        }
        for bytes in [&bytes, &near] {
            match answer(&zone(&services), bytes, Transport::Udp) {
                Answer::Reply(reply) => prop_assert!(reply.len() <= 4096),
                Answer::Outside(question) => {
                    let reply = question.reply(Ok(vec![Ipv4Addr::LOCALHOST.into()]));
                    prop_assert!(reply.is_some_and(|reply| reply.len() <= 4096));
                }
                Answer::Nothing => {}
            }
        }
    }
}
