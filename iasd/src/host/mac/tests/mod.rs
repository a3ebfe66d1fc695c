//! The real Mac with stand-ins for its tools: what is really executed, in which order, and what becomes of it.

mod apps;
mod jobs;
mod titles;
mod user;

use super::*;
use crate::{
    download::VerifiedArtifact,
    host::{Host as _, HostError, Launch, Line, Output, checked::verified},
};
use shared::{exit::Ended, facts::Arch, item::ItemKind, layout::MacPath, sys::packing::build_component};
use std::{fs, os::unix::fs::PermissionsExt as _};

const PACKAGE: &str = "/Library/ias/tools.pkg";

/// A Mac-shaped folder whose tools record how they were called.
struct Bench {
    root: tempfile::TempDir,
    host: MacHost,
    notices: mpsc::UnboundedReceiver<String>,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (host, notices) = MacHost::below(root.path()).unwrap();
        Self { root, host, notices }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    fn put(&self, path: &str, content: &[u8], mode: u32) {
        let file = self.at(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A tool that records its call and then does what `script` says; `$root` is the Mac's `/`.
    fn tool(&self, path: &str, script: &str) {
        let root = self.root.path().display();
        let text = format!("#!/bin/sh\nroot='{root}'\necho \"${{0##*/}} $*\" >> \"$root/calls\"\n{script}\n");
        self.put(path, text.as_bytes(), 0o755);
    }

    /// The calls so far, the bench's own folder shortened to `/`.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.at("calls")).unwrap_or_default();
        let here = format!("{}/", self.root.path().display());
        text.lines().map(|line| line.replace(&here, "/")).collect()
    }

    /// A package with these contents, checked.
    async fn package(&self) -> VerifiedArtifact {
        let folder = self.root.path().join("tools");
        fs::create_dir_all(folder.join("payload")).unwrap();
        fs::write(folder.join("payload/tool"), "tool").unwrap();
        let description = r#"{"identifier": "com.acme.tools", "version": "2.4.1"}"#;
        fs::write(folder.join("package.json"), description).unwrap();
        self.put(PACKAGE, b"", 0o644);
        build_component(&folder, &self.at(PACKAGE)).unwrap();
        self.verified(ItemKind::Package, PACKAGE).await
    }

    async fn verified(&self, kind: ItemKind, path: &str) -> VerifiedArtifact {
        verified(self.root.path(), kind, path).await
    }

    /// Runs an effect to its end.
    async fn follow(
        &self,
        begin: impl AsyncFnOnce(Launch) -> Result<crate::host::Running, HostError>,
    ) -> (Ended, Vec<Line>) {
        let (sender, mut receive) = mpsc::channel(64);
        let running = begin(Launch { timeout: None, output: Output::Lines(sender) }).await.unwrap();
        let mut lines = Vec::new();
        let read = async {
            while let Some(line) = receive.recv().await {
                lines.push(line);
            }
        };
        let (ended, ()) = futures::join!(running.ended, read);
        (ended.ended, lines)
    }

    async fn install(&self) -> (Ended, Vec<Line>) {
        let package = self.package().await;
        self.follow(async |launch| self.host.install(&package, launch).await).await
    }

    async fn run(&self, script: &str) -> (Ended, Vec<Line>) {
        self.put("/Library/ias/script", script.as_bytes(), 0o755);
        let script = self.verified(ItemKind::RootScript, "/Library/ias/script").await;
        self.follow(async |launch| self.host.run_script(&script, launch).await).await
    }
}

fn output(lines: &[Line]) -> Vec<&str> {
    lines
        .iter()
        .filter_map(|line| match line {
            Line::Output(text) => Some(text.as_str()),
            Line::Percent(_) => None,
        })
        .collect()
}

/// What `pkgutil --pkg-info-plist` prints for a package of this version.
fn receipt(version: &str) -> String {
    format!(
        "cat <<'PLIST'\n<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict><key>pkg-version</key>\
         <string>{version}</string><key>volume</key><string>/</string></dict></plist>\nPLIST"
    )
}

#[test]
fn a_real_mac_is_one_with_macos() {
    if cfg!(target_os = "macos") {
        println!("skipped: this is one");
        return;
    }
    let error = MacHost::new().err().unwrap().to_string();
    assert!(error.contains("only on macOS") && error.contains("--root DIR"), "{error}");
}

#[tokio::test]
async fn r70_p56_a_package_is_installed_and_its_receipt_compared() {
    let bench = Bench::new();
    let installs = "case $1 in -query) echo '<plist version=\"1.0\"><dict><key>RestartAction</key><string>RequireRestart</string></dict></plist>';;\n\
        *) echo 'installer: Package name is Acme Tools'; echo 'installer:%50.000000'; printf 'installer:STATUS:\\ninstaller: The install was successful.\\n';; esac";
    bench.tool("/usr/sbin/installer", installs);
    let asked = format!(
        "case $1 in --check-signature) echo '   Status: no signature'; exit 1;; esac\n{}",
        receipt("2.4.0")
    );
    bench.tool("/usr/sbin/pkgutil", &asked);
    bench.tool(
        "/usr/sbin/spctl",
        "echo 'tools.pkg: rejected' >&2; echo 'source=no usable signature' >&2; exit 3",
    );
    let (ended, lines) = bench.install().await;
    assert_eq!(ended, Ended::Exited(0));
    assert!(lines.contains(&Line::Percent(50.0)));
    let mut told = output(&lines);
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "Gatekeeper: rejected, no usable signature",
            "installer: Package name is Acme Tools",
            "installer: The install was successful.",
            "signature: no signature",
            "the receipt of com.acme.tools says 2.4.0, the package 2.4.1",
            "this package asks for a restart (RequireRestart); the setting Reboot gives it one",
        ]
    );
    let mut calls = bench.calls();
    calls.sort_unstable();
    assert_eq!(
        calls,
        [
            "installer -query RestartAction -pkg /Library/ias/tools.pkg -plist",
            "installer -verboseR -pkg /Library/ias/tools.pkg -target /",
            "pkgutil --check-signature /Library/ias/tools.pkg",
            "pkgutil --pkg-info-plist com.acme.tools",
            "spctl -a -vv -t install /Library/ias/tools.pkg",
        ]
    );
}

