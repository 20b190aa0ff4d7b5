//! Builds two checkouts in the same way, so that they differ in nothing but the sources.

use crate::Result;
use crate::contenders::Build;
use std::collections::hash_map::DefaultHasher;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs of this checkout and of the base.
#[derive(Debug)]
pub(crate) struct Builds {
    pub(crate) ours: Build,
    pub(crate) base: Build,
    /// Whether the programs are identical byte for byte.
    pub(crate) same_contender: bool,
    pub(crate) same_lsock: bool,
}

impl Builds {
    /// Builds this repository and the checkout in `base`. `lsock` replaces the lsock of this repository.
    ///
    /// # Errors
    /// `base` is no checkout; a build fails.
    pub(crate) fn make(base: &Path, lsock: Option<&Path>) -> Result<Self> {
        let (ours, base) = (ours()?, checkout(base)?);
        let (our_lsock, base_lsock) = build_lsocks(&base, lsock)?;
        let build = |checkout, lsock: &Path, name| {
            let contender = copied(&contender(checkout)?, name)?;
            Ok::<_, crate::Error>(Build { contender, lsock: copied(lsock, name)? })
        };
        let (ours, base) = (build(&ours, &our_lsock, "ours")?, build(&base, &base_lsock, "base")?);
        Ok(Self {
            same_contender: fs::read(&ours.contender)? == fs::read(&base.contender)?,
            same_lsock: fs::read(&ours.lsock)? == fs::read(&base.lsock)?,
            ours,
            base,
        })
    }
}

/// The repository of this bench.
fn ours() -> Result<PathBuf> {
    checkout(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
}

fn checkout(directory: &Path) -> Result<PathBuf> {
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", directory.display());
    let directory = directory.canonicalize().map_err(|error| fail(&error))?;
    if directory.join("crates/netstat/Cargo.toml").is_file() {
        Ok(directory)
    } else {
        Err(fail(&"it is no checkout of this repository: crates/netstat is missing").into())
    }
}

/// Builds `lsock` of this repository, unless a path is given, and of the base.
///
/// # Errors
/// A build fails.
pub(crate) fn build_lsocks(base: &Path, lsock: Option<&Path>) -> Result<(PathBuf, PathBuf)> {
    let (ours, base) = (ours()?, checkout(base)?);
    let own_target = env::var_os("CARGO_TARGET_DIR").map(std::path::absolute).transpose()?;
    let build = |checkout: &Path| {
        // The base has its own target directory, so that the two do not replace each other.
        let target = own_target.clone().filter(|_| checkout == ours);
        lsock_of(checkout, &target.unwrap_or_else(|| checkout.join("target")))
    };
    let ours = match lsock {
        Some(lsock) => lsock.canonicalize().map_err(|error| format!("{}: {error}", lsock.display()))?,
        None => build(&ours)?,
    };
    Ok((ours, build(&base)?))
}

fn lsock_of(checkout: &Path, target: &Path) -> Result<PathBuf> {
    cargo(checkout, target, &["--locked", "--package", "lsock"], &[])?;
    Ok(target.join("release/lsock"))
}

/// Builds the program of `bench/contender` with the netstat of this checkout.
///
/// Each is built as a package of its own, in a directory beside the running program. It has the lock file of the
/// checkout and the profile of the bench. It refers to the checkout by a link inside the directory, and the
/// directory's name is kept out of the program: the builds of one commit in two places are the same byte for byte.
fn contender(checkout: &Path) -> Result<PathBuf> {
    let program = env::current_exe()?;
    let place = program.parent().ok_or("the bench is nowhere")?;
    let directory = place.join("contenders").join(directory_name(checkout));
    fs::create_dir_all(&directory)?;
    link(checkout, &directory.join("checkout"))?;
    link(&Path::new(env!("CARGO_MANIFEST_DIR")).join("contender/src"), &directory.join("src"))?;
    write_if_other(&directory.join("Cargo.toml"), &manifest()?)?;
    fs::copy(checkout.join("Cargo.lock"), directory.join("Cargo.lock"))?;
    let target = directory.join("target");
    // Only this package is added to the lock file, and no dependency, so the versions stay.
    cargo(&directory, &target, &[], &[&directory])?;
    Ok(target.join("release/netstat-contender"))
}

/// A copy of a program, made at once from its first byte to its last: how a file was written decides how its pages lie in
/// memory, and that how much of it each page fault maps. Linkers write in other ways than what copied an older program, which
/// has made a difference of 3 % of the processor time of a small listing.
fn copied(program: &Path, name: &str) -> Result<PathBuf> {
    let bench = env::current_exe()?;
    let directory = bench.parent().ok_or("the bench is nowhere")?.join("contenders/measured").join(name);
    fs::create_dir_all(&directory)?;
    let copy = directory.join(program.file_name().ok_or("a program without a name")?);
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    fs::copy(program, &copy)?;
    Ok(copy)
}

/// Different for each path, and the same in the next run.
fn directory_name(checkout: &Path) -> String {
    let mut hasher = DefaultHasher::new();
    checkout.hash(&mut hasher);
    let name = checkout.file_name().unwrap_or_default().to_string_lossy();
    format!("{name}-{:016x}", hasher.finish())
}

/// The dependencies are those of `bench/contender/Cargo.toml`.
fn manifest() -> Result<String> {
    let profile = section(include_str!("../../Cargo.toml"), "[profile.release]")?;
    Ok(format!(
        "[package]\nname = \"netstat-contender\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\nexclude = [\"checkout\"]\n\n\
         [dependencies]\nnetstat = {{ path = \"checkout/crates/netstat\" }}\n\
         rustix = {{ version = \"1.1\", features = [\"time\"] }}\n\n[features]\nserde = []\n\n{profile}"
    ))
}

/// A section of a manifest, with its heading.
fn section<'a>(manifest: &'a str, heading: &str) -> Result<&'a str> {
    let at = manifest.find(heading).ok_or_else(|| format!("there is no {heading}"))?;
    let section = manifest.get(at..).unwrap_or_default();
    Ok(section.split_inclusive("\n\n").next().unwrap_or_default())
}

