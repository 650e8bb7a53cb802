//! Services while the pods behind them come and go, and what has a name. Tests with a line `conformance` do what that test of Kubernetes'
//! suite does; where that one updates a Service, this one replaces it.

use peapod::store::Kind;

use crate::harness::{guest, project};
use crate::host::{Host, pod, showing};
use crate::running::until_page;

/// A pod of one server, with the label `app: APP`.
fn server(name: &str, app: &str, image: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {app}}}}}\nspec:\n  terminationGracePeriodSeconds: 1\n  \
         containers:\n  - {{name: c, image: {}, {container}}}\n---\n",
        guest(image).display()
    )
}

/// A Service of the pods with the label `app: NAME`.
fn service(name: &str, spec: &str, ports: &[&str]) -> String {
    let ports: Vec<_> = ports.iter().map(|port| format!("{{{port}}}")).collect();
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{{spec} selector: {{app: {name}}}, ports: [{}]}}\n---\n",
        ports.join(", ")
    )
}

/// A pod that shows again and again which servers answer there.
fn client(name: &str, url: &str) -> String {
    let ask = format!("curl -s --max-time 5 http://{url} | cut -d \" \" -f 5");
    let script = format!("for n in 1 2 3 4 5 6; do {ask}; done | sort -u; echo end");
    pod(name, "", "", &showing(name, &script))
}

const KUBIA: &str = "kubia";
const ANY: &str = "stdin: false";

// conformance: [sig-network] Services should serve a basic endpoint from pods (service.go)
#[test]
fn n12_a_service_leads_to_the_pods_that_are_there_and_to_no_other() {
    let host = Host::start();
    host.apply(&(service("web", "", &["port: 80, targetPort: 8080"]) + &client("seen", "web")));
    host.wait_for("seen", "end\n");
    host.apply(&server("one", "web", KUBIA, ANY));
    host.wait_for("seen", "one.\nend\n");
    host.apply(&server("two", "web", KUBIA, ANY));
    host.wait_for("seen", "one.\ntwo.\nend\n");
    host.apply(&server("other", "shop", KUBIA, ANY));
    host.delete("one");
    host.wait_for("seen", "two.\nend\n");
    host.delete("two");
    host.wait_for("seen", "end\n");
}

// conformance: [sig-network] Services should serve multiport endpoints from pods (service.go)
#[test]
fn n11_each_port_of_a_service_leads_to_the_pods_that_have_its_target() {
    let host = Host::start();
    let ports = [
        "name: a, port: 80, targetPort: portname1",
        "name: b, port: 81, targetPort: portname2",
    ];
    let script = "for port in 80 81; do nc -z -w 5 many $port && echo $port; done; echo end";
    host.apply(&(service("many", "", &ports) + &pod("seen", "", "", &showing("seen", script))));
    host.wait_for("seen", "end\n");
    let listening = |port: u16, name: &str| {
        format!(
            "args: [netexec, --http-port={port}], ports: [{{name: {name}, containerPort: {port}}}]"
        )
    };
    host.apply(&server(
        "one",
        "many",
        "agnhost",
        &listening(8100, "portname1"),
    ));
    host.wait_for("seen", "80\nend\n");
    host.apply(&server(
        "two",
        "many",
        "agnhost",
        &listening(8101, "portname2"),
    ));
    host.wait_for("seen", "80\n81\nend\n");
    host.delete("one");
    host.wait_for("seen", "81\nend\n");
    host.delete("two");
    host.wait_for("seen", "end\n");
}

// conformance: [sig-network] Services should serve endpoints on same port and different protocols (service.go)
#[test]
fn n11_one_port_number_may_be_tcp_and_udp() {
    let host = Host::start();
    let (tcp, udp) = (
        "name: tcp-port, port: 80, targetPort: 7, protocol: TCP",
        "name: udp-port, port: 80, targetPort: 7, protocol: UDP",
    );
    let echo = server("echo", "both", "echo", "args: [\"7\"]");
    // Datagrams may be lost: what counts is that some come back, or none.
    let script = "echo tcp | nc -w 2 both 80; echo udp | nc -u -w 2 both 80; echo end";
    let client = pod("seen", "", "", &showing("seen", script));
    host.apply(&(service("both", "", &[tcp, udp]) + &echo + &client));
    host.wait_for("seen", "tcp\nudp\nend\n");
    host.apply(&service("both", "", &[tcp]));
    host.wait_for("seen", "tcp\nend\n");
    host.apply(&service("both", "", &[udp]));
    host.wait_for("seen", "udp\nend\n");
}

