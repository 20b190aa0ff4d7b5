//! The answer as text: one card for each process in question.

use super::{Cause, Finding, Subject, Why};
use crate::digits::push_display;
use crate::escape::escaped;
use crate::screen::{age, long_reason};
use crate::time::Rfc3339;
use netstat::{Process, Queues, Socket, Workload};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// So many processes have a card; the others are counted.
const CARDS: usize = 5;

/// So many lines has a list; the rest is counted.
const LINES: usize = 6;

/// The whole answer to what was asked about, which is not escaped.
pub fn text(why: &Why, asked: &str) -> String {
    let asked = escaped(asked.as_bytes());
    let mut out = String::new();
    let sockets = &why.snapshot.sockets;
    let first = match why.finding {
        Finding::Listening => format!("{asked}: {} listens", sockets_of(sockets.len())),
        Finding::Connected => format!("{asked}: nothing listens, {} in use", has(sockets.len())),
        Finding::Closed => format!("{asked}: no process, {} left by closed connections", has(sockets.len())),
        Finding::Bound => format!("{asked}: bound, but neither listening nor connected"),
        Finding::Remote => format!("{asked}: not in use here; {} to that port elsewhere", has(sockets.len())),
        Finding::Process => format!("{asked}: {}", processes_of(why.subjects.len())),
        Finding::Nothing => format!("{asked}: nothing: no socket with this port, and no such process"),
    };
    line(&mut out, &first);
    if why.finding != Finding::Process {
        list(&mut out, sockets.iter().map(row));
    }
    for subject in why.subjects.iter().take(CARDS) {
        out.push('\n');
        card(&mut out, subject, why.now);
    }
    if let Some(more) = why.subjects.len().checked_sub(CARDS).filter(|more| *more > 0) {
        push_display(&mut out, format_args!("\nand {more} more: lsock {asked}\n"));
    }
    out
}

fn sockets_of(count: usize) -> String {
    if count == 1 { "1 socket".to_owned() } else { format!("{count} sockets") }
}

fn has(count: usize) -> String {
    if count == 1 { "1 socket is".to_owned() } else { format!("{count} sockets are") }
}

fn processes_of(count: usize) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{count} processes") }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Indented lines, the first ones, and how many more there are.
fn list(out: &mut String, mut lines: impl ExactSizeIterator<Item = String>) {
    let count = lines.len();
    for text in lines.by_ref().take(if count <= LINES { LINES } else { LINES - 1 }) {
        push_display(out, format_args!("  {text}\n"));
    }
    let rest = lines.count();
    if rest > 0 {
        push_display(out, format_args!("  and {rest} more\n"));
    }
}

/// A socket with its state and, without a holder, why it has none.
fn row(socket: &Socket) -> String {
    let mut text = format!("{} {}", socket.protocol, socket.local);
    if let Some(remote) = &socket.remote {
        push_display(&mut text, format_args!(" -> {remote}"));
    }
    if let Some(state) = socket.state.and_then(netstat::State::as_str) {
        push_display(&mut text, format_args!(" {state}"));
    }
    if let Some(Queues::Accept { waiting: waiting @ 1.., limit, .. }) = socket.queues {
        push_display(&mut text, format_args!(", {waiting} waiting to be accepted"));
        limit.iter().for_each(|limit| push_display(&mut text, format_args!(" (at most {limit})")));
    }
    if socket.owners().is_empty()
        && let Some(reason) = long_reason(socket.ownership(), None)
    {
        push_display(&mut text, format_args!(" {reason}"));
    }
    text
}

/// `nginx (814)`.
fn named(process: &Process) -> String {
    // Escapes the name.
    process.to_string()
}

fn field(out: &mut String, label: &str, value: &str) {
    push_display(out, format_args!("  {label:<11}{value}\n"));
}

fn since(process: &Process, now: SystemTime) -> Option<String> {
    let started = process.start_time?;
    let for_long = now.duration_since(started).map(age).unwrap_or_default();
    Some(format!("{}, {for_long} ago", Rfc3339::new(started)?))
}

