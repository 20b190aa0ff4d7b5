//! A copy of the program that every user may execute.

use socket_world::quiet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A copy of the program in a directory that every user may enter.
pub(crate) struct PublicCopy(PathBuf);

impl PublicCopy {
    pub(crate) fn new() -> Self {
        let _quiet = quiet();
        // Tests of one program run in parallel.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let (program, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(format!("lsock-test-{program}-{count}"));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_lsock"), directory.join("lsock")).unwrap();
        Self(directory)
    }

    pub(crate) fn program(&self) -> PathBuf {
        Path::new(&self.0).join("lsock")
    }
}

impl Drop for PublicCopy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
