//! What the simulated Mac does for titles, tried with real scripts, packages, disk images and archives.

use super::tests::Rehearsal;
use crate::host::{
    AppCopy, Attached, Hear, Host as _, HostError, Launch, Line, Output, Running, TitleHost as _, UserWork,
    checked::verified,
};
use shared::{
    archive::write::{write_tar, write_zip},
    exit::Ended,
    flat_package::{payload::Compression, write::Source},
    item::{ItemKind, SignerId},
    layout::MacPath,
    sys::{
        packing::{build_component, build_image, list},
        sandbox::Ids,
    },
    title::{CopyItem, Found, PackageOptions, Trace},
};
use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use tokio::sync::mpsc;

const IMAGE: &str = "/Library/ias/Acme.dmg";
const ARCHIVE: &str = "/Library/ias/acme.bin";

impl Rehearsal {
    fn at(&self, path: &str) -> PathBuf {
        self.host.root.join(path.trim_start_matches('/'))
    }

    /// Runs an effect to its end.
    async fn follow(
        &self,
        begin: impl AsyncFnOnce(Launch) -> Result<Running, HostError>,
    ) -> (Ended, Vec<String>) {
        let (sender, mut receive) = mpsc::channel(1 << 10);
        let running = begin(Launch { timeout: None, output: Output::Lines(sender) }).await.unwrap();
        let mut lines = Vec::new();
        let read = async {
            while let Some(line) = receive.recv().await {
                if let Line::Output(line) = line {
                    lines.push(line);
                }
            }
        };
        let (ended, ()) = futures::join!(running.ended, read);
        (ended.ended, lines)
    }

    async fn attach(&self, folder: &Path) -> Box<dyn Attached> {
        fs::create_dir_all(self.at("/Library/ias")).unwrap();
        build_image(folder, "Acme", &self.at(IMAGE)).unwrap();
        let image = verified(&self.host.root, ItemKind::App, IMAGE).await;
        self.host.attach(&image).await.unwrap()
    }

    fn nothing_is_left(&self) -> bool {
        fs::read_dir(self.at("/private/var/run/ias/private")).unwrap().next().is_none()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }
}

