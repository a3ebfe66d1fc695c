//! What an admin should know about a package before deploying it: pure judgements, one sentence each.

use super::report::ScriptReport;
use shared::flat_package::cpio::{CpioEntry, Kind};
use shared::flat_package::selection::Target;
use shared::flat_package::{Component, FlatPackage};

/// About the package as a whole.
pub(crate) fn about_package<R>(package: &FlatPackage<R>) -> Vec<String> {
    let mut advice = Vec::new();
    if package.archive.digest().is_none() {
        advice.push("its table of contents carries no checksum, so nothing in it can be verified".to_owned());
    }
    if let Some(identity) = package.identity().filter(|identity| !identity.others.is_empty()) {
        let others: Vec<String> =
            identity.others.iter().map(|(id, version)| format!("{id} {version}")).collect();
        let text = "several components: a control file can look for one receipt only";
        advice.push(format!("{text} ({}), not for {}", identity.identifier, others.join(", ")));
    }
    match &package.distribution {
        None => advice.push(
            "a component package: MDM commands accept product packages only; wrap it with productbuild --package"
                .to_owned(),
        ),
        Some(product) => {
            if !product.architectures.iter().any(|name| name == "arm64") {
                let text = "hostArchitectures does not name arm64: Apple silicon runs its scripts under Rosetta";
                advice.push(format!("{text} and asks to install it"));
            }
            if product.has_check_scripts {
                advice.push("a script in its Distribution may refuse the Mac or the volume".to_owned());
            }
        }
    }
    advice.extend(package.selections.iter().filter_map(|selection| match &selection.target {
        Target::Missing(path) => {
            Some(format!("{} refers to {path}, which is not in the package", selection.package))
        }
        Target::External(url) => {
            Some(format!("{} is fetched from outside the package: {url}", selection.package))
        }
        _ => None,
    }));
    for component in &package.components {
        if let Some(action) = &component.info.postinstall_action {
            advice.push(format!("{} asks for a {action} afterwards", component.info.identifier));
        }
        let location = component.info.install_location.as_deref().unwrap_or_default();
        if location.split('/').any(|part| part == "..") {
            let id = &component.info.identifier;
            advice.push(format!(
                "{id} installs to {location:?}, which climbs with `..`; do not install this package"
            ));
        }
        if component.info.identifier.is_empty() {
            advice
                .push(format!("component {:?} has no identifier, so it leaves no receipt", component.folder));
        }
    }
    advice
}

/// About scripts the `PackageInfo` names but the archive does not have.
pub(crate) fn about_missing_scripts(component: &Component, scripts: &[ScriptReport]) -> Vec<String> {
    [&component.info.preinstall, &component.info.postinstall]
        .into_iter()
        .flatten()
        .map(|script| script.trim_start_matches("./"))
        .filter(|script| !scripts.iter().any(|found| found.name == *script))
        .map(|script| format!("{} names {script}, which is not among its scripts", component.info.identifier))
        .collect()
}

/// About one entry of a payload (P41).
pub(crate) fn about_file(component: &Component, entry: &CpioEntry) -> Option<String> {
    let (id, path) = (&component.info.identifier, entry.path.display());
    if let Err(outside) = entry.relative() {
        return Some(format!("{id}: {outside}"));
    }
    if entry.kind == Kind::Special {
        return Some(format!("{id}: {path} is a device, pipe or socket"));
    }
    if entry.kind == Kind::File && entry.mode & 0o6000 != 0 {
        let who = if entry.mode & 0o4000 != 0 {
            format!("user {}", entry.uid)
        } else {
            format!("group {}", entry.gid)
        };
        return Some(format!("{id}: {path} runs as {who} whoever starts it"));
    }
    None
}

/// About a script the installer runs.
pub(crate) fn about_script(component: &Component, name: &str, mode: u32, content: &[u8]) -> Option<String> {
    let problem = if mode & 0o111 == 0 {
        "is not executable, so the installation fails; chmod 755 it and build the package again"
    } else if first_line(content).ends_with(b"\r") {
        "has Windows line ends, so its interpreter is not found; convert it and build the package again"
    } else if !content.starts_with(b"#!") && !is_program(content) {
        "has no #! line, so which shell runs it is left to chance; add one and build the package again"
    } else {
        return None;
    };
    Some(format!("{}: {name} {problem}", component.info.identifier))
}

fn first_line(content: &[u8]) -> &[u8] {
    content.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn is_program(content: &[u8]) -> bool {
    [b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"]
        .iter()
        .any(|magic| content.starts_with(*magic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::flat_package::package_info::PackageInfo;

    fn component() -> Component {
        let info = PackageInfo { identifier: "a.b".into(), ..PackageInfo::default() };
        Component { folder: String::new(), info, payload: None, scripts: None, bom: None }
    }

    #[test]
    fn a_script_that_cannot_run_is_pointed_out() {
        let about = |mode, content: &[u8]| about_script(&component(), "postinstall", mode, content);
        assert!(about(0o644, b"#!/bin/sh\n").unwrap().contains("not executable"));
        assert!(about(0o755, b"#!/bin/sh\r\nexit\r\n").unwrap().contains("Windows"));
        assert!(about(0o755, b"exit 0\n").unwrap().contains("#!"));
        assert_eq!(about(0o755, b"#!/bin/sh\nexit 0\r\n"), None);
        assert_eq!(about(0o755, b"\xcf\xfa\xed\xfe\x07"), None);
    }

    #[test]
    fn p41_files_that_need_a_decision_are_pointed_out() {
        let mut entry = CpioEntry {
            path: "./bin/tool".into(),
            kind: Kind::File,
            mode: 0o104755,
            uid: 0,
            gid: 0,
            mtime: 0,
            size: 0,
            links: 1,
            link_to: None,
        };
        assert!(about_file(&component(), &entry).unwrap().contains("runs as user 0"));
        entry.mode = 0o100755;
        assert_eq!(about_file(&component(), &entry), None);
        entry.kind = Kind::Special;
        assert!(about_file(&component(), &entry).unwrap().contains("is a device, pipe or socket"));
        entry.kind = Kind::File;
        entry.path = "../../etc/sudoers".into();
        assert!(about_file(&component(), &entry).unwrap().contains("outside"));
    }
}
