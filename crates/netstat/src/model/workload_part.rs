//! Compares what a filter names with what a process belongs to.

use crate::model::workload::{Container, Pod, Workload};

/// A part of a workload that a filter names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkloadPart {
    Container,
    Pod,
    Unit,
}

impl WorkloadPart {
    /// The word in filters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Pod => "pod",
            Self::Unit => "unit",
        }
    }
}

impl Workload {
    /// Whether the process is in the container, pod or unit of this name; `None` if it is in one whose name is not known.
    pub(crate) fn is_part_of(&self, part: WorkloadPart, name: &str) -> Option<bool> {
        match part {
            WorkloadPart::Container => self.container.as_ref().map_or(Some(false), |it| it.is_called(name)),
            WorkloadPart::Pod => self.pod.as_ref().map_or(Some(false), |pod| pod.is_called(name)),
            WorkloadPart::Unit => {
                let is_it = |unit: &String| unit == name || unit.strip_suffix(".service") == Some(name);
                Some(self.unit.iter().chain(&self.user_unit).any(is_it))
            }
        }
    }
}

impl Container {
    fn is_called(&self, name: &str) -> Option<bool> {
        let is_id =
            |text: &str| (12..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_hexdigit());
        let has_id =
            self.id == name || is_id(name) && self.short_id() != self.id && self.id.starts_with(name);
        if has_id { Some(true) } else { self.name.as_ref().map(|known| known == name) }
    }
}

impl Pod {
    fn is_called(&self, name: &str) -> Option<bool> {
        if self.uid == name {
            return Some(true);
        }
        let known = self.name.as_deref()?;
        let Some((namespace, pod)) = name.split_once('/') else { return Some(known == name) };
        Some(known == pod && self.namespace.as_deref()? == namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::workload::ContainerEngine;

    #[test]
    fn name_that_is_not_known_may_be_any_and_an_id_is_certain() {
        let id = "0123456789abcdef".repeat(4);
        let mut workload = Workload::new("/");
        workload.container = Some(Container::new(ContainerEngine::Docker, id.as_str()));
        workload.pod = Some(Pod::new("uid"));
        workload.unit = Some("ssh.service".to_owned());
        let is = |workload: &Workload, part, name: &str| workload.is_part_of(part, name);
        use WorkloadPart as P;
        for (part, name, expected) in [
            (P::Container, id.as_str(), Some(true)),
            (P::Container, &id[..12], Some(true)),
            (P::Container, &id[..11], None),
            (P::Container, "web", None),
            (P::Pod, "uid", Some(true)),
            (P::Pod, "web-0", None),
            (P::Unit, "ssh.service", Some(true)),
            (P::Unit, "ssh", Some(true)),
            (P::Unit, "ssh.socket", Some(false)),
        ] {
            assert_eq!(is(&workload, part, name), expected, "{part:?} {name}");
        }
        let container = workload.container.as_mut().unwrap();
        container.name = Some("web".to_owned());
        let pod = workload.pod.as_mut().unwrap();
        (pod.name, pod.namespace) = (Some("web-0".to_owned()), Some("default".to_owned()));
        for (part, name, expected) in [
            (P::Container, "web", true),
            (P::Container, "db", false),
            (P::Pod, "web-0", true),
            (P::Pod, "default/web-0", true),
            (P::Pod, "other/web-0", false),
        ] {
            assert_eq!(is(&workload, part, name), Some(expected), "{part:?} {name}");
        }
        let alone = Workload::new("/");
        assert!([P::Container, P::Pod, P::Unit].iter().all(|part| is(&alone, *part, "x") == Some(false)));
    }
}
