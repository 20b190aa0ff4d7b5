//! A clean release build of the library alone, beside that of the nearest peer.

use crate::Result;
use crate::figures::Spread;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// A library, and the line of a manifest that asks for it.
struct Library {
    name: &'static str,
    dependency: String,
}

/// A crate that is nothing but a dependency on a library, in a directory of its own.
struct Shell {
    name: &'static str,
    directory: PathBuf,
}

struct Built {
    packages: usize,
    seconds: f64,
}

/// Builds them in turns and says how long it took and how many packages it were.
///
/// # Errors
/// A build fails.
pub(crate) fn run(rounds: usize) -> Result<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/netstat").canonicalize()?;
    let libraries = [
        Library {
            name: "netstat",
            dependency: format!("netstat = {{ path = {:?} }}", crates.display().to_string()),
        },
        Library { name: "netsock", dependency: "netsock = \"=0.8.0\"".to_owned() },
    ];
    let shells: Vec<Shell> = libraries.iter().map(Shell::new).collect::<Result<_>>()?;
    let mut builds: Vec<Vec<Built>> = shells.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (shell, builds) in shells.iter().zip(&mut builds) {
            builds.push(shell.build()?);
        }
    }
    let mut out = format!("{:<10} {:>9} {:>8} (min..max)\n", "", "packages", "seconds");
    for (shell, builds) in shells.iter().zip(&builds) {
        let packages = builds.first().map_or(0, |built| built.packages);
        let seconds = Spread::of(builds.iter().map(|built| built.seconds));
        // Writing to a `String` does not fail.
        let _ = writeln!(
            out,
            "{:<10} {packages:>9} {:>8.1} ({:.1}..{:.1})",
            shell.name, seconds.median, seconds.least, seconds.most
        );
    }
    if let [ours, peer] = builds.as_slice() {
        let rounds = ours.iter().zip(peer);
        let ratio = Spread::of(rounds.map(|(ours, peer)| ours.seconds / peer.seconds));
        let _ =
            writeln!(out, "netstat / netsock: {:.2} ({:.2}..{:.2})", ratio.median, ratio.least, ratio.most);
    }
    Ok(out)
}

impl Shell {
    /// Made anew beside the running program, so in the target directory of the bench.
    fn new(library: &Library) -> Result<Self> {
        let program = std::env::current_exe()?;
        let place = program.parent().ok_or("the bench is nowhere")?;
        let directory = place.join("build-of").join(library.name);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(directory.join("src"))?;
        fs::write(directory.join("src/lib.rs"), "")?;
        let manifest = format!(
            "[package]\nname = \"shell\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{}\n",
            library.dependency
        );
        fs::write(directory.join("Cargo.toml"), manifest)?;
        // The same versions as in the bench, which are there since it was built.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
        fs::copy(lock, directory.join("Cargo.lock"))?;
        Ok(Self { name: library.name, directory })
    }

    /// From nothing, without the network.
    fn build(&self) -> Result<Built> {
        let target = self.directory.join("target");
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        let start = Instant::now();
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--offline"])
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", &target)
            .output()?;
        let seconds = start.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("the build of {} failed:\n{said}", self.name).into());
        }
        let compiled = said.lines().filter(|line| line.trim_start().starts_with("Compiling "));
        Ok(Built {
            // The shell itself does not count.
            packages: compiled.count().saturating_sub(1),
            seconds,
        })
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // What is left lies in a target directory, where nobody minds.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