// conformance: [sig-network] Services should be able to create a functioning NodePort service (service.go)
#[test]
fn n11_a_node_port_serves_by_name_by_address_and_from_the_machine() {
    let host = Host::start();
    let port = 30_000 + crate::running::free_port() % 2767;
    let spec = "type: NodePort, clusterIP: 10.89.7.7,";
    let ports = format!("port: 80, targetPort: 8080, nodePort: {port}");
    let pods = server("one", "web", KUBIA, ANY) + &server("two", "web", KUBIA, ANY);
    let clients = client("by-name", "web") + "---\n" + &client("by-address", "10.89.7.7");
    host.apply(&(service("web", spec, &[&ports]) + &pods + &clients));
    host.wait_for("by-name", "one.\ntwo.\nend\n");
    host.wait_for("by-address", "one.\ntwo.\nend\n");
    until_page(port, "/", "this is one.");
    until_page(port, "/", "this is two.");
    host.remove(Kind::Service, "web");
    host.wait_for("by-address", "end\n");
}

// conformance: [sig-network] Networking Granular Checks: Pods should function for intra-pod communication: http (networking.go)
// conformance: [sig-network] Networking Granular Checks: Pods should function for intra-pod communication: udp (networking.go)
#[test]
fn a_pod_reaches_every_pod_itself_too_by_its_address_over_http_and_udp() {
    let host = Host::start();
    let heads = service("heads", "clusterIP: None,", &["port: 8080"]);
    let servers: String = ["one", "two", "three"]
        .map(|name| {
            let pod = server(name, "heads", KUBIA, ANY);
            let echo = format!(
                "  - {{name: echo, image: {}, args: [\"7\"]}}\n---\n",
                guest("echo").display()
            );
            pod.replace("---\n", &echo)
        })
        .concat();
    let each =
        "for ip in $(nslookup heads | grep \"^Address [0-9]*: 10.88\" | cut -d \" \" -f 3); do";
    let script = format!(
        "{each} curl -s --max-time 5 http://$ip:8080 | cut -d \" \" -f 5; echo udp | nc -u -w 2 $ip 7; done | sort; echo end"
    );
    host.apply(&(heads + &servers + &pod("seen", "", "", &showing("seen", &script))));
    host.wait_for("seen", "one.\nthree.\ntwo.\nudp\nudp\nudp\nend\n");
}

/// A pod that has `/tools/dig.wasm`.
fn asking(name: &str, script: &str) -> String {
    let tools = project().join("guests/dist");
    let volume = format!(", {{name: tools, hostPath: {{path: {}}}}}", tools.display());
    guest("dig");
    pod(name, &volume, ", {name: tools, mountPath: /tools}", script)
}

/// A Service without an address of its own, and one with.
fn heads_and_web() -> String {
    let http = ["name: http, port: 80, targetPort: 8080"];
    service("heads", "clusterIP: None,", &http) + &service("web", "clusterIP: 10.89.7.7,", &http)
}

const ZONE: &str = "default.svc.cluster.local.";

// conformance: [sig-network] DNS should provide DNS for services (dns.go)
#[test]
fn n13_services_and_their_ports_have_names_and_their_addresses_too() {
    let host = Host::start();
    let objects = heads_and_web();
    let member = server("one", "heads", KUBIA, ANY);
    let script = format!(
        "until /tools/dig.wasm udp A heads.{ZONE} | grep 10.88; do sleep 0.2; done >/dev/null; for how in udp tcp; do \
         /tools/dig.wasm $how A heads.{ZONE} web.{ZONE}; /tools/dig.wasm $how SRV _http._tcp.heads.{ZONE} _http._tcp.web.{ZONE}; \
         /tools/dig.wasm $how PTR 7.7.89.10.in-addr.arpa.; /tools/dig.wasm $how A none.{ZONE}; done"
    );
    host.apply(&(objects + &member));
    crate::host::until("an address", || {
        host.status("one")
            .is_some_and(|status| status.pod_ip.is_some())
    });
    let ip = host.status("one").and_then(|status| status.pod_ip.clone());
    let ip = ip.expect("just seen");
    host.apply(&asking("p", &script));
    let dashed = ip.replace('.', "-");
    let once = format!(
        "A {ip}\nA 10.89.7.7\nSRV 8080 {dashed}.heads.{ZONE}\nSRV 80 web.{ZONE}\nPTR web.{ZONE}\ncode 3\n"
    );
    assert_eq!(host.succeeded("p"), once.repeat(2));
}