fn card(out: &mut String, subject: &Subject, now: SystemTime) {
    let process = &subject.process;
    line(out, &named(process));
    if !subject.workers.is_empty() {
        let shown: Vec<String> = subject.workers.iter().take(LINES).map(u32::to_string).collect();
        let more = if subject.workers.len() > LINES { " ..." } else { "" };
        let count = subject.workers.len();
        field(out, "with", &format!("{count} processes below it: {}{more}", shown.join(" ")));
    }
    if let Some(since) = since(process, now) {
        field(out, "since", &since);
    }
    if let Some(arguments) = process.command_line.as_ref().filter(|arguments| !arguments.is_empty()) {
        let shown: Vec<_> = arguments.iter().map(|argument| escaped(argument.as_encoded_bytes())).collect();
        field(out, "command", &shown.join(" "));
    }
    if let Some(path) = &process.path {
        let deleted = if process.path_deleted == Some(true) { " (deleted)" } else { "" };
        field(out, "program", &format!("{}{deleted}", escaped(path.as_os_str().as_encoded_bytes())));
    }
    if let Some(directory) = &process.working_directory {
        field(out, "directory", &escaped(directory.as_os_str().as_encoded_bytes()));
    }
    match (&process.user, process.uid) {
        (Some(user), _) => field(out, "user", &escaped(user.as_bytes())),
        (None, Some(uid)) => field(out, "user", &uid.to_string()),
        (None, None) => {}
    }
    if let Some(workload) = &process.workload {
        workload_fields(out, workload);
    }
    if !subject.unknown.is_empty() {
        field(out, "not known", &not_known(subject));
    }
    field(out, "started by", &starter(subject));
    if let Some(activation) = &subject.activation {
        field(out, "socket", &activation.words());
    }
    let above: Vec<String> = subject.ancestors.iter().map(|above| link(above, now)).collect();
    if !above.is_empty() {
        field(out, "chain", &format!("{} <- {}", link(process, now), above.join(" <- ")));
    }
    for (nth, socket) in subject.listeners.iter().take(LINES).enumerate() {
        field(out, if nth == 0 { "listens on" } else { "" }, &row(socket));
    }
    if subject.listeners.len() > LINES {
        field(out, "", &format!("and {} more", subject.listeners.len() - LINES));
    }
    for (nth, text) in connections(&subject.connections).into_iter().enumerate() {
        field(out, if nth == 0 { "connected" } else { "" }, &text);
    }
    for warning in &subject.warnings {
        field(out, "note", warning.words());
    }
}

/// The container, the pod and the unit; the control group where it says nothing else.
fn workload_fields(out: &mut String, workload: &Workload) {
    if let Some(container) = &workload.container {
        field(out, "container", &format!("{container} ({})", container.engine));
    }
    if let Some(published) = &workload.published {
        field(out, "container", &format!("{published}, a port that docker publishes"));
    }
    if let Some(pod) = &workload.pod {
        field(out, "pod", &pod.to_string());
    }
    match workload.nearest_unit() {
        Some(unit) => field(out, "unit", &escaped(unit.as_bytes())),
        None if workload.container.is_none() => {
            if let Some(cgroup) = workload.cgroup.as_ref().filter(|cgroup| cgroup.as_os_str() != "/") {
                field(out, "cgroup", &escaped(cgroup.as_os_str().as_encoded_bytes()));
            }
        }
        None => {}
    }
    if let Some(bundle) = &workload.bundle {
        field(out, bundle.as_str(), &bundle.to_string());
    }
    if !workload.services.is_empty() {
        field(out, "services", &escaped(workload.services.join(", ").as_bytes()));
    }
    if let Some(signature) = &workload.signature {
        let team = signature.team.as_ref().map_or_else(String::new, |team| format!(", team {team}"));
        field(out, "signed as", &escaped(format!("{}{team}", signature.identifier).as_bytes()));
    }
}

/// A process of the chain: its name, pid and age.
fn link(process: &Process, now: SystemTime) -> String {
    let for_long = process.start_time.and_then(|started| now.duration_since(started).ok()).map(age);
    match for_long {
        Some(for_long) => format!("{} {for_long}", named(process)),
        None => named(process),
    }
}

/// `its name, the name of its container (/var/lib/docker/containers: Permission denied)`.
fn not_known(subject: &Subject) -> String {
    let words: Vec<&str> = subject.unknown.iter().map(|unknown| unknown.words()).collect();
    let mut text = words.join(", ");
    let reasons: Vec<String> =
        subject.workload_gaps.iter().map(|gap| escaped(gap.source.as_bytes())).collect();
    if !reasons.is_empty() {
        push_display(&mut text, format_args!(" ({})", reasons.join("; ")));
    }
    text
}

fn starter(subject: &Subject) -> String {
    let parent = subject.ancestors.first();
    match (subject.cause, parent, subject.process.parent) {
        (Cause::First, ..) => "nothing: it is the first process, or started from outside".to_owned(),
        (Cause::Started(starter), Some(parent), _) => format!("{}, {}", named(parent), starter.words()),
        (Cause::Orphaned, Some(parent), _) => {
            format!("a process that has ended; {} took it over", named(parent))
        }
        (_, _, Some(parent)) => format!("{parent}, which cannot be seen"),
        _ => "a process that cannot be seen".to_owned(),
    }
}

/// Connections counted by the address at the other end, most first.
fn connections(sockets: &[Socket]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for socket in sockets {
        let Some(remote) = socket.remote_addr() else { continue };
        *counts.entry(remote.ip().to_canonical().to_string()).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut lines: Vec<String> =
        counts.iter().take(LINES).map(|(address, count)| format!("{count} with {address}")).collect();
    if counts.len() > LINES {
        let rest: usize = counts.iter().skip(LINES).map(|(_, count)| count).sum();
        lines.push(format!("{rest} with {} other addresses", counts.len() - LINES));
    }
    lines
}
