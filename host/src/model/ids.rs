//! Names and identities. Everything in the host is keyed by UID, never by name.

use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name that has already been checked at the edge (`manifest`).
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    };
}

name!(
    /// A pod's UID: a successor of the same name has another one.
    PodUid
);
name!(
    /// The UID of any object.
    Uid
);
name!(
    /// `metadata.name` of a pod.
    PodName
);
name!(
    /// `metadata.namespace`.
    Namespace
);
name!(
    /// A container's name; unique over init containers and mains of one pod (rule K9).
    ContainerName
);

impl From<PodUid> for Uid {
    fn from(uid: PodUid) -> Self {
        Self(uid.0)
    }
}

/// One instance of one container. The number is the restart count it will be reported with (rule B13): 0 for the first.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt {
    /// Which container of the pod.
    pub container: ContainerName,
    /// 0 for the first instance, one more for each new one.
    pub number: u32,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.container, self.number)
    }
}
