//! What titles need of a real Mac, with stand-ins for its tools.

use super::*;
use crate::host::{Hear, TitleHost as _};
use shared::title::{CopyItem, PackageOptions};

pub(super) const IMAGE: &str = "/Library/ias/Acme.dmg";

/// Attaches what is in the folder `image`, below the folder it is told; its standard input is kept.
const HDIUTIL: &str = r#"
case $1 in
attach)
    cat > "$root/agreed"
    mount=$8/dmg.Xk3v1P; mkdir "$mount"; cp -R "$root/image/." "$mount"
    echo "<plist version=\"1.0\"><dict><key>system-entities</key><array><dict><key>dev-entry</key><string>/dev/disk4</string></dict>"
    echo "<dict><key>mount-point</key><string>$mount</string></dict></array></dict></plist>" ;;
detach)
    [ -z "$3" ] && [ -e "$root/busy" ] && { echo 'hdiutil: couldn'"'"'t unmount "disk4" - Resource busy' >&2; exit 16; }
    rm -rf "$2" ;;
info)
    cat "$root/attached" 2>/dev/null ;;
esac"#;

const DITTO: &str = r#"case $1 in -V) cp -R "$3" "$4";; *) cp -R "$root/archive/." "$5";; esac"#;

/// A Mac with tools that do on Linux what is asked of them.
pub(super) struct Titles(Bench);

impl std::ops::Deref for Titles {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.0
    }
}

impl Titles {
    pub(super) fn new() -> Self {
        let bench = Bench::new();
        bench.tool("/usr/bin/hdiutil", HDIUTIL);
        bench.tool("/usr/bin/ditto", DITTO);
        bench.tool("/usr/bin/tar", r#"cp -R "$root/archive/." "$6""#);
        bench.tool("/usr/sbin/chown", "");
        bench.tool("/bin/chmod", r#"exec chmod "$@""#);
        bench.put("/image/Acme.app/Contents/file", b"new", 0o602);
        bench.put("/Applications/keep", b"", 0o644);
        Self(bench)
    }

    async fn attach(&self) -> Result<Box<dyn crate::host::Attached>, HostError> {
        self.put(IMAGE, b"image", 0o644);
        let image = self.verified(ItemKind::App, IMAGE).await;
        self.host.attach(&image).await
    }

    /// The calls, with the names of private folders shortened.
    pub(super) fn told(&self) -> Vec<String> {
        let private = "/private/var/run/ias/private/";
        let shortened = |call: String| {
            let mut parts = call.split(private);
            let mut text = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                text.push_str("/PRIVATE/");
                text.push_str(part.split_once('/').map_or("", |(_, rest)| rest));
            }
            text
        };
        self.calls().into_iter().map(shortened).collect()
    }

    pub(super) fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.at(path)).ok()
    }

    pub(super) fn is_empty(&self, path: &str) -> bool {
        fs::read_dir(self.at(path)).is_ok_and(|mut entries| entries.next().is_none())
    }

    /// Waits until the image is detached by somebody else than this test.
    async fn detached(&self) {
        for _ in 0..2000 {
            if self.is_empty("/private/var/run/ias/mounts") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the image is still attached: {:?}", self.calls());
    }
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

const ATTACH: &str = "hdiutil attach /Library/ias/Acme.dmg -nobrowse -readonly -noautoopen -noverify -mountrandom \
    /private/var/run/ias/mounts -plist";

#[tokio::test]
async fn t36_an_item_is_copied_in_the_exact_order_and_takes_the_place_of_the_old_one() {
    let mac = Titles::new();
    mac.put("/Applications/Acme.app/Contents/file", b"old", 0o644);
    mac.put("/Applications/Acme.app/Contents/gone", b"old", 0o644);
    let image = mac.attach().await.unwrap();
    image.copy(&app()).await.unwrap();
    image.detach().await.unwrap();
    assert_eq!(
        mac.told(),
        [
            ATTACH,
            "ditto -V --noqtn /private/var/run/ias/mounts/dmg.Xk3v1P/Acme.app /PRIVATE/new/Acme.app",
            "chown -R root:admin /PRIVATE/new/Acme.app",
            "chmod -R o-w,go+rX /PRIVATE/new/Acme.app",
            "hdiutil detach /private/var/run/ias/mounts/dmg.Xk3v1P",
        ]
    );
    assert_eq!(mac.read("/agreed").unwrap(), "Y\n");
    let file = mac.at("/Applications/Acme.app/Contents/file");
    assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(!mac.at("/Applications/Acme.app/Contents/gone").exists(), "nothing of the old one is left");
    assert!(mac.is_empty("/private/var/run/ias/private") && mac.is_empty("/private/var/run/ias/mounts"));
}

#[tokio::test]
async fn t36_each_failure_of_a_tool_is_one_and_leaves_the_old_item() {
    for (tool, words) in [
        ("/usr/bin/ditto", "ditto: Acme.app: No space left on device"),
        ("/usr/sbin/chown", "chown: root: illegal user name"),
        ("/bin/chmod", "chmod: Invalid file mode: o-w,go+rX"),
    ] {
        let mac = Titles::new();
        mac.put("/Applications/Acme.app/Contents/file", b"old", 0o644);
        mac.tool(tool, &format!("echo '{words}' >&2; exit 1"));
        let image = mac.attach().await.unwrap();
        let error = image.copy(&app()).await.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("exit status 1"), "{error}");
        assert_eq!(mac.read("/Applications/Acme.app/Contents/file").unwrap(), "old");
        assert!(mac.is_empty("/private/var/run/ias/private"), "{tool}");
    }
}