// conformance: [sig-network] DNS should resolve DNS of partial qualified names for services (dns.go)
#[test]
fn n13_h11_parts_of_names_are_found_through_the_search_list() {
    let host = Host::start();
    let objects = heads_and_web() + &server("one", "heads", KUBIA, ANY);
    let script = "until nslookup heads | grep 10.88; do sleep 0.2; done >/dev/null 2>&1; \
         for name in heads heads.default heads.default.svc; do nslookup $name | grep -c 10.88; done; for how in udp tcp; do \
         /tools/dig.wasm $how A web web.default web.default.svc; \
         /tools/dig.wasm $how SRV _http._tcp.heads.default.svc _http._tcp.web.default.svc | cut -d \" \" -f 1,2; done";
    host.apply(&(objects + &asking("p", script)));
    let once = "A 10.89.7.7\n".repeat(3) + "SRV 8080\nSRV 80\n";
    assert_eq!(
        host.succeeded("p"),
        "1\n1\n1\n".to_owned() + &once.repeat(2)
    );
}

// conformance: [sig-network] DNS should provide /etc/hosts entries for the cluster (dns.go)
// conformance: [sig-network] DNS should provide DNS for pods for Hostname (dns.go)
// conformance: [sig-network] DNS should provide DNS for pods for Subdomain (dns.go)
#[test]
fn n13_h9_h10_a_pod_of_a_subdomain_has_a_name_in_its_hosts_file_and_in_the_zone() {
    let host = Host::start();
    let heads = service("p", "clusterIP: None,", &["port: 80"]);
    let full = format!("querier.p.{ZONE}");
    let bare = full.trim_end_matches('.');
    let script = format!(
        "ip=$(grep querier /etc/hosts | cut -f 1); echo $ip; tail -n 1 /etc/hosts | cut -f 2,3; \
         for name in querier {bare}; do nslookup $name | grep -c \": $ip\"; done; \
         until /tools/dig.wasm udp A {full} | grep -q $ip; do sleep 0.2; done; for how in udp tcp; do \
         /tools/dig.wasm $how A {full} p.{ZONE} $(echo $ip | tr . -).default.pod.cluster.local.; done"
    );
    let manifest = asking("p", &script);
    let spec = "spec:\n  hostname: querier\n  subdomain: p\n";
    host.apply(&(heads + &manifest.replacen("spec:\n", spec, 1)));
    let said = host.succeeded("p");
    let ip = host.status("p").and_then(|status| status.pod_ip.clone());
    let ip = ip.expect("it had one");
    let six = format!("A {ip}\n").repeat(6);
    assert_eq!(said, format!("{ip}\n{bare}\tquerier\n1\n1\n{six}"));
}

/// The Service `ext`, as another name for that one.
fn external(name: &str) -> String {
    service(
        "ext",
        &format!("type: ExternalName, externalName: {name},"),
        &["port: 80, targetPort: 8080"],
    )
}

// conformance: [sig-network] DNS should provide DNS for ExternalName services (dns.go)
#[test]
fn n13_an_external_name_is_an_alias_until_the_service_is_another() {
    let host = Host::start();
    let ask = format!(
        "/tools/dig.wasm udp CNAME ext.{ZONE}; /tools/dig.wasm udp A ext.{ZONE} | grep \"^A \""
    );
    host.apply(&(external("foo.example.com") + &asking("seen", &showing("seen", &ask))));
    host.wait_for("seen", "CNAME foo.example.com.\n");
    host.apply(&external("bar.example.com"));
    host.wait_for("seen", "CNAME bar.example.com.\n");
    host.apply(&service("ext", "clusterIP: 10.89.7.7,", &["port: 80"]));
    host.wait_for("seen", "code 0\nA 10.89.7.7\n");
}

// conformance: [sig-network] Services should be able to change the type from {ClusterIP to ExternalName|ExternalName to ClusterIP|ExternalName to NodePort|NodePort to ExternalName} (service.go)
#[test]
fn n11_n13_a_service_may_become_another_name_and_have_pods_again() {
    let host = Host::start();
    let port = 30_000 + crate::running::free_port() % 2767;
    let other = external("web.default.svc.cluster.local");
    let pods = server("one", "web", KUBIA, ANY) + &server("two", "ext", KUBIA, ANY);
    let client = client("seen", "ext:8080");
    let web = service("web", "", &["port: 8080"]);
    host.apply(&(web + &other + &pods + &client));
    host.wait_for("seen", "one.\nend\n");
    host.apply(&service("ext", "", &["port: 8080"]));
    host.wait_for("seen", "two.\nend\n");
    host.apply(&other);
    host.wait_for("seen", "one.\nend\n");
    let node_port = format!("port: 8080, nodePort: {port}");
    host.apply(&service("ext", "type: NodePort,", &[&node_port]));
    host.wait_for("seen", "two.\nend\n");
    until_page(port, "/", "this is two.");
    host.apply(&other);
    host.wait_for("seen", "one.\nend\n");
    crate::host::until("the door is closed", || {
        crate::running::get(port, "/").is_empty()
    });
}
