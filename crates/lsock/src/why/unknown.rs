//! What could not be found out of a process in question.

use netstat::{Process, ProcessFields, Workload};

/// Something that is not known.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Its name.
    Name,
    /// When it was started.
    Start,
    /// Its control group, and so what it belongs to.
    Workload,
    /// What is above the root of the control groups that are seen: a container shows nothing of itself.
    Above,
    /// The name of its container.
    ContainerName,
    /// The name of its pod.
    PodName,
}

impl Unknown {
    /// What is not known of a process, of these details that the system has.
    pub(super) fn of(process: &Process, supported: ProcessFields) -> Vec<Self> {
        let workload = process.workload.as_deref();
        let container = workload.and_then(|workload| workload.container.as_ref());
        let pod = workload.and_then(|workload| workload.pod.as_ref());
        // Without a control group, a part could not be read.
        let is_partly_read = |it: &Workload| !it.is_complete && it.cgroup.is_none();
        let is_seen_from_inside =
            |it: &Workload| !it.is_complete && it.cgroup.is_some() && it.container.is_none();
        let is_missing = |field, is_none: bool| is_none && supported.contains(field);
        [
            (Self::Name, is_missing(ProcessFields::NAME, process.name.is_none())),
            (Self::Start, is_missing(ProcessFields::START_TIME, process.start_time.is_none())),
            (Self::Workload, is_missing(ProcessFields::WORKLOAD, workload.is_none_or(is_partly_read))),
            (Self::Above, workload.is_some_and(is_seen_from_inside)),
            (Self::ContainerName, container.is_some_and(|container| container.name.is_none())),
            (Self::PodName, pod.is_some_and(|pod| pod.name.is_none())),
        ]
        .into_iter()
        .filter_map(|(unknown, is_so)| is_so.then_some(unknown))
        .collect()
    }

    /// The name in the JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Start => "start_time",
            Self::Workload => "workload",
            Self::Above => "above_root",
            Self::ContainerName => "container_name",
            Self::PodName => "pod_name",
        }
    }

    /// As part of a sentence.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Name => "its name",
            Self::Start => "when it was started",
            Self::Workload => "what it belongs to",
            Self::Above => "what it belongs to outside of this control group namespace",
            Self::ContainerName => "the name of its container",
            Self::PodName => "the name of its pod",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netstat::{Container, ContainerEngine, Pod};
    use std::time::SystemTime;

    #[test]
    fn what_a_process_lacks_is_not_known_unless_the_system_never_has_it() {
        let all = ProcessFields::all();
        let gone = Process::new(7);
        assert_eq!(Unknown::of(&gone, all), [Unknown::Name, Unknown::Start, Unknown::Workload]);
        assert_eq!(Unknown::of(&gone, ProcessFields::NAME), [Unknown::Name]);
        let mut process = Process::new(7);
        (process.name, process.start_time) = (Some("x".into()), Some(SystemTime::UNIX_EPOCH));
        let of = |process: &Process| Unknown::of(process, all);
        let mut workload = Workload::new("/");
        process.workload = Some(Box::new(workload.clone()));
        assert_eq!(of(&process), []);
        workload.is_complete = false;
        process.workload = Some(Box::new(workload.clone()));
        assert_eq!(of(&process), [Unknown::Above]);
        workload.container = Some(Container::new(ContainerEngine::Docker, "0"));
        workload.pod = Some(Pod::new("uid"));
        process.workload = Some(Box::new(workload));
        assert_eq!(of(&process), [Unknown::ContainerName, Unknown::PodName]);
    }
}
