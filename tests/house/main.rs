//! Holds the house rules of docs/architecture.md: who may import what, where effects may live, how long a file may be.
//!
//! The rules are checked as text, over the sources as they lie in the repository.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One source file, without its unit tests.
struct Source {
    path: String,
    all: String,
    code: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<Source> {
    let root = repository();
    let mut found = Vec::new();
    for folder in ["shared/src", "iasd/src", "iasagent/src", "iasctl/src", "tests", "benches/src"] {
        collect(&root.join(folder), &root, &mut found);
    }
    assert!(found.len() > 40, "only {} files found: the rules would hold nothing", found.len());
    found
}

fn collect(folder: &Path, root: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            collect(&entry, root, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let all = fs::read_to_string(&entry).unwrap();
            let code = all.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
            let path = entry.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.push(Source { path, all, code });
        }
    }
}

/// Lines of code, without comments, that contain `word`.
fn uses<'a>(source: &'a Source, word: &'a str) -> impl Iterator<Item = &'a str> {
    source
        .code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .filter(move |line| line.contains(word))
}

fn is_test_code(path: &str) -> bool {
    path.starts_with("tests/")
        || path.starts_with("benches/")
        || path.contains("/tests")
        || path.ends_with("tests.rs")
        || path.ends_with("corpus.rs")
}

fn refuse(broken: Vec<String>, rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn every_file_opens_with_its_one_job() {
    let broken =
        sources().into_iter().filter(|source| !source.all.starts_with("//!")).map(|source| source.path);
    refuse(broken.collect(), "a file opens with `//!` and its one job");
}

#[test]
fn no_file_has_more_than_400_lines_of_code() {
    // A flat table may be longer, and says so in its first lines.
    let is_table = |source: &Source| source.all.lines().take(3).any(|line| line.contains("table"));
    let long = |source: &Source| source.code.lines().count() > 400 && !is_table(source);
    let broken = sources().into_iter().filter(long).map(|source| source.path);
    refuse(broken.collect(), "split a file when its one-sentence job needs an \"and\"");
}

#[test]
fn no_file_is_a_drawer() {
    let drawers = ["utils", "util", "common", "helpers", "helper", "misc", "imp", "manager"];
    let is_drawer = |source: &Source| {
        Path::new(&source.path)
            .iter()
            .any(|part| drawers.contains(&part.to_string_lossy().trim_end_matches(".rs")))
    };
    let broken = sources().into_iter().filter(is_drawer).map(|source| source.path);
    refuse(broken.collect(), "folders are stages, files are nouns");
}

#[test]
fn p75_only_sys_and_the_mac_host_know_the_operating_system() {
    let allowed = |path: &str| path.starts_with("shared/src/sys/") || path.starts_with("iasd/src/host/mac/");
    let broken = sources().into_iter().filter(|source| !allowed(&source.path) && !is_test_code(&source.path));
    let broken = broken.filter(|source| uses(source, "target_os").next().is_some()).map(|source| source.path);
    refuse(broken.collect(), "no cfg(target_os) outside sys/ and host/mac/");
}

#[test]
fn only_the_xpc_layer_and_calls_of_frameworks_may_be_unsafe() {
    // The last is the library that stands in for libxpc in the layer's tests.
    let allowed = ["shared/src/sys/xpc", "shared/src/sys/mac/", "tests/xpc/"];
    let allowed = |path: &str| allowed.iter().any(|folder| path.starts_with(folder));
    let broken = sources().into_iter().filter(|source| !allowed(&source.path));
    let broken = broken.filter(|source| {
        source.all.lines().any(|line| {
            let line = line.trim_start();
            !line.starts_with("//")
                && (line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl"))
        })
    });
    let broken: Vec<String> =
        broken.map(|source| source.path).filter(|path| path != "tests/house/main.rs").collect();
    refuse(broken, "unsafe code lives in shared/src/sys/xpc and shared/src/sys/mac only");
}

#[test]
fn p74_every_tool_of_the_system_that_is_called_stands_in_one_table() {
    let folders = ["\"/usr/bin/", "\"/usr/sbin/", "\"/bin/", "\"/sbin/", "\"/usr/libexec/"];
    // The table; folders no installation may use; the world that only looks like a Mac.
    let others =
        ["shared/src/sys/tools.rs", "shared/src/settings/install_path.rs", "iasd/src/host/simulated/"];
    let programs = ["shared/src/", "iasd/src/", "iasagent/src/"];
    let mut broken = Vec::new();
    for source in sources() {
        let starts = |with: &&str| source.path.starts_with(*with);
        if !programs.iter().any(starts) || others.iter().any(starts) {
            continue;
        }
        if is_test_code(&source.path) || source.path.contains("/contract/") {
            continue;
        }
        for folder in folders {
            broken.extend(uses(&source, folder).map(|line| format!("{}: {}", source.path, line.trim())));
        }
    }
    refuse(broken, "the tools of the system are listed in shared/src/sys/tools.rs");
}

#[test]
fn p74_the_daemon_calls_system_tools_from_its_hosts_only() {
    let mut broken = Vec::new();
    for source in sources().into_iter().filter(|source| source.path.starts_with("iasd/src/")) {
        if source.path.starts_with("iasd/src/host/") || is_test_code(&source.path) {
            continue;
        }
        for word in ["tools::", "sys::tools"] {
            broken.extend(uses(&source, word).map(|line| format!("{}: {}", source.path, line.trim())));
        }
    }
    refuse(broken, "every call of a system tool is in iasd/src/host");
}

#[test]
fn shared_touches_the_world_only_in_sys() {
    let effects =
        ["std::fs", "std::process", "std::net", "std::env", "SystemTime::now", "Instant::now", "tokio::"];
    let mut broken = Vec::new();
    for source in sources() {
        let pure = source.path.starts_with("shared/src/") && !source.path.starts_with("shared/src/sys/");
        if !pure || is_test_code(&source.path) {
            continue;
        }
        for effect in effects {
            broken.extend(uses(&source, effect).map(|line| format!("{}: {}", source.path, line.trim())));
        }
    }
    refuse(broken, "shared is pure outside sys");
}

#[test]
fn a_module_of_shared_imports_only_what_stands_above_it() {
    let lib = fs::read_to_string(repository().join("shared/src/lib.rs")).unwrap();
    let order: Vec<String> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    let rank = |module: &str| order.iter().position(|known| known == module);
    let mut broken = Vec::new();
    for source in sources() {
        let Some(below) = source.path.strip_prefix("shared/src/") else { continue };
        let module = below.split(['/', '.']).next().unwrap_or_default();
        let Some(own) = rank(module) else { continue };
        for imported in imports(&source.code) {
            if rank(&imported).is_some_and(|other| other > own) {
                broken.push(format!("{} imports crate::{imported}", source.path));
            }
        }
    }
    refuse(broken, "imports point upwards in shared/src/lib.rs");
}

/// The modules named behind `crate::`, alone or in a braced list.
fn imports(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut item = String::new();
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => found.push(word(std::mem::take(&mut item).trim())),
                c if depth == 0 => item.push(c),
                _ => {}
            }
        }
        found.push(word(item.trim()));
    }
    found
}

