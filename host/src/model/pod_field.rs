//! What a container may be told of its own pod in one text: `fieldRef` (rule H6).

use std::net::IpAddr;

use super::{NODE_NAME, Pod};

/// A field of the pod that is one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodField {
    /// `metadata.name`
    Name,
    /// `metadata.namespace`
    Namespace,
    /// `metadata.uid`
    Uid,
    /// `metadata.labels['<key>']`
    Label(String),
    /// `metadata.annotations['<key>']`
    Annotation(String),
    /// `spec.nodeName`
    NodeName,
    /// `spec.serviceAccountName`
    ServiceAccountName,
    /// `status.hostIP` and, there being one, `status.hostIPs`
    HostIp,
    /// `status.podIP` and, there being one, `status.podIPs`
    PodIp,
}

/// The addresses a pod has once it has a logical host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodAddresses {
    /// `status.podIP`
    pub pod: IpAddr,
    /// `status.hostIP`
    pub host: IpAddr,
}

impl PodField {
    /// The field of that path, if it is one text.
    pub fn parse(path: &str) -> Option<Self> {
        let subscript = path
            .strip_suffix("']")
            .and_then(|path| path.split_once("['"));
        match subscript {
            Some(("metadata.labels", key)) => return Some(Self::Label(key.to_owned())),
            Some(("metadata.annotations", key)) => return Some(Self::Annotation(key.to_owned())),
            Some(_) => return None,
            None => {}
        }
        Some(match path {
            "metadata.name" => Self::Name,
            "metadata.namespace" => Self::Namespace,
            "metadata.uid" => Self::Uid,
            "spec.nodeName" => Self::NodeName,
            "spec.serviceAccountName" => Self::ServiceAccountName,
            "status.hostIP" | "status.hostIPs" => Self::HostIp,
            "status.podIP" | "status.podIPs" => Self::PodIp,
            _ => return None,
        })
    }

    /// Its value. A label or annotation the pod has not is empty.
    pub fn of(&self, pod: &Pod, addresses: &PodAddresses) -> String {
        let meta = &pod.meta;
        match self {
            Self::Name => meta.name.as_str().to_owned(),
            Self::Namespace => meta.namespace.as_str().to_owned(),
            Self::Uid => meta.uid.as_str().to_owned(),
            Self::Label(key) => meta.labels.get(key).cloned().unwrap_or_default(),
            Self::Annotation(key) => meta.annotations.get(key).cloned().unwrap_or_default(),
            Self::NodeName => NODE_NAME.to_owned(),
            Self::ServiceAccountName => pod.spec.service_account.clone(),
            Self::HostIp => addresses.host.to_string(),
            Self::PodIp => addresses.pod.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PodAddresses, PodField};
    use crate::model::testing;

    #[test]
    fn h6_every_field_of_a_pod_that_is_one_text_has_a_value() {
        let mut pod = testing::pod();
        pod.meta.labels.insert("app".into(), "web".into());
        pod.meta.annotations.insert("a.b/c".into(), "note".into());
        let addresses = PodAddresses {
            pod: [10, 88, 0, 2].into(),
            host: [10, 88, 0, 1].into(),
        };
        for (path, expected) in [
            ("metadata.name", "pod"),
            ("metadata.namespace", "default"),
            ("metadata.uid", "uid"),
            ("metadata.labels['app']", "web"),
            ("metadata.labels['none']", ""),
            ("metadata.annotations['a.b/c']", "note"),
            ("spec.nodeName", "peapod"),
            ("spec.serviceAccountName", "default"),
            ("status.hostIP", "10.88.0.1"),
            ("status.hostIPs", "10.88.0.1"),
            ("status.podIP", "10.88.0.2"),
            ("status.podIPs", "10.88.0.2"),
        ] {
            let field = PodField::parse(path).expect(path);
            assert_eq!(field.of(&pod, &addresses), expected, "{path}");
        }
        for path in ["metadata.labels", "status.phase", "spec.x['y']", ""] {
            assert_eq!(PodField::parse(path), None, "{path}");
        }
    }
}
