//! What a pod's machine says, as something that happened to the pod.

use super::Occurrence;
use crate::engine::Notice;
use crate::model::{EventSource, ObjectRef, Pod, Role};

/// Who notices what happens to a pod on its node.
const NODE: &str = "peapod";

/// What the pod's machine says.
pub fn of_pod(subject: &Pod, notice: Notice) -> Occurrence {
    let field_path = notice.container.map(|(role, name)| match role {
        Role::Main => format!("spec.containers{{{name}}}"),
        Role::Init | Role::Sidecar => format!("spec.initContainers{{{name}}}"),
    });
    Occurrence {
        about: ObjectRef {
            field_path,
            ..pod(subject)
        },
        kind: notice.kind,
        reason: notice.reason,
        message: notice.message,
        component: match notice.reason {
            "Scheduled" | "FailedScheduling" => EventSource::SCHEDULER,
            _ => NODE,
        },
    }
}

pub(super) fn pod(subject: &Pod) -> ObjectRef {
    let meta = &subject.meta;
    ObjectRef {
        kind: "Pod",
        namespace: meta.namespace.clone(),
        name: meta.name.as_str().to_owned(),
        uid: meta.uid.clone().into(),
        field_path: None,
    }
}

#[cfg(test)]
mod tests {
    use super::of_pod;
    use crate::engine::{Notice, NoticeKind};
    use crate::model::{Role, testing};

    #[test]
    fn m1_an_event_of_a_container_names_its_field() {
        for (container, path) in [
            (None, None),
            (Some(Role::Main), Some("spec.containers{c}")),
            (Some(Role::Init), Some("spec.initContainers{c}")),
            (Some(Role::Sidecar), Some("spec.initContainers{c}")),
        ] {
            let notice = Notice {
                container: container.map(|role| (role, "c".into())),
                kind: NoticeKind::Normal,
                reason: "Started",
                message: "Container started".into(),
            };
            let event = of_pod(&testing::pod(), notice);
            assert_eq!(event.about.field_path.as_deref(), path);
            assert_eq!((event.about.kind, &*event.about.name), ("Pod", "pod"));
        }
    }
}
