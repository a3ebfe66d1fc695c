//! Settings from real files in a Mac-shaped folder.

use super::*;
use shared::settings::{ControlSource, arguments::Invocation};
use std::{ffi::OsString, os::unix::fs::symlink, path::PathBuf};
use tempfile::TempDir;

const MANAGED: &str = "Library/Managed Preferences/cz.macadmin.iasd.plist";
const LOCAL: &str = "Library/Preferences/cz.macadmin.iasd.plist";

/// A Mac-shaped folder.
struct World(TempDir);

impl World {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, body: &str) -> PathBuf {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("<plist><dict>{body}</dict></plist>")).unwrap();
        path
    }

    async fn load(&self, words: &[&str]) -> Result<Loaded, SettingsError> {
        let argv = ["/nowhere/iasd"].iter().chain(words).map(OsString::from);
        let Ok(Invocation::Run(arguments)) = shared::settings::arguments::parse(argv) else {
            panic!("{words:?}")
        };
        let mac = Mac { root: self.root(), owner: Some(rustix::process::geteuid().as_raw()) };
        load(&arguments, &PreferenceFiles::below(self.root()), mac, &mut |_| {}).await
    }
}

fn url(loaded: &Loaded) -> String {
    match &loaded.settings.control {
        Some(ControlSource::Url(url)) => url.to_string(),
        other => panic!("{other:?}"),
    }
}

fn jsonurl(host: &str) -> String {
    format!("<key>JSONURL</key><string>https://{host}/x.json</string>")
}

#[tokio::test]
async fn r36_a_profile_wins_over_local_preferences_and_a_plist_over_both() {
    let world = World::new();
    world.write(LOCAL, &jsonurl("local"));
    assert_eq!(url(&world.load(&[]).await.unwrap()), "https://local/x.json");
    world.write("private/var/root/Library/Preferences/cz.macadmin.iasd.plist", &jsonurl("own"));
    assert_eq!(url(&world.load(&[]).await.unwrap()), "https://own/x.json");
    world.write(MANAGED, &jsonurl("managed"));
    assert_eq!(url(&world.load(&[]).await.unwrap()), "https://managed/x.json");
    world.write("Library/installapplications/iasd.plist", &jsonurl("beside"));
    assert_eq!(url(&world.load(&[]).await.unwrap()), "https://beside/x.json");
    let given = world.write("Library/given.plist", &jsonurl("given"));
    assert_eq!(url(&world.load(&[given.to_str().unwrap()]).await.unwrap()), "https://given/x.json");
    assert_eq!(
        url(&world.load(&["--jsonurl", "https://argument/x.json"]).await.unwrap()),
        "https://argument/x.json"
    );
}

#[tokio::test]
async fn r116_a_plist_that_somebody_else_could_change_decides_nothing() {
    let world = World::new();
    let path = world.write("Library/installapplications/iasd.plist", &jsonurl("beside"));
    let folder = path.parent().unwrap().to_owned();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let given = path.to_str().unwrap();
    for (open, bad, good) in [(&path, 0o666, 0o644), (&folder, 0o777, 0o755)] {
        mode(open, bad);
        for words in [&[][..], &[given]] {
            let refused = world.load(words).await.unwrap_err();
            assert!(matches!(refused, SettingsError::Dangerous(_)), "{refused}");
            let text = refused.to_string();
            assert!(
                text.contains("writable by its group") && text.contains("chmod go-w '/Library/"),
                "{text}"
            );
        }
        mode(open, good);
        assert_eq!(url(&world.load(&[]).await.unwrap()), "https://beside/x.json");
    }
    let elsewhere = world.root().join("elsewhere.plist");
    fs::hard_link(&path, &elsewhere).unwrap();
    assert!(world.load(&[]).await.unwrap_err().to_string().contains("hard links"));
    fs::remove_file(&path).unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(world.load(&[]).await.unwrap_err().to_string().contains("symbolic link"));
    fs::remove_file(&path).unwrap();
    mode(&folder, 0o777);
    assert_eq!(
        url(&world.load(&["--jsonurl", "https://argument/x.json"]).await.unwrap()),
        "https://argument/x.json",
        "where there is no plist there is nothing to protect"
    );
}

#[tokio::test]
async fn r37_a_renamed_daemon_has_a_domain_of_its_own_and_others_are_read_when_asked_for() {
    let world = World::new();
    world.write(LOCAL, &jsonurl("ours"));
    world.write("Library/Preferences/org.example.iasd.plist", &jsonurl("renamed"));
    world.write("Library/Managed Preferences/com.github.go-installapplications.plist", &jsonurl("go"));
    assert_eq!(url(&world.load(&[]).await.unwrap()), "https://ours/x.json");
    let renamed = world.load(&["--ldidentifier", "org.example.iasd"]).await.unwrap();
    assert_eq!(url(&renamed), "https://renamed/x.json");
    let go = world.load(&["--profile-domain", "com.github.go-installapplications"]).await.unwrap();
    assert_eq!(url(&go), "https://go/x.json");
}