#[tokio::test]
async fn p56_success_without_a_receipt_is_told() {
    let bench = Bench::new();
    bench.tool("/usr/sbin/installer", "");
    bench.tool("/usr/sbin/pkgutil", "echo \"No receipt for '$2' found at '/'.\" >&2; exit 1");
    let (ended, lines) = bench.install().await;
    assert_eq!(ended, Ended::Exited(0), "the exit status decides");
    assert!(output(&lines).contains(&"installer reported success but left no receipt of com.acme.tools"));
}

#[tokio::test]
async fn p67_a_package_that_wants_rosetta_fails_with_advice() {
    let bench = Bench::new();
    bench.tool(
        "/usr/sbin/installer",
        "echo 'installer: Error - this package requires Rosetta 2 to be installed.'; exit 1",
    );
    bench.tool("/usr/bin/arch", "exit 86");
    let (ended, lines) = bench.install().await;
    assert_eq!(ended, Ended::Exited(1));
    assert!(output(&lines).contains(&rosetta::ADVICE), "{lines:?}");
    assert!(bench.calls().contains(&"arch -x86_64 /usr/bin/true".to_owned()));
}

#[tokio::test]
async fn an_installer_that_is_not_there_is_a_failure_that_says_so() {
    let bench = Bench::new();
    let (ended, _) = bench.install().await;
    assert!(matches!(&ended, Ended::NotStarted(why) if why.contains("there is no such file")), "{ended:?}");
}

#[tokio::test]
async fn r89_a_replaced_package_is_not_installed() {
    let bench = Bench::new();
    bench.tool("/usr/sbin/installer", "");
    let package = bench.package().await;
    fs::write(bench.at("/Library/ias/new"), "other").unwrap();
    fs::rename(bench.at("/Library/ias/new"), bench.at(PACKAGE)).unwrap();
    let launch = Launch { timeout: None, output: Output::LogFile(MacPath::new("/x.log").unwrap()) };
    let error = bench.host.install(&package, launch).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "install /Library/ias/tools.pkg: the file was replaced after it was checked"
    );
    assert_eq!(bench.calls(), [""; 0]);
}

#[tokio::test]
async fn r66_a_background_installation_writes_its_own_log() {
    let bench = Bench::new();
    bench.tool("/usr/sbin/installer", "echo installer: working");
    let package = bench.package().await;
    let log = MacPath::new("/private/var/log/ias/userland-0.log").unwrap();
    let launch = Launch { timeout: None, output: Output::LogFile(log) };
    let running = bench.host.install(&package, launch).await.unwrap();
    assert_eq!(running.ended.await.ended, Ended::Exited(0));
    assert_eq!(
        fs::read_to_string(bench.at("/private/var/log/ias/userland-0.log")).unwrap(),
        "installer: working\n"
    );
}

#[tokio::test]
async fn r71_a_script_starts_clean() {
    let bench = Bench::new();
    let text = "#!/bin/sh\npwd; echo $#; env | grep -vE '^(PWD|OLDPWD|SHLVL|_)=' | sort; exit 4\n";
    let (ended, lines) = bench.run(text).await;
    assert_eq!(ended, Ended::Exited(4));
    let expected = [
        "/",
        "0",
        "HOME=/var/root",
        "LOGNAME=root",
        "PATH=/usr/bin:/bin:/usr/sbin:/sbin",
        "SHELL=/bin/sh",
        "TMPDIR=/private/tmp",
        "USER=root",
    ];
    assert_eq!(output(&lines), expected);
}

#[tokio::test]
async fn p58_p66_the_facts_of_a_plan() {
    let bench = Bench::new();
    bench.tool(
        "/usr/bin/sw_vers",
        "printf 'ProductName:\\t\\tmacOS\\nProductVersion:\\t\\t15.1\\nBuildVersion:\\t\\t24B83\\n'",
    );
    bench.tool("/usr/sbin/sysctl", "[ \"$2\" = hw.optional.arm64 ] && echo 1");
    bench.tool("/usr/sbin/pkgutil", &format!("[ \"$2\" = com.acme.tools ] || exit 1\n{}", receipt("2.4.1")));
    let ids: Vec<String> =
        (0..20).map(|number| format!("com.acme.{number}")).chain(["com.acme.tools".into()]).collect();
    let facts = bench.host.facts(&ids).await.unwrap();
    assert_eq!((facts.arch, facts.os_version.as_str()), (Arch::Arm64, "15.1"));
    assert_eq!(
        facts.receipts.into_iter().collect::<Vec<_>>(),
        [("com.acme.tools".to_owned(), "2.4.1".to_owned())]
    );
    bench.tool("/usr/sbin/sysctl", "echo \"sysctl: unknown oid '$2'\" >&2; exit 1");
    assert_eq!(bench.host.facts(&[]).await.unwrap().arch, Arch::X86_64);
}

#[tokio::test]
async fn a_mac_without_a_version_is_an_error_that_names_the_tool() {
    let bench = Bench::new();
    let error = bench.host.facts(&[]).await.unwrap_err().to_string();
    assert!(error.starts_with("sw_vers: could not be started"), "{error}");
}
