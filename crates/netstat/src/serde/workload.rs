//! What a process belongs to.

use crate::model::workload::{Bundle, Container, Pod, Published, Signature, Workload};
use serde_core::ser::{Serialize, SerializeMap, Serializer};

object!(
    /// As in `lsock --json`. Bytes of names that are not UTF-8 become U+FFFD.
    Workload, |it|
    "cgroup": it.cgroup.as_ref().map(|path| path.to_string_lossy()),
    "complete": it.is_complete,
    "container": it.container,
    "pod": it.pod,
    "unit": it.unit,
    "user_unit": it.user_unit,
    "slice": it.slice,
    "user": it.user,
    "bundle": it.bundle,
    "services": it.services,
    "signature": it.signature,
    "published": it.published,
);

object!(Container, |it|
    "engine": it.engine.as_str(),
    "id": it.id,
    "name": it.name,
    "compose_project": it.compose.as_ref().map(|(project, _)| project),
    "compose_service": it.compose.as_ref().map(|(_, service)| service),
    "user": it.user,
    "nested": it.is_nested,
);

object!(Pod, |it|
    "uid": it.uid,
    "name": it.name,
    "namespace": it.namespace,
);

object!(Bundle, |it|
    "kind": it.as_str(),
    "name": it.name(),
    "app": it.app(),
);

object!(Signature, |it|
    "identifier": it.identifier,
    "team": it.team,
);

object!(Published, |it|
    "addr": it.to.ip().to_string(),
    "port": it.to.port(),
    "container": it.container,
);