#[tokio::test]
async fn r38_a_broken_source_is_reported_with_its_place_and_the_others_still_count() {
    let world = World::new();
    world.write(MANAGED, &jsonurl("managed"));
    let broken = world.root().join("Library/broken.plist");
    fs::write(&broken, "<plist>\n<dict>\n<key>JSONURL</key><string>x</dict></plist>").unwrap();
    let loaded = world.load(&[broken.to_str().unwrap()]).await.unwrap();
    assert_eq!(url(&loaded), "https://managed/x.json");
    let line = loaded.findings[0].to_string();
    assert!(line.starts_with(&format!("error: {}:3:", broken.display())), "{line}");
}

#[tokio::test(start_paused = true)]
async fn r42_a_profile_that_arrives_late_is_found() {
    let world = World::new();
    let argv = [OsString::from("/nowhere/iasd")];
    let Ok(Invocation::Run(arguments)) = shared::settings::arguments::parse(argv) else { panic!() };
    let mut told = 0;
    let begun = Instant::now();
    let mut arrive = |_: &Merged| {
        told += 1;
        world.write(MANAGED, &jsonurl("late"));
    };
    let domains = PreferenceFiles::below(world.root());
    let mac = Mac { root: world.root(), owner: None };
    let loaded = load(&arguments, &domains, mac, &mut arrive).await.unwrap();
    assert_eq!(url(&loaded), "https://late/x.json");
    assert_eq!((told, begun.elapsed()), (1, AGAIN));
}

#[tokio::test(start_paused = true)]
async fn r42_without_a_control_file_the_daemon_gives_up_after_five_minutes() {
    let world = World::new();
    let begun = Instant::now();
    let error = world.load(&["missing.plist"]).await.unwrap_err();
    assert_eq!(begun.elapsed(), PATIENCE);
    let SettingsError::NoControlFile(findings) = &error else { panic!("{error}") };
    assert!(findings[0].to_string().contains("missing.plist: there is no such file"));
    assert!(error.hint().contains("JSONURL"));
}

#[tokio::test]
async fn r44_a_dangerous_or_linked_install_path_ends_it_at_once() {
    let world = World::new();
    world.write(MANAGED, &jsonurl("managed"));
    fs::create_dir_all(world.root().join("Library/real")).unwrap();
    symlink("real", world.root().join("Library/linked")).unwrap();
    fs::write(world.root().join("Library/file"), "").unwrap();
    for path in ["/Users", "/Library", "relative", "/Library/linked", "/Library/file"] {
        let error = world.load(&["--iapath", path]).await.unwrap_err();
        assert!(matches!(error, SettingsError::Dangerous(_)), "{path}: {error}");
    }
    let loaded = world.load(&["--iapath", "/Library/real"]).await.unwrap();
    assert_eq!(loaded.settings.install_path.as_str(), "/Library/real");
}

#[tokio::test]
async fn r36_credentials_in_a_file_others_may_read_are_warned_about() {
    let world = World::new();
    let body = format!(
        "{}<key>HTTPAuthUser</key><string>a</string><key>HTTPAuthPassword</key><string>b</string>",
        jsonurl("x")
    );
    let path = world.write("Library/given.plist", &body);
    let warned = |loaded: &Loaded| {
        loaded.findings.iter().filter(|finding| finding.problem.contains("others may read")).count()
    };
    for (mode, warnings) in [(0o644, 1), (0o640, 1), (0o600, 0)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = world.load(&["--config", path.to_str().unwrap()]).await.unwrap();
        assert_eq!(warned(&loaded), warnings, "{mode:o}");
    }
}

#[tokio::test]
async fn what_is_no_file_or_too_long_is_refused() {
    let world = World::new();
    world.write(MANAGED, &jsonurl("managed"));
    let folder = world.root().join("Library");
    let long = world.root().join("Library/long.plist");
    fs::write(&long, vec![b' '; document::MAX_BYTES + 1]).unwrap();
    for (path, why) in [(folder, "cannot be read"), (long, "the limit is")] {
        let loaded = world.load(&[path.to_str().unwrap()]).await.unwrap();
        assert!(loaded.findings[0].problem.contains(why), "{:?}", loaded.findings);
    }
}