#[tokio::test]
async fn t36_nothing_leaves_the_image_or_takes_the_place_of_the_system() {
    let mac = Titles::new();
    std::os::unix::fs::symlink("/Applications", mac.at("/image/Applications")).unwrap();
    let image = mac.attach().await.unwrap();
    for source in ["../x", "Applications", "/", "None.app"] {
        let error = image.copy(&CopyItem { source: source.into(), ..app() }).await.unwrap_err().to_string();
        assert!(error.starts_with("copy from /Library/ias/Acme.dmg: "), "{error}");
    }
    for (folder, name) in
        [("/", "Applications"), ("/System/Library", "x"), ("/Volumes", "Data"), ("/opt", "..")]
    {
        let item = CopyItem { folder: folder.into(), name: name.into(), ..app() };
        let error = image.copy(&item).await.unwrap_err().to_string();
        assert!(error.contains("is no place for an item"), "{error}");
    }
    assert!(!mac.calls().iter().any(|call| call.starts_with("ditto")));
}

#[tokio::test]
async fn t36_an_image_nobody_holds_any_more_is_detached_by_force_if_need_be() {
    let mac = Titles::new();
    mac.put("/busy", b"", 0o644);
    drop(mac.attach().await.unwrap());
    mac.detached().await;
    let mount = "/private/var/run/ias/mounts/dmg.Xk3v1P";
    assert_eq!(
        mac.told(),
        [ATTACH, &format!("hdiutil detach {mount}"), &format!("hdiutil detach {mount} -force")]
    );
}

#[tokio::test]
async fn p51_images_that_an_earlier_start_left_are_detached_before_the_first_of_ours() {
    let mut mac = Titles::new();
    fs::create_dir_all(mac.at("/private/var/run/ias/mounts/dmg.left")).unwrap();
    let place = mac.at("/private/var/run/ias/mounts").canonicalize().unwrap();
    let image = |mount: &str| {
        format!(
            "<dict><key>system-entities</key><array><dict><key>mount-point</key><string>{mount}</string></dict></array></dict>"
        )
    };
    let images = image(&place.join("dmg.left").to_string_lossy()) + &image("/Volumes/Somebody's");
    let info =
        format!("<plist version=\"1.0\"><dict><key>images</key><array>{images}</array></dict></plist>");
    mac.put("/attached", info.as_bytes(), 0o644);
    for _ in 0..2 {
        mac.attach().await.unwrap().detach().await.unwrap();
    }
    let detach = |name: &str| format!("hdiutil detach /private/var/run/ias/mounts/{name}");
    let ours = [ATTACH.to_owned(), detach("dmg.Xk3v1P")];
    assert_eq!(
        mac.told(),
        [&["hdiutil info -plist".to_owned(), detach("dmg.left")][..], &ours, &ours].concat()
    );
    assert!(mac.0.notices.try_recv().unwrap().contains("which an earlier start left"));
}

