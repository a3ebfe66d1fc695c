//! Who is at the screen of the real Mac, as it changes (P52–P54, R61).

use super::changes::{Changes, Rhythm};
use crate::host::notices::Notices;
use plist::{Dictionary, Value};
use shared::{facts::ConsoleUser, sys::mac::dynamic_store};
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::watch;

/// What the login window publishes of the console user.
const SCREEN: &str = "State:/Users/ConsoleUser";
/// What changes with the console user.
const KEYS: &[&str] = &[SCREEN];
/// R61: at least once a second when nothing tells of changes.
const RHYTHM: Rhythm = Rhythm { poll: Duration::from_secs(1), safety: Duration::from_secs(15) };
/// Appears when Setup Assistant is over, and stays (P53).
const SETUP_DONE: &str = "private/var/db/.AppleSetupDone";

/// Who is there now; `None` when nobody is.
pub(super) fn user(root: &Path) -> Option<ConsoleUser> {
    match dynamic_store::console_user() {
        Ok(user) => user.map(|(uid, name)| ConsoleUser { uid, name }),
        Err(_) => owner(&root.join("dev/console")),
    }
}

/// The audit session at the screen; `None` when the system does not tell.
pub(super) fn session() -> Option<i32> {
    session_in(&dynamic_store::published(SCREEN)?)
}

/// The session that is on the console, and that of the user who is at it.
fn session_in(published: &Value) -> Option<i32> {
    let published = published.as_dictionary()?;
    let user = published.get("UID")?.as_unsigned_integer()?;
    let at_the_screen = |session: &&Dictionary| {
        session.get("kCGSSessionOnConsoleKey").and_then(Value::as_boolean) == Some(true)
            && session.get("kCGSSessionUserIDKey").and_then(Value::as_unsigned_integer) == Some(user)
    };
    let mut sessions = published.get("SessionInfo")?.as_array()?.iter().filter_map(Value::as_dictionary);
    let session = sessions.find(at_the_screen)?.get("kCGSSessionAuditIDKey")?;
    session.as_signed_integer()?.try_into().ok()
}

/// The owner of the console is whoever is at it.
fn owner(console: &Path) -> Option<ConsoleUser> {
    let uid = fs::metadata(console).ok()?.uid();
    let account = nix::unistd::User::from_uid(uid.into()).ok()??;
    Some(ConsoleUser { uid, name: account.name })
}

/// Tells who is there, now and whenever that changes, until nobody listens.
pub(super) async fn observe(root: PathBuf, tell: watch::Sender<Option<ConsoleUser>>, notices: Notices) {
    let mut changes = Changes::of(KEYS, RHYTHM);
    while !tell.is_closed() {
        let user = user(&root);
        let is_news = tell.send_if_modified(|known| {
            let is_news = *known != user;
            known.clone_from(&user);
            is_news
        });
        if is_news {
            notices.tell(describe(user.as_ref(), root.join(SETUP_DONE).exists()));
        }
        changes.next().await;
    }
}

/// What it means for the run.
fn describe(user: Option<&ConsoleUser>, is_set_up: bool) -> String {
    let setup = if is_set_up { "" } else { "; Setup Assistant has not finished yet" };
    match user {
        None => format!("nobody is at the screen{setup}"),
        Some(user) if user.name == "_mbsetupuser" => "Setup Assistant is at the screen".to_owned(),
        Some(user) if user.is_real() => format!("user {} is at the screen{setup}", user.uid),
        Some(user) => format!("the login window is at the screen (user {}){setup}", user.uid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p52_the_owner_of_the_console_is_at_the_screen() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("dev")).unwrap();
        assert_eq!(owner(&root.path().join("dev/console")), None);
        fs::write(root.path().join("dev/console"), "").unwrap();
        let me = rustix::process::geteuid().as_raw();
        assert_eq!(owner(&root.path().join("dev/console")).map(|user| user.uid), Some(me));
    }

    /// In the form in which `scutil` shows it, with another user switched away.
    const PUBLISHED: &str = "<plist version=\"1.0\"><dict><key>GID</key><integer>20</integer><key>Name</key><string>ada</string>\
        <key>SessionInfo</key><array>\
        <dict><key>kCGSSessionAuditIDKey</key><integer>100031</integer><key>kCGSSessionOnConsoleKey</key><false/>\
        <key>kCGSSessionUserIDKey</key><integer>502</integer></dict>\
        <dict><key>kCGSSessionAuditIDKey</key><integer>100007</integer><key>kCGSSessionOnConsoleKey</key><true/>\
        <key>kCGSSessionUserIDKey</key><integer>501</integer><key>kCGSSessionUserNameKey</key><string>ada</string></dict>\
        </array><key>UID</key><integer>501</integer></dict></plist>";

    #[test]
    fn r106_the_session_at_the_screen_is_told_from_others() {
        let session = |text: &str| session_in(&Value::from_reader_xml(text.as_bytes()).unwrap());
        assert_eq!(session(PUBLISHED), Some(100_007));
        assert_eq!(session(&PUBLISHED.replace("<true/>", "<false/>")), None);
        assert_eq!(session(&PUBLISHED.replace("AuditIDKey", "Other")), None, "unknown is not compared");
        assert_eq!(session("<plist version=\"1.0\"><array/></plist>"), None);
    }

    #[test]
    fn p53_who_is_told_apart() {
        let of = |uid, name: &str, done| describe(Some(&ConsoleUser { uid, name: name.into() }), done);
        assert_eq!(of(248, "_mbsetupuser", false), "Setup Assistant is at the screen");
        assert_eq!(of(501, "ada", true), "user 501 is at the screen");
        assert_eq!(of(501, "ada", false), "user 501 is at the screen; Setup Assistant has not finished yet");
        assert_eq!(of(0, "loginwindow", true), "the login window is at the screen (user 0)");
        assert_eq!(describe(None, true), "nobody is at the screen");
    }

    #[tokio::test]
    async fn p52_a_change_is_told() {
        if cfg!(target_os = "macos") {
            println!("skipped: here configd knows who is at the screen, and the test cannot change that");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("dev")).unwrap();
        let (tell, mut users) = watch::channel(None);
        let (notices, mut told) = Notices::new();
        let observer = tokio::spawn(observe(root.path().to_owned(), tell, notices));
        fs::write(root.path().join("dev/console"), "").unwrap();
        let me = rustix::process::geteuid().as_raw();
        users.wait_for(|user| user.as_ref().is_some_and(|user| user.uid == me)).await.unwrap();
        assert!(told.recv().await.unwrap().contains("at the screen"));
        drop(users);
        observer.await.unwrap();
    }
}
