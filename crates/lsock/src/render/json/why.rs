//! The document of `lsock why --json`.

use super::records::{GapRecord, rfc3339};
use super::row::push_row;
use super::workload_records::WorkloadRecord;
use super::writer::{List, ToJson, Word, member, members};
use crate::view::View;
use crate::why::{Activation, Subject, Why};
use netstat::{Process, Socket};

/// The answer as one document, with a line break at its end.
pub fn why_document(why: &Why, view: &View<'_>, asked: &str) -> String {
    let mut out = String::new();
    members!(&mut out,
        "schema": Word("lsock/1"),
        "asked": asked,
        "finding": Word(why.finding.as_str()),
        "sockets": Rows(view, &why.snapshot.sockets),
        "subjects": List(why.subjects.iter().map(|subject| SubjectRecord(view, subject))),
        "gaps": List(why.snapshot.gaps.iter().map(GapRecord)),
    );
    out.push_str("}\n");
    out
}

struct Rows<'a>(&'a View<'a>, &'a [Socket]);

impl ToJson for Rows<'_> {
    fn push(&self, out: &mut String) {
        out.push('[');
        for (nth, socket) in self.1.iter().enumerate() {
            if nth > 0 {
                out.push(',');
            }
            push_row(self.0, socket, out);
        }
        out.push(']');
    }
}

struct SubjectRecord<'a>(&'a View<'a>, &'a Subject);

impl ToJson for SubjectRecord<'_> {
    fn push(&self, out: &mut String) {
        let Self(view, subject) = *self;
        members!(out,
            "process": DescribedProcess(&subject.process),
            "workers": List(subject.workers.iter().copied()),
            "cause": Word(subject.cause.as_str()),
            "socket_activation": subject.activation.as_ref().map(|it| Word(it.as_str())),
            "socket_units": List(subject.activation.iter().flat_map(Activation::units).map(String::as_str)),
            "ancestors": List(subject.ancestors.iter().map(DescribedProcess)),
            "listeners": Rows(view, &subject.listeners),
            "connections": Rows(view, &subject.connections),
            "unknown": List(subject.unknown.iter().map(|unknown| Word(unknown.as_str()))),
            "warnings": List(subject.warnings.iter().map(|warning| Word(warning.as_str()))),
        );
        out.push('}');
    }
}

/// A process with its command line and directory, which a listing leaves out.
struct DescribedProcess<'a>(&'a Process);

impl ToJson for DescribedProcess<'_> {
    fn push(&self, out: &mut String) {
        let process = self.0;
        let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
        let name = process.name.as_deref().map(text);
        let path = process.path.as_ref().map(|path| text(path.as_os_str()));
        let directory = process.working_directory.as_ref().map(|path| text(path.as_os_str()));
        members!(out,
            "pid": process.pid,
            "name": name.as_deref(),
            "path": path.as_deref(),
            "path_deleted": process.path_deleted,
            "working_directory": directory.as_deref(),
            "uid": process.uid,
            "user": process.user.as_deref(),
            "parent": process.parent,
            "session_leader": process.session_leader,
            "start_time": rfc3339(process.start_time),
        );
        if let Some(workload) = process.workload.as_deref() {
            member!(out, "workload": WorkloadRecord(workload));
        }
        if let Some(arguments) = &process.command_line {
            let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
            member!(out, "command_line": List(arguments.iter().map(AsRef::<str>::as_ref)));
        }
        out.push('}');
    }
}
