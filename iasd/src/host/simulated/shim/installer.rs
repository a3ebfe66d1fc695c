//! `installer`: packages that scripts install, really installed (P55, P56).

use super::{Call, Reply};
use crate::host::simulated::install::{FromInside, Mac, Wish, install};
use cap_std::{ambient_authority, fs::Dir};
use shared::{exit::Ended, flat_package::FlatPackage, layout::MacPath};
use std::{fs::File, path::Path};

/// What the volume of a Mac is called, besides `/`.
const TARGETS: [&str; 3] = ["/", "LocalSystem", "/Volumes/Macintosh HD"];

/// `installer`.
pub(super) fn installer(call: &Call<'_>) -> Reply {
    if call.has("-vers") {
        return Reply::line("installer version 2.1.0");
    }
    let Some(package) = call.value_of("-pkg").or_else(|| call.value_of("-package")) else {
        return Reply::failed(1, "installer: Error - the package path must be specified.");
    };
    let Some((file, path)) = open(call, package) else {
        return refused(&format!("Error - the package path specified was invalid: '{package}'."));
    };
    match call.value_of("-query") {
        Some("RestartAction") => return Reply::line(restart_action(file)),
        Some(flag) => return refused(&format!("Error - unknown query '{flag}'.")),
        None => {}
    }
    let Some(target) = call.value_of("-target").or_else(|| call.value_of("-tgt")) else {
        return refused("Error - the target volume must be specified.");
    };
    if !TARGETS.contains(&target) {
        return refused(&format!("Error - the target volume '{target}' does not exist."));
    }
    if !rustix::process::geteuid().is_root() {
        return refused("Must be run as root to install this package.");
    }
    let root = match Dir::open_ambient_dir(call.root, ambient_authority()) {
        Ok(root) => root,
        Err(error) => return refused(&format!("Error - {}: {error}", call.root.display())),
    };
    let facts = call.inside;
    let mac =
        Mac { root: &root, arch: facts.arch, os_version: &facts.os_version, name: &facts.computer.name };
    let mut around = FromInside { is_verbose: call.has("-verboseR") };
    match install(file, &path, mac, &Wish::default(), &mut around) {
        Ended::Exited(0) => Reply::nothing(),
        _ => Reply::Say { output: Vec::new(), error: String::new(), status: 1 },
    }
}

/// Opens a package by the name a script gives it; with its absolute path.
fn open(call: &Call<'_>, package: &str) -> Option<(File, MacPath)> {
    let absolute = Path::new(&std::env::current_dir().ok()?).join(package);
    let path = MacPath::new(absolute.to_str()?).ok()?;
    Some((File::open(call.path(path.as_str())).ok()?, path))
}

fn restart_action(file: File) -> &'static str {
    let Ok(package) = FlatPackage::open(file) else { return "None" };
    let actions =
        package.components.iter().filter_map(|component| component.info.postinstall_action.as_deref());
    let of_product = package.distribution.iter().flat_map(|product| &product.packages);
    let of_product = of_product.filter_map(|package| package.on_conclusion.as_deref());
    match actions.chain(of_product).find(|action| !action.eq_ignore_ascii_case("none")) {
        Some("restart" | "RequireRestart") => "RequireRestart",
        Some("shutdown" | "RequireShutdown") => "RequireShutdown",
        Some("logout" | "RequireLogout") => "RequireLogout",
        Some(_) => "RecommendRestart",
        None => "None",
    }
}

fn refused(message: &str) -> Reply {
    Reply::Say { output: format!("installer: {message}\n").into_bytes(), error: String::new(), status: 1 }
}
