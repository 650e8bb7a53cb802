//! NodePorts (rule N11): a door on the machine's loopback for each, kept in step with the table of Services.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Door, Target};
use crate::model::Protocol;
use crate::network::{Service, Switch};

/// How soon a port that could not be opened is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// The doors of all NodePorts.
#[derive(Debug, Default)]
pub struct NodePorts {
    doors: BTreeMap<(u16, Protocol), (Place, Door)>,
    /// What could not be opened the last time, and why.
    faults: BTreeMap<(u16, Protocol), (Place, io::ErrorKind)>,
}

/// A port of a Service: namespace, name, which of its ports.
type Place = (String, String, usize);

/// A NodePort that could not be opened.
#[derive(Debug)]
pub struct NodePortFault {
    /// `metadata.namespace` of its Service.
    pub namespace: String,
    /// `metadata.name` of its Service.
    pub name: String,
    /// The port.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// Why.
    pub error: io::Error,
}

impl NodePorts {
    /// Waits until the table of Services is another one, or until it is time to try again what could not be opened: whoever had the port
    /// does not say when it is done. False when there is no table any more.
    pub async fn due(&self, table: &mut watch::Receiver<()>) -> bool {
        tokio::select! {
            changed = table.changed() => changed.is_ok(),
            () = tokio::time::sleep(AGAIN), if !self.faults.is_empty() => true,
        }
    }

    /// Opens the doors that the Services have now and closes all others. Ports that could not be opened are told, once for the same reason,
    /// and tried again the next time.
    pub async fn apply(
        &mut self,
        switch: &Arc<Switch>,
        services: &[Arc<Service>],
    ) -> Vec<NodePortFault> {
        let wanted = wanted(services);
        let gone: Vec<_> = self
            .doors
            .iter()
            .filter(|(key, (place, _))| wanted.get(key) != Some(place))
            .map(|(key, _)| *key)
            .collect();
        for key in gone {
            if let Some((_, door)) = self.doors.remove(&key) {
                door.close().await;
            }
        }
        let mut faults = Vec::new();
        let known = std::mem::take(&mut self.faults);
        for ((port, protocol), place) in wanted {
            if self.doors.contains_key(&(port, protocol)) {
                continue;
            }
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let target = Target::Service {
                switch: Arc::clone(switch),
                namespace: place.0.clone(),
                name: place.1.clone(),
                port_index: place.2,
            };
            let door = match protocol {
                Protocol::Tcp => Door::tcp(listen, target),
                Protocol::Udp => Door::udp(listen, target),
            };
            match door {
                Ok(door) => {
                    self.doors.insert((port, protocol), (place, door));
                }
                Err(error) => {
                    let fault = (place.clone(), error.kind());
                    if known.get(&(port, protocol)) != Some(&fault) {
                        faults.push(NodePortFault {
                            namespace: place.0,
                            name: place.1,
                            port,
                            protocol,
                            error,
                        });
                    }
                    self.faults.insert((port, protocol), fault);
                }
            }
        }
        faults
    }

    /// How many doors are open.
    pub fn open(&self) -> usize {
        self.doors.len()
    }
}

/// The first Service that has a port keeps it; the API server gives no port twice.
fn wanted(services: &[Arc<Service>]) -> BTreeMap<(u16, Protocol), Place> {
    let mut wanted = BTreeMap::new();
    for service in services {
        for (at, port) in service.ports.iter().enumerate() {
            if let Some(node_port) = port.node_port {
                wanted
                    .entry((node_port, port.protocol))
                    .or_insert_with(|| (service.namespace.clone(), service.name.clone(), at));
            }
        }
    }
    wanted
}