/// A folder with an application of this version.
fn folder_with_app(version: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let contents = folder.path().join("Acme.app/Contents");
    fs::create_dir_all(contents.join("MacOS")).unwrap();
    let info = format!(
        "<plist version=\"1.0\"><dict><key>CFBundleIdentifier</key><string>com.acme</string>\
         <key>CFBundleShortVersionString</key><string>{version}</string></dict></plist>"
    );
    fs::write(contents.join("Info.plist"), info).unwrap();
    fs::write(contents.join("MacOS/Acme"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(contents.join("MacOS/Acme"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/Applications", folder.path().join("Applications")).unwrap();
    folder
}

fn app() -> CopyItem {
    CopyItem {
        source: "Acme.app".into(),
        folder: "/Applications".into(),
        name: "Acme.app".into(),
        user: "root".into(),
        group: "admin".into(),
        mode: "o-w,go+rX".into(),
    }
}

#[tokio::test]
async fn t47_a_script_of_a_title_runs_from_a_private_folder_that_goes_with_it() {
    let Some(mac) = Rehearsal::new("{}") else { return };
    let run =
        async |text: &str, hear| mac.follow(async |launch| mac.host.run_text(text, hear, launch).await).await;
    let text = "#!/bin/zsh\nls -ld \"$0\" \"${0%/*}\" | cut -c1-10; sw_vers -productVersion; echo error >&2; exit 3\n";
    let (ended, lines) = run(text, Hear::Everything).await;
    assert_eq!(ended, Ended::Exited(3));
    assert_eq!(lines, ["drwx------", "-rwx------", "15.5", "error"]);
    let (ended, lines) = run("#!/bin/sh\necho 2.4; echo warning >&2\n", Hear::Output).await;
    assert_eq!((ended, lines), (Ended::Exited(0), vec!["2.4".to_owned()]));
    let (ended, _) = run("echo no interpreter\n", Hear::Everything).await;
    assert!(matches!(&ended, Ended::NotStarted(why) if why.contains("names no interpreter")), "{ended:?}");
    assert!(mac.nothing_is_left());
}

#[tokio::test]
async fn t45_processes_are_those_of_the_scenario_and_of_the_session() {
    let scenario = r#"{"user": {"login_after": 0}, "processes": [{"path": "/Applications/A b.app/Contents/MacOS/A b"}]}"#;
    let Some(mac) = Rehearsal::new(scenario) else { return };
    let before = mac.host.processes().await.unwrap();
    assert_eq!(before, ["/sbin/launchd", "/Applications/A b.app/Contents/MacOS/A b"]);
    mac.host.boot(false);
    mac.logged_in().await;
    let after = mac.host.processes().await.unwrap();
    assert!(after.iter().any(|path| path.ends_with("/Finder")), "{after:?}");
    assert!(mac.host.free_kib().unwrap() > 0);
}

#[tokio::test]
async fn t36_an_application_is_copied_from_a_disk_image_and_found_there() {
    let Some(mac) = Rehearsal::new("{}") else { return };
    let trace = Trace::AppAt("/Applications/Acme.app".into());
    for version in ["1.0", "2.0"] {
        let image = mac.attach(folder_with_app(version).path()).await;
        image.copy(&app()).await.unwrap();
        image.detach().await.unwrap();
        let found = mac.host.probe(std::slice::from_ref(&trace)).await.remove(&trace).unwrap();
        let Found::Plists(found) = found else { panic!("{found:?}") };
        assert_eq!(found[0]["CFBundleShortVersionString"], version);
    }
    let mode =
        fs::metadata(mac.at("/Applications/Acme.app/Contents/MacOS/Acme")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    assert!(mac.nothing_is_left());
    let owners = fs::read_to_string(mac.host.side.join("inside/owners.ndjson")).unwrap();
    let noted = owners.contains(r#"{"path":"/Applications/Acme.app","owner":"root:admin","recursive":true}"#);
    assert_eq!(noted, mac.host.ids == Ids::One, "{owners}");
}

#[tokio::test]
async fn t36_a_failed_copy_leaves_what_was_there() {
    let Some(mac) = Rehearsal::new("{}") else { return };
    fs::create_dir_all(mac.at("/Applications/Acme.app")).unwrap();
    fs::write(mac.at("/Applications/Acme.app/old"), "old").unwrap();
    let image = mac.attach(folder_with_app("1.0").path()).await;
    for (item, words) in [
        (CopyItem { source: "None.app".into(), ..app() }, "there is no `None.app` in it"),
        (CopyItem { source: "Applications".into(), ..app() }, "cannot be used"),
        (CopyItem { source: "../x".into(), ..app() }, "cannot be used"),
        (CopyItem { user: "nobody-here".into(), ..app() }, "chown: nobody-here: illegal user name"),
        (CopyItem { group: "nobody-here".into(), ..app() }, "chown: nobody-here: illegal group name"),
        (CopyItem { mode: "u+q".into(), ..app() }, "chmod: Invalid file mode: u+q"),
        (CopyItem { folder: "/System/Library".into(), ..app() }, "it belongs to the system"),
        (CopyItem { folder: "/Volumes".into(), name: "Macintosh HD".into(), ..app() }, "it is a volume"),
    ] {
        let error = image.copy(&item).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(mac.read("/Applications/Acme.app/old"), "old");
}

#[tokio::test]
async fn t35_the_only_package_of_an_image_is_really_installed_with_its_environment() {
    let Some(mac) = Rehearsal::new(r#"{"user": {"login_after": 0}, "installed": {"com.acme.old": "1"}}"#)
    else {
        return;
    };
    mac.host.boot(false);
    mac.logged_in().await;
    let source = tempfile::tempdir().unwrap();
    fs::create_dir_all(source.path().join("payload")).unwrap();
    fs::create_dir_all(source.path().join("scripts")).unwrap();
    fs::write(source.path().join("payload/tool"), "tool").unwrap();
    fs::write(
        source.path().join("scripts/postinstall"),
        "#!/bin/sh\necho \"for $USER in $HOME, $LICENSE\"\n",
    )
    .unwrap();
    let description = r#"{"identifier": "com.acme.tool", "version": "2.4", "install_location": "/opt"}"#;
    fs::write(source.path().join("package.json"), description).unwrap();
    let image = tempfile::tempdir().unwrap();
    build_component(source.path(), &image.path().join("Acme.pkg")).unwrap();
    let image = mac.attach(image.path()).await;
    let environment = [("USER", "CURRENT_CONSOLE_USER"), ("LICENSE", "4711")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let options = PackageOptions { environment, ..PackageOptions::default() };
    let (ended, lines) = mac.follow(async |launch| image.install(None, &options, launch).await).await;
    assert_eq!(ended, Ended::Exited(0), "{lines:#?}");
    assert!(lines.contains(&"./postinstall: for ada in /Users/ada, 4711".to_owned()), "{lines:#?}");
    assert_eq!(mac.read("/opt/tool"), "tool");
    let receipts = mac.host.receipts().await.unwrap();
    let expected = [("com.acme.old", "1"), ("com.acme.tool", "2.4")];
    assert_eq!(receipts, expected.map(|(id, version)| (id.to_owned(), version.to_owned())).into());
    image.detach().await.unwrap();
    assert!(mac.nothing_is_left());
}

#[tokio::test]
async fn what_cannot_be_read_is_no_disk_image() {
    let Some(mac) = Rehearsal::new("{}") else { return };
    fs::create_dir_all(mac.at("/Library/ias")).unwrap();
    fs::write(mac.at(IMAGE), "<html>").unwrap();
    let image = verified(&mac.host.root, ItemKind::App, IMAGE).await;
    let error = mac.host.attach(&image).await.err().unwrap().to_string();
    assert!(error.starts_with("attach /Library/ias/Acme.dmg: "), "{error}");
    assert!(mac.nothing_is_left());
}

/// Writes what is in `folder` to `out`, as a download of this kind.
fn download(kind: &str, folder: &Path, out: &Path) {
    let packed = list(folder, 1_600_000_000).unwrap();
    let source = Source { tree: &packed.tree, contents: &packed.contents };
    match kind {
        "zip" => write_zip(source, &mut File::create(out).unwrap()).unwrap(),
        "tar" => write_tar(source, Compression::Gzip, &mut File::create(out).unwrap()).unwrap(),
        _ => build_image(folder, "Acme", out).unwrap(),
    }
}

#[tokio::test]
async fn an_application_is_taken_out_of_archives_and_images() {
    let Some(mac) = Rehearsal::new("{}") else { return };
    fs::create_dir_all(mac.at("/Library/ias")).unwrap();
    let into = MacPath::new("/Applications").unwrap();
    let folder = folder_with_app("1.0");
    for kind in ["zip", "tar", "image"] {
        download(kind, folder.path(), &mac.at(ARCHIVE));
        let archive = verified(&mac.host.root, ItemKind::App, ARCHIVE).await;
        let order = AppCopy { archive: &archive, app: "Acme.app", into: &into, team_ids: &[] };
        mac.host.copy_app(order).await.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(mac.read("/Applications/Acme.app/Contents/Info.plist").contains("com.acme"), "{kind}");
        fs::remove_dir_all(mac.at("/Applications/Acme.app")).unwrap();
        let error = mac.host.copy_app(AppCopy { app: "Other.app", ..order }).await.unwrap_err().to_string();
        assert!(
            error.contains("there is no `Other.app` in it; at its top there is Acme.app"),
            "{kind}: {error}"
        );
        let team_ids = [SignerId::Team("ABCDE12345".parse().unwrap())];
        let error =
            mac.host.copy_app(AppCopy { team_ids: &team_ids, ..order }).await.unwrap_err().to_string();
        assert!(
            error.contains("check who signed Acme.app") && error.contains("team_ids accepts ABCDE12345"),
            "{error}"
        );
        assert!(mac.nothing_is_left() && !mac.at("/Applications/Acme.app").exists(), "{kind}");
        fs::remove_file(mac.at(ARCHIVE)).unwrap();
    }
}

#[tokio::test]
async fn t102_a_program_of_the_admins_runs_as_the_user_with_its_arguments_as_they_are() {
    let Some(mac) = Rehearsal::new(r#"{"user": {"login_after": 0}}"#) else { return };
    mac.host.boot(false);
    mac.logged_in().await;
    let path = MacPath::new("/usr/local/bin/notifier").unwrap();
    let text = "#!/bin/sh\nid -u; printf '%s|' \"$@\"; echo\n";
    fs::write(mac.at(path.as_str()), text).unwrap();
    fs::set_permissions(mac.at(path.as_str()), fs::Permissions::from_mode(0o755)).unwrap();
    let arguments = ["--title", "Acme; $(id) 'x'"].map(str::to_owned);
    let user = mac.host.console_user().borrow().clone().unwrap();
    let work = UserWork::Program { path: &path, arguments: &arguments };
    let (ended, lines) = mac.follow(async |launch| mac.host.run_as(&user, work, launch).await).await;
    assert_eq!(
        (ended, lines),
        (Ended::Exited(0), vec!["501".to_owned(), "--title|Acme; $(id) 'x'|".to_owned()])
    );
}
