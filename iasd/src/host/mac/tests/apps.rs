//! Applications taken out of archives and disk images on a real Mac, with stand-ins for its tools.

use super::{
    titles::{IMAGE, Titles},
    *,
};
use crate::host::{AppCopy, TitleHost as _};
use shared::item::SignerId;

/// An archive of this content, holding an application in a folder.
async fn archived(mac: &Titles, content: &[u8]) -> VerifiedArtifact {
    mac.put("/archive/Acme 2/Acme.app/Contents/file", b"new", 0o644);
    mac.put("/Library/ias/acme.bin", content, 0o644);
    mac.verified(ItemKind::App, "/Library/ias/acme.bin").await
}

const ZIP: &[u8] = b"PK\x03\x04";

#[tokio::test]
async fn an_application_is_taken_out_of_an_archive_whatever_it_is_called() {
    for (content, unpacked) in [
        (ZIP, "ditto -x -k --noqtn /Library/ias/acme.bin /PRIVATE/"),
        (b"BZh91AY&SY", "tar -x --no-same-owner -f /Library/ias/acme.bin -C /PRIVATE/"),
    ] {
        let mac = Titles::new();
        let archive = archived(&mac, content).await;
        let into = MacPath::new("/Applications").unwrap();
        let order = AppCopy { archive: &archive, app: "Acme.app", into: &into, team_ids: &[] };
        mac.host.copy_app(order).await.unwrap();
        let owned = ["chown -R root:admin /PRIVATE/new/Acme.app", "chmod -R o-w,go+rX /PRIVATE/new/Acme.app"];
        assert_eq!(mac.told(), [unpacked, owned[0], owned[1]]);
        assert_eq!(mac.read("/Applications/Acme.app/Contents/file").unwrap(), "new");
        assert!(mac.is_empty("/private/var/run/ias/private"));
    }
}

#[tokio::test]
async fn an_application_is_taken_out_of_a_disk_image() {
    let mac = Titles::new();
    mac.put(IMAGE, b"image", 0o644);
    let archive = mac.verified(ItemKind::App, IMAGE).await;
    let into = MacPath::new("/Applications/Tools").unwrap();
    mac.host
        .copy_app(AppCopy { archive: &archive, app: "Acme.app", into: &into, team_ids: &[] })
        .await
        .unwrap();
    assert_eq!(mac.read("/Applications/Tools/Acme.app/Contents/file").unwrap(), "new");
    assert!(mac.is_empty("/private/var/run/ias/mounts"));
}

#[tokio::test]
async fn p62_an_application_of_another_team_is_not_put_in_its_place() {
    let mac = Titles::new();
    let archive = archived(&mac, ZIP).await;
    let (into, team_ids) =
        (MacPath::new("/Applications").unwrap(), [SignerId::Team("ABCDE12345".parse().unwrap())]);
    let order = AppCopy { archive: &archive, app: "Acme.app", into: &into, team_ids: &team_ids };
    mac.tool(
        "/usr/bin/codesign",
        "case $1 in --display) echo 'TeamIdentifier=EQHXZ8M8AV' >&2;; *) echo 'Acme.app: failed to satisfy' >&2; exit 3;; esac",
    );
    let error = mac.host.copy_app(order).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "check who signed Acme.app: its signature names team EQHXZ8M8AV, ABCDE12345 wanted: \
         Acme.app: failed to satisfy (exit status 3)"
    );
    assert!(!mac.at("/Applications/Acme.app").exists() && mac.is_empty("/private/var/run/ias/private"));
    mac.tool("/usr/bin/codesign", "");
    mac.host.copy_app(order).await.unwrap();
    assert!(mac.at("/Applications/Acme.app").exists());
    let verified = mac.told().iter().position(|call| call.contains("--test-requirement"));
    let owned = mac.told().iter().position(|call| call.starts_with("chown"));
    assert!(verified.is_some() && verified < owned, "{verified:?} {owned:?}");
}

#[tokio::test]
async fn what_is_no_archive_or_holds_no_such_application_says_so() {
    let mac = Titles::new();
    let into = MacPath::new("/Applications").unwrap();
    let page = archived(&mac, b"<html>").await;
    let order = AppCopy { archive: &page, app: "Acme.app", into: &into, team_ids: &[] };
    let error = mac.host.copy_app(order).await.unwrap_err().to_string();
    assert_eq!(error, "take Acme.app out of /Library/ias/acme.bin: it is no disk image, zip or tar archive");
    let order = AppCopy { archive: &archived(&mac, ZIP).await, app: "Other.app", into: &into, team_ids: &[] };
    let error = mac.host.copy_app(order).await.unwrap_err().to_string();
    assert!(error.contains("there is no `Other.app` in it"), "{error}");
}
