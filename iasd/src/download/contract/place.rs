//! Where content is put and what is used of what lies there (R31–R35, R87, R89, R113–R116, R118).

use super::*;
use crate::download::{error::Cause, file::create_anew, place::Place, store::Content};
use shared::event::AcceptedBecause;
use std::os::unix::fs::symlink;
use support::server::Reply;

#[tokio::test]
async fn r113_modes_follow_the_type_of_the_item() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    for (index, kind, mode) in
        [(0, ItemKind::Package, 0o600), (1, ItemKind::RootScript, 0o700), (2, ItemKind::UserScript, 0o755)]
    {
        let wanted = Item { kind, ..site.item(index, "/x", b"x") };
        let artifact = site.obtain(&wanted).await.unwrap();
        assert_eq!(site.mode(artifact.path().as_str()), mode, "{kind}");
    }
    assert_eq!(site.mode("/Library/Seed"), 0o755);
}

#[tokio::test]
async fn r114_a_file_that_took_the_place_of_the_checked_one_is_not_taken_for_it() {
    let site = Site::new();
    let store = site.downloader().store.clone();
    let (work, path) = (store.work().unwrap(), store.in_work("x"));
    let checked = create_anew(&work, "x.part", &path).unwrap();
    let _another = create_anew(&work, "x.part", &path).unwrap();
    let content = Content { digest: Digest::of(b""), bytes: 0 };
    let error = store.place((&work, "x.part", checked), content, &Place::aside(path)).unwrap_err();
    assert!(error.to_string().contains("another file than the one that was checked"), "{error}");
}

#[tokio::test]
async fn r113_a_user_file_waits_in_the_work_folder_for_the_agent() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    let file = MacPath::new("/Users/anna/Desktop/Welcome.txt").unwrap();
    let wanted = Item { kind: ItemKind::UserFile, file: file.clone(), ..site.item(0, "/x", b"x") };
    let artifact = site.obtain(&wanted).await.unwrap();
    assert!(artifact.path().as_str().starts_with("/Library/installapplications/.work/"));
    assert_eq!(site.mode(artifact.path().as_str()), 0o600);
    assert!(!site.on_disk(file.as_str()).exists());
    assert!(site.obtain(&wanted).await.unwrap().reused());
}

#[tokio::test]
async fn r87_a_file_with_the_right_digest_serves_without_a_request() {
    let site = Site::new();
    site.put("/Library/Seed/0", b"x", 0o755);
    let artifact = site.obtain(&site.item(0, "/x", b"x")).await.unwrap();
    assert!(artifact.reused());
    assert!(site.server.seen().is_empty());
    assert_eq!(site.mode("/Library/Seed/0"), 0o700, "mode is enforced");
    assert!(matches!(site.told()[..], [EventKind::DownloadFinished { reused: true, .. }]));
}

#[tokio::test]
async fn r87_any_other_file_is_replaced_at_no_cost() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    site.server.serve("/x", [Reply::ok("x")]);
    for (index, content, mode) in [(0, b"y", 0o644), (1, b"x", 0o666)] {
        site.put(&format!("/Library/Seed/{index}"), content, mode);
        let artifact = site.obtain(&site.item(index, "/x", b"x")).await.unwrap();
        assert!(!artifact.reused());
        assert_eq!(site.content(&artifact), b"x");
    }
    site.settings.hash_check = HashCheckPolicy::Ignore;
    let artifact = site.obtain(&site.item(1, "/x", b"x")).await.unwrap();
    assert!(!artifact.reused(), "nothing proves where it comes from");
    assert_eq!(artifact.because(), AcceptedBecause::NotCompared);
}

#[tokio::test]
async fn r114_a_link_in_the_place_of_the_file_is_replaced_and_not_followed() {
    let mut site = Site::new();
    site.settings.redownloads = 0;
    site.server.serve("/x", [Reply::ok("x")]);
    site.put("/Library/Seed/secret", b"keep me", 0o600);
    site.put("/Library/Seed/linked", b"x", 0o644);
    symlink("secret", site.on_disk("/Library/Seed/0")).unwrap();
    fs::hard_link(site.on_disk("/Library/Seed/linked"), site.on_disk("/Library/Seed/1")).unwrap();
    for index in 0..2 {
        let artifact = site.obtain(&site.item(index, "/x", b"x")).await.unwrap();
        assert!(!artifact.reused());
        assert!(fs::symlink_metadata(site.on_disk(artifact.path().as_str())).unwrap().is_file());
    }
    assert_eq!(fs::read(site.on_disk("/Library/Seed/secret")).unwrap(), b"keep me");
}

