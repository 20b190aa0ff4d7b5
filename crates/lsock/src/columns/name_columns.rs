//! The columns with names of hosts and services in place of numbers.

use super::column::{Absent, Column, Needs, OnScreen, TEXT};
use super::value::Value;
use super::{end, endpoint};
use crate::view::View;
use netstat::Socket;
use std::net::SocketAddr;

const HOSTS: Column = Column { needs: Needs::HostNames, on_screen: OnScreen::Host, ..TEXT };

pub(super) const NAME_COLUMNS: &[Column] = &[
    Column {
        name: "local_host",
        header: "LOCAL",
        help: "local address and port, with the name of the host where the resolver has one, as -r shows it",
        value: Value::Text(|view, socket, out| {
            let local = socket.local_addr();
            push_host(view, socket, local, local.and_then(|local| end::device_of(socket, local)), out);
        }),
        ..HOSTS
    },
    Column {
        name: "remote_host",
        header: "REMOTE",
        help: "remote address and port, with the name of the host where the resolver has one, as -r shows it",
        absent: Absent::AnyEndpoint,
        value: Value::Text(|view, socket, out| push_host(view, socket, socket.remote_addr(), None, out)),
        ..HOSTS
    },
    Column {
        name: "local_service",
        aliases: &["portname"],
        header: "LOCAL-SERVICE",
        help: "name of the local port in /etc/services: https",
        value: Value::Text(|view, socket, out| push_service(view, socket, socket.local_addr(), out)),
        ..TEXT
    },
    Column {
        name: "remote_service",
        header: "REMOTE-SERVICE",
        help: "name of the remote port in /etc/services: https",
        value: Value::Text(|view, socket, out| push_service(view, socket, socket.remote_addr(), out)),
        ..TEXT
    },
];

fn push_host(
    view: &View<'_>,
    socket: &Socket,
    endpoint: Option<SocketAddr>,
    device: Option<u32>,
    out: &mut String,
) {
    let Some(endpoint) = endpoint else { return };
    match view.host_names.get(endpoint.ip()) {
        Some(name) => {
            out.push_str(name);
            endpoint::push_port(endpoint, out);
        }
        None => endpoint::push_endpoint(view, socket, endpoint, device, out),
    }
}

fn push_service(view: &View<'_>, socket: &Socket, endpoint: Option<SocketAddr>, out: &mut String) {
    let name = endpoint.and_then(|endpoint| view.service_name(socket.protocol.as_str(), endpoint.port()));
    out.push_str(name.unwrap_or_default());
}