#[test]
fn programs_use_shared_and_never_each_other() {
    let programs = ["iasd", "iasagent", "iasctl"];
    for program in programs {
        let manifest = fs::read_to_string(repository().join(program).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap_or_default();
        for other in programs {
            let named = dependencies
                .lines()
                .any(|line| line.starts_with(other) && line != format!("name = \"{program}\""));
            // One file may be both programs: its name decides in `main`, and nothing else knows (docs/decisions/0008).
            let is_both = (program, other) == ("iasd", "iasagent");
            assert!(!named || is_both, "{program} depends on {other}");
        }
    }
    let daemon = sources().into_iter().filter(|source| source.path.starts_with("iasd/src/"));
    let knows = daemon
        .filter(|source| source.path != "iasd/src/main.rs" && uses(source, "iasagent::").next().is_some());
    refuse(
        knows.map(|source| source.path).collect(),
        "only the daemon's main knows that it may be the agent",
    );
}

#[test]
fn the_engine_knows_traits_and_only_wiring_names_what_is_behind_them() {
    let concrete = ["simulated", "Downloader", "DownloadQueue", "reqwest", "Agents", "DepNotify"];
    let mut broken = Vec::new();
    for source in sources().into_iter().filter(|source| source.path.starts_with("iasd/src/engine/")) {
        for name in concrete {
            // A log category may be called as the reporter it belongs to.
            let lines = uses(&source, name).filter(|line| !line.contains(&format!("Category::{name}")));
            broken.extend(lines.map(|line| format!("{}: {}", source.path, line.trim())));
        }
    }
    refuse(broken, "the engine names a concrete stage");
}
