//! What a process belongs to, as objects of the JSON.

use super::writer::{List, ToJson, Word, members};
use netstat::{Bundle, Container, Pod, Published, Signature, Workload};

/// All of it.
pub(super) struct WorkloadRecord<'a>(pub(super) &'a Workload);

impl ToJson for WorkloadRecord<'_> {
    fn push(&self, out: &mut String) {
        let workload = self.0;
        let cgroup = workload.cgroup.as_ref().map(|path| path.to_string_lossy());
        members!(out,
            "cgroup": cgroup.as_deref(),
            "complete": workload.is_complete,
            "container": workload.container.as_ref().map(ContainerRecord),
            "pod": workload.pod.as_ref().map(PodRecord),
            "unit": workload.unit.as_deref(),
            "user_unit": workload.user_unit.as_deref(),
            "slice": workload.slice.as_deref(),
            "user": workload.user,
            "bundle": workload.bundle.as_ref().map(BundleRecord),
            "services": List(workload.services.iter().map(String::as_str)),
            "signature": workload.signature.as_ref().map(SignatureRecord),
            "published": workload.published.as_ref().map(PublishedRecord),
        );
        out.push('}');
    }
}

struct ContainerRecord<'a>(&'a Container);

impl ToJson for ContainerRecord<'_> {
    fn push(&self, out: &mut String) {
        let container = self.0;
        members!(out,
            "engine": Word(container.engine.as_str()),
            "id": container.id.as_str(),
            "name": container.name.as_deref(),
            "compose_project": container.compose.as_ref().map(|(project, _)| project.as_str()),
            "compose_service": container.compose.as_ref().map(|(_, service)| service.as_str()),
            "user": container.user,
            "nested": container.is_nested,
        );
        out.push('}');
    }
}

struct PodRecord<'a>(&'a Pod);

impl ToJson for PodRecord<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "uid": self.0.uid.as_str(),
            "name": self.0.name.as_deref(),
            "namespace": self.0.namespace.as_deref(),
        );
        out.push('}');
    }
}

struct BundleRecord<'a>(&'a Bundle);

impl ToJson for BundleRecord<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "kind": Word(self.0.as_str()),
            "name": self.0.name(),
            "app": self.0.app(),
        );
        out.push('}');
    }
}

struct SignatureRecord<'a>(&'a Signature);

impl ToJson for SignatureRecord<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "identifier": self.0.identifier.as_str(),
            "team": self.0.team.as_deref(),
        );
        out.push('}');
    }
}

struct PublishedRecord<'a>(&'a Published);

impl ToJson for PublishedRecord<'_> {
    fn push(&self, out: &mut String) {
        members!(out,
            "addr": self.0.to.ip(),
            "port": self.0.to.port(),
            "container": self.0.container.as_ref().map(ContainerRecord),
        );
        out.push('}');
    }
}