#[tokio::test]
async fn r115_nothing_is_downloaded_for_an_unsafe_folder() {
    let site = Site::new();
    site.put("/Library/Seed/other", b"", 0o644);
    fs::set_permissions(site.on_disk("/Library/Seed"), fs::Permissions::from_mode(0o777)).unwrap();
    let error = site.obtain(&site.item(0, "/x", b"x")).await.unwrap_err();
    assert!(error.to_string().contains("/Library/Seed is not safe to use"), "{error}");
    assert!(site.server.seen().is_empty() && !error.is_transient());
}

#[tokio::test]
async fn a_folder_in_the_place_of_the_file_fails_clearly() {
    let site = Site::new();
    site.put("/Library/Seed/0/inside", b"", 0o644);
    site.server.serve("/x", [Reply::ok("x")]);
    let error = site.obtain(&site.item(0, "/x", b"x")).await.unwrap_err();
    assert!(error.to_string().contains("cannot place /Library/Seed/0"), "{error}");
    assert_eq!(site.server.seen().len(), 1);
}

#[tokio::test]
async fn r32_r33_an_item_without_url_is_looked_at_when_it_runs() {
    let site = Site::new();
    let local = Item { source: None, kind: ItemKind::RootScript, ..site.item(0, "/x", b"#!/bin/sh\n") };
    let missing = site.obtain(&local).await.unwrap_err();
    assert_eq!(missing.cause, Cause::Missing);
    site.put("/Library/Seed/0", b"#!/bin/sh\n", 0o644);
    let artifact = site.obtain(&local).await.unwrap();
    assert_eq!(artifact.because(), AcceptedBecause::HashEqual);
    assert_eq!(site.mode("/Library/Seed/0"), 0o700);
    let unhashed = Item { hash: None, ..local.clone() };
    assert_eq!(site.obtain(&unhashed).await.unwrap().because(), AcceptedBecause::Local);
    site.put("/Library/Seed/0", b"other", 0o644);
    assert!(matches!(site.obtain(&local).await.unwrap_err().cause, Cause::Mismatch { .. }));
    site.put("/Library/Seed/0", b"#!/bin/sh\n", 0o646);
    let error = site.obtain(&unhashed).await.unwrap_err();
    assert!(error.to_string().contains("writable by"), "{error}");
}

#[tokio::test]
async fn r118_a_file_url_is_copied_after_the_checks_of_r116() {
    let site = Site::new();
    let body = pattern(700_000);
    site.put("/Library/Seeds/a b.pkg", &body, 0o644);
    let wanted = item(0, "file:///Library/Seeds/a%20b.pkg", Some(Digest::of(&body)));
    let artifact = site.obtain(&wanted).await.unwrap();
    assert_eq!(site.content(&artifact), body);
    assert!(site.on_disk("/Library/Seeds/a b.pkg").exists());
    site.put("/Library/Seeds/open", b"x", 0o666);
    for (url, word) in [
        ("file:///Library/Seeds/open", "not safe"),
        ("file:///Library/Seeds/none", "no such file"),
        ("file://elsewhere/Library/x", "not an https, http or file URL"),
    ] {
        let error = site.obtain(&item(1, url, Some(Digest::of(b"x")))).await.unwrap_err();
        assert!(error.to_string().contains(word), "{url}: {error}");
    }
}

#[tokio::test]
async fn r89_what_changed_since_it_was_verified_is_not_confirmed() {
    let site = Site::new();
    site.put("/Library/Seed/0", b"content", 0o644);
    let local = Item { source: None, ..site.item(0, "/x", b"content") };
    let file = site.on_disk("/Library/Seed/0");

    let artifact = site.obtain(&local).await.unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    artifact.confirm().expect("other times, same content");
    fs::write(&file, b"CONTENT").unwrap();
    assert!(artifact.confirm().unwrap_err().to_string().contains("content changed"));

    fs::write(&file, b"content").unwrap();
    let artifact = site.obtain(&local).await.unwrap();
    fs::rename(&file, site.on_disk("/Library/Seed/old")).unwrap();
    site.put("/Library/Seed/0", b"content", 0o644);
    assert!(artifact.confirm().unwrap_err().to_string().contains("another file"));
}
