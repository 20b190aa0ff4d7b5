//! The columns of what the owners of a socket belong to.

use super::column::{Column, Needs, TEXT};
use super::value::Value;
use netstat::ProcessFields;

const WORKLOAD: Column = Column { needs: Needs::ProcessDetails(ProcessFields::WORKLOAD), ..TEXT };

/// Each makes the query read the control groups of the owners, and the names of containers from files.
pub(super) const WORKLOAD_COLUMNS: &[Column] = &[
    Column {
        name: "workload",
        header: "WORKLOAD",
        help: "what the owner belongs to: pod, service of Compose, container, snap, Flatpak, unit, or its control group (Linux, as the next three); package or services (Windows); application or identifier (macOS)",
        value: Value::OfProcesses(|process| process.workload.as_deref()),
        ..WORKLOAD
    },
    Column {
        name: "container",
        header: "CONTAINER",
        help: "the container by its name or id; ->NAME for the one to which docker-proxy forwards",
        value: Value::OfProcesses(|process| process.container.as_deref()),
        ..WORKLOAD
    },
    Column {
        name: "pod",
        header: "POD",
        help: "the pod of Kubernetes: NAMESPACE/NAME, or its uid",
        value: Value::OfProcesses(|process| process.pod.as_deref()),
        ..WORKLOAD
    },
    Column {
        name: "unit",
        header: "UNIT",
        help: "the unit of systemd, of the user's manager if it has one: ssh.service",
        value: Value::OfProcesses(|process| process.unit.as_deref()),
        ..WORKLOAD
    },
];