#[tokio::test]
async fn p51_an_image_without_a_volume_is_an_error_and_detached() {
    let mac = Titles::new();
    let entities = "<dict><key>dev-entry</key><string>/dev/disk4</string></dict>";
    let answer = format!(
        "<plist version=\"1.0\"><dict><key>system-entities</key><array>{entities}</array></dict></plist>"
    );
    mac.tool("/usr/bin/hdiutil", &format!("[ $1 = attach ] && echo '{answer}'"));
    let error = mac.attach().await.err().unwrap().to_string();
    assert_eq!(error, "attach /Library/ias/Acme.dmg: nothing in it can be mounted");
    assert_eq!(mac.calls().last().unwrap(), "hdiutil detach /dev/disk4");
    mac.tool("/usr/bin/hdiutil", "echo 'hdiutil: attach failed - image not recognized' >&2; exit 1");
    let error = mac.attach().await.err().unwrap().to_string();
    assert!(error.ends_with("hdiutil: attach failed - image not recognized (exit status 1)"), "{error}");
}

#[tokio::test]
async fn p51_an_image_is_detached_when_attaching_fails_or_says_nothing_that_can_be_read() {
    for end in ["echo 'who knows'", "exit 1"] {
        let mac = Titles::new();
        mac.put(IMAGE, b"image", 0o644);
        let mounts = mac.at("/private/var/run/ias/mounts");
        fs::create_dir_all(&mounts).unwrap();
        let entity = |disk: &str, mount: &Path| {
            let (image, mount) = (mac.at(IMAGE), mount.display());
            format!(
                "<dict><key>image-path</key><string>{}</string><key>system-entities</key><array><dict>\
                 <key>dev-entry</key><string>{disk}</string><key>mount-point</key><string>{mount}</string></dict>\
                 </array></dict>",
                image.display()
            )
        };
        let ours = entity("/dev/disk4", &mounts.canonicalize().unwrap().join("dmg.1"));
        let theirs = entity("/dev/disk5", Path::new("/Volumes/Acme"));
        let other = ours.replace("Acme.dmg", "Other.dmg").replace("disk4", "disk6");
        let images = format!("{theirs}{other}{ours}");
        let info =
            format!("<plist version=\"1.0\"><dict><key>images</key><array>{images}</array></dict></plist>");
        mac.tool(
            "/usr/bin/hdiutil",
            &format!("case $1 in attach) touch \"$root/tried\"; {end};; info) [ ! -e \"$root/tried\" ] || echo '{info}';; esac"),
        );
        assert!(mac.attach().await.is_err());
        let detached: Vec<String> = mac.told().into_iter().filter(|call| call.contains(" detach ")).collect();
        assert_eq!(detached, ["hdiutil detach /dev/disk4"], "{end}");
    }
}

