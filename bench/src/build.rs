//! Times a clean release build of the library alone, against that of the nearest peer.

use crate::Result;
use crate::ffi;
use crate::figures::{Spread, median};
use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// An empty crate that depends on one library, in a directory of its own.
struct EmptyCrate {
    name: &'static str,
    directory: PathBuf,
}

struct Built {
    packages: usize,
    seconds: f64,
    /// Of all processors together.
    cpu_seconds: f64,
}

/// Builds them alternately and reports how long it took, and how many packages were compiled.
///
/// # Errors
/// A build fails.
pub(crate) fn run(rounds: usize) -> Result<String> {
    let netstat = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/netstat").canonicalize()?;
    let crates = [
        EmptyCrate::new("netstat", &format!("{{ path = {:?} }}", netstat.display().to_string()))?,
        EmptyCrate::new("netsock", "\"=0.8.0\"")?,
    ];
    let mut builds = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (krate, builds) in crates.iter().zip(&mut builds) {
            builds.push(krate.build()?);
        }
    }
    Ok(report(&crates, &builds))
}

/// (Writing to a `String` does not fail.)
fn report(crates: &[EmptyCrate; 2], builds: &[Vec<Built>; 2]) -> String {
    let mut out =
        format!("{:<18} {:>8} {:>8} {:>14} {:>8}\n", "", "packages", "seconds", "(min..max)", "cpu s");
    let mut line = |name: &str, packages: &str, time: Spread, cpu: f64| {
        let range = format!("({:.2}..{:.2})", time.least, time.most);
        let _ = writeln!(out, "{name:<18} {packages:>8} {:>8.2} {range:>14} {cpu:>8.2}", time.median);
    };
    for (krate, builds) in crates.iter().zip(builds) {
        let packages = builds.first().map_or(0, |built| built.packages);
        let time = Spread::of(builds.iter().map(|built| built.seconds));
        let cpu = median(builds.iter().map(|built| built.cpu_seconds));
        line(krate.name, &packages.to_string(), time, cpu);
    }
    let [ours, peer] = builds;
    let rounds = || ours.iter().zip(peer);
    let time = Spread::of(rounds().map(|(ours, peer)| ours.seconds / peer.seconds));
    let cpu = median(rounds().map(|(ours, peer)| ours.cpu_seconds / peer.cpu_seconds));
    line("netstat / netsock", "", time, cpu);
    out
}

impl EmptyCrate {
    /// Made beside the running program, so in the target directory of the bench. `version` is the requirement in
    /// the manifest.
    fn new(name: &'static str, version: &str) -> Result<Self> {
        let program = std::env::current_exe()?;
        let place = program.parent().ok_or("the bench is nowhere")?;
        let directory = place.join("build-of").join(name);
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(directory.join("src"))?;
        fs::write(directory.join("src/lib.rs"), "")?;
        let package = "[package]\nname = \"krate\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
        let manifest = format!("{package}[dependencies]\n{name} = {version}\n");
        fs::write(directory.join("Cargo.toml"), manifest)?;
        // The lock file of the bench, whose packages are on this machine since the bench was built.
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
        fs::copy(lock, directory.join("Cargo.lock"))?;
        Ok(Self { name, directory })
    }

    /// A build from an empty target directory, without the network.
    fn build(&self) -> Result<Built> {
        let target = self.directory.join("target");
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        let start = Instant::now();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--release", "--offline"])
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", &target)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stderr_text = String::new();
        if let Some(stderr) = &mut cargo.stderr {
            stderr.read_to_string(&mut stderr_text)?;
        }
        let ended = ffi::wait4(cargo.id())?;
        let seconds = start.elapsed().as_secs_f64();
        if !ended.status.success() {
            return Err(format!("the build of {} failed:\n{stderr_text}", self.name).into());
        }
        let compiled = stderr_text.lines().filter(|line| line.trim_start().starts_with("Compiling "));
        Ok(Built {
            // Without the empty crate itself.
            packages: compiled.count().saturating_sub(1),
            seconds,
            cpu_seconds: ended.cpu.as_secs_f64(),
        })
    }
}

impl Drop for EmptyCrate {
    fn drop(&mut self) {
        // What remains is in a target directory, where it does no harm.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