fn link(to: &Path, at: &Path) -> io::Result<()> {
    if fs::read_link(at).is_ok_and(|there| there == to) {
        return Ok(());
    }
    match fs::remove_file(at) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => symlink(to, at),
    }
}

/// An unchanged file is not rewritten, so that it is not newer than what was built from it.
fn write_if_other(path: &Path, text: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) { Ok(()) } else { fs::write(path, text) }
}

/// A release build. `hidden` are paths that must not appear in the program.
fn cargo(directory: &Path, target: &Path, arguments: &[&str], hidden: &[&Path]) -> Result<()> {
    // Nothing can be done about a standard error that fails.
    let _ = writeln!(io::stderr(), "building in {}", directory.display());
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--release"]).args(arguments);
    command.current_dir(directory).env("CARGO_TARGET_DIR", target);
    if !hidden.is_empty() {
        let mut flags = env::var_os("RUSTFLAGS").unwrap_or_default();
        for path in hidden {
            flags.push(" --remap-path-prefix=");
            flags.push(path);
            flags.push("=");
        }
        command.env("RUSTFLAGS", OsString::from(flags.to_string_lossy().trim()));
    }
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the build in {} ended with {status}", directory.display()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_is_that_of_the_bench() {
        let manifest = manifest().expect("a manifest");
        let profile = manifest.split_once("[profile.release]\n").expect("a profile").1;
        assert_eq!(profile.trim(), "codegen-units = 1\nlto = \"thin\"");
    }

    #[test]
    fn dependencies_of_the_contender_are_in_both_manifests() {
        let real = section(include_str!("../../contender/Cargo.toml"), "[dependencies]").expect("a section");
        let generated = manifest().expect("a manifest");
        let generated = section(&generated, "[dependencies]").expect("a section");
        let names = |section: &str| -> Vec<String> {
            let lines = section.lines().filter(|line| !line.contains("optional = true"));
            lines.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned())).collect()
        };
        assert_eq!(names(real), names(generated));
        assert_eq!(names(real), ["netstat", "rustix"]);
    }

    #[test]
    fn directory_that_is_no_checkout_is_refused() {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(checkout(package).is_err() && checkout(&package.join("nowhere")).is_err());
        assert_eq!(checkout(&package.join("..")).expect("this repository"), ours().expect("this repository"));
    }
}