#[tokio::test]
async fn t35_the_only_package_of_an_image_is_installed_with_its_choices_and_environment() {
    let mac = Titles::new();
    mac.put("/image/Acme.pkg", b"", 0o644);
    mac.put("/image/._Acme.pkg", b"", 0o644);
    mac.tool(
        "/usr/sbin/installer",
        "[ \"$1\" = -query ] || { cat \"$7\"; echo; echo \"$USER $HOME $LICENSE\"; }",
    );
    let image = mac.attach().await.unwrap();
    let options = PackageOptions {
        choices: Some("<plist/>".into()),
        environment: [("USER", "CURRENT_CONSOLE_USER"), ("LICENSE", "4711")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        allow_untrusted: true,
    };
    let (ended, lines) = mac.follow(async |launch| image.install(None, &options, launch).await).await;
    assert_eq!(ended, Ended::Exited(0));
    let told = output(&lines);
    assert!(
        told.contains(&"installer: <plist/>") && told.contains(&"installer: root /var/root 4711"),
        "{told:?}"
    );
    assert!(
        mac.told().contains(
            &"installer -verboseR -pkg /private/var/run/ias/mounts/dmg.Xk3v1P/Acme.pkg -target / \
              -applyChoiceChangesXML /PRIVATE/choices.xml -allowUntrusted"
                .to_owned()
        ),
        "{:?}",
        mac.told()
    );
    assert!(mac.is_empty("/private/var/run/ias/private"), "the choices are gone");
}

#[tokio::test]
async fn t35_a_package_has_its_options_without_an_image_too() {
    let mac = Titles::new();
    mac.tool("/usr/sbin/installer", "");
    let package = mac.package().await;
    let options = PackageOptions { allow_untrusted: true, ..PackageOptions::default() };
    let (ended, _) = mac.follow(async |launch| mac.host.install_with(&package, &options, launch).await).await;
    assert_eq!(ended, Ended::Exited(0));
    let call = "installer -verboseR -pkg /Library/ias/tools.pkg -target / -allowUntrusted".to_owned();
    assert!(mac.calls().contains(&call), "{:?}", mac.calls());
}

#[tokio::test]
async fn t35_several_packages_are_not_chosen_from() {
    let mac = Titles::new();
    mac.put("/image/a.pkg", b"", 0o644);
    mac.put("/image/b.pkg", b"", 0o644);
    let image = mac.attach().await.unwrap();
    let launch = Launch { timeout: None, output: Output::LogFile(MacPath::new("/log").unwrap()) };
    let error = image.install(None, &PackageOptions::default(), launch).await.err().unwrap().to_string();
    assert!(error.contains("several packages (a.pkg, b.pkg)"), "{error}");
}

#[tokio::test]
async fn t47_a_script_of_a_title_runs_from_a_private_folder_that_goes_with_it() {
    let mac = Titles::new();
    let run =
        async |text: &str, hear| mac.follow(async |launch| mac.host.run_text(text, hear, launch).await).await;
    let text = "#!/bin/sh\nls -ld \"$0\" \"${0%/*}\" | cut -c1-10; echo error >&2; exit 3\n";
    let (ended, lines) = run(text, Hear::Everything).await;
    assert_eq!((ended, output(&lines)), (Ended::Exited(3), vec!["drwx------", "-rwx------", "error"]));
    let (ended, lines) = run("#!/bin/sh\necho 2.4; echo warning >&2\n", Hear::Output).await;
    assert_eq!((ended, output(&lines)), (Ended::Exited(0), vec!["2.4"]));
    assert!(mac.is_empty("/private/var/run/ias/private"));
    let (ended, _) = run("echo no interpreter\n", Hear::Everything).await;
    assert!(matches!(&ended, Ended::NotStarted(why) if why.contains("names no interpreter")), "{ended:?}");
    let (ended, _) = run("#!/no/such/shell\n", Hear::Everything).await;
    assert!(matches!(&ended, Ended::NotStarted(why) if why.contains("/no/such/shell")), "{ended:?}");
}

#[tokio::test]
async fn t40_t45_receipts_and_processes_are_asked_for_each_time() {
    let mac = Titles::new();
    let list = |version: &str| {
        format!(
            "echo '<plist version=\"1.0\"><dict><key>pkgid</key><string>com.acme</string><key>pkg-version</key>\
             <string>{version}</string></dict></plist>'"
        )
    };
    for version in ["1", "2"] {
        mac.tool("/usr/sbin/pkgutil", &list(version));
        assert_eq!(mac.host.receipts().await.unwrap()["com.acme"], version);
    }
    mac.tool("/bin/ps", "echo /sbin/launchd; echo '/Applications/Acme Tools.app/Contents/MacOS/Acme Tools'");
    assert_eq!(
        mac.host.processes().await.unwrap(),
        ["/sbin/launchd", "/Applications/Acme Tools.app/Contents/MacOS/Acme Tools"]
    );
    mac.tool("/bin/ps", "echo 'ps: bad' >&2; exit 1");
    assert_eq!(
        mac.host.processes().await.unwrap_err().to_string(),
        "ps -axww -o comm=: ps: bad (exit status 1)"
    );
    assert!(mac.host.free_kib().unwrap() > 0);
}
