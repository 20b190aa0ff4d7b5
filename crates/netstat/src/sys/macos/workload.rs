//! What a process belongs to: the application by the path of its program, and who has signed that.

use super::calls;
use super::kernel::{Errno, Kernel};
use crate::model::workload::{Bundle, Signature, Workload};

/// What the process belongs to; the path of its program as it was read.
pub(super) fn workload(kernel: &impl Kernel, pid: u32, path: Result<&[u8], Errno>) -> Workload {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut workload = Workload::none();
    if pid == 0 {
        // The kernel has no program, and `csops` takes 0 for the caller.
        return workload;
    }
    workload.bundle = path.ok().and_then(application).map(|path| Bundle::App(text(path)));
    let signature = calls::signature(kernel, pid);
    // A deleted program has no path: an application that is replaced while it runs is still one.
    workload.is_complete = signature.is_ok() && path.is_ok();
    workload.signature = signature.ok().flatten().map(|(identifier, team)| {
        let mut signature = Signature::new(text(&identifier));
        signature.team = team.as_deref().map(text);
        signature
    });
    workload
}

/// The folder of the application that a program is in, the outermost.
fn application(path: &[u8]) -> Option<&[u8]> {
    let mut end = 0;
    for component in path.split(|byte| *byte == b'/') {
        end += component.len();
        let is_folder = path.get(end) == Some(&b'/');
        if is_folder && component.len() > 4 && component.ends_with(b".app") {
            return path.get(..end);
        }
        end += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_is_the_outermost_folder_with_its_suffix() {
        for (path, expected) in [
            ("/Applications/Safari.app/Contents/MacOS/Safari", Some("/Applications/Safari.app")),
            ("/A/X.app/Contents/Frameworks/Helper.app/Contents/MacOS/Helper", Some("/A/X.app")),
            ("/usr/sbin/sshd", None),
            ("/usr/bin/tool.app", None),
            ("/tmp/.app/x", None),
            ("/tmp/my.apps/x", None),
            ("", None),
        ] {
            assert_eq!(application(path.as_bytes()), expected.map(str::as_bytes), "{path}");
        }
    }
}
