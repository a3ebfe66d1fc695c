//! Root files: downloaded and checked early, placed when their turn comes (R13, R34, R87, R113–R116).

use super::*;
use crate::{download::DownloadStage, engine::needs::Contents as _};
use std::os::unix::fs::MetadataExt as _;
use support::server::Reply;

const FILE: &str = "/Library/Seed/0";

fn root_file(site: &Site, index: u32, content: &[u8]) -> Item {
    let file = MacPath::new(FILE).unwrap();
    Item { kind: ItemKind::RootFile, file, ..site.item(index, "/x", content) }
}

async fn place(site: &Site, item: &Item, artifact: &VerifiedArtifact) -> Result<(), String> {
    site.downloader().place(item, artifact).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn r13_a_root_file_waits_in_the_work_folder_for_its_turn() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    let item = root_file(&site, 0, b"x");
    let artifact = site.obtain(&item).await.unwrap();
    assert!(artifact.path().as_str().starts_with("/Library/installapplications/.work/"));
    assert!(!site.on_disk("/Library/Seed").exists(), "not even its folder");

    let again = site.obtain(&item).await.unwrap();
    assert!(again.reused(), "a run that was killed meanwhile does not download it twice");
    assert_eq!(site.server.seen().len(), 1);

    place(&site, &item, &again).await.unwrap();
    assert_eq!(fs::read(site.on_disk(FILE)).unwrap(), b"x");
    assert_eq!((site.mode(FILE), site.mode("/Library/Seed")), (0o644, 0o755));
    assert_eq!(fs::read_dir(site.on_disk("/Library/installapplications/.work")).unwrap().count(), 0);
}

#[tokio::test]
async fn r87_a_root_file_that_is_in_place_is_not_downloaded_and_only_gets_its_mode() {
    let site = Site::new();
    site.put(FILE, b"x", 0o600);
    let before = fs::metadata(site.on_disk(FILE)).unwrap().ino();
    let item = root_file(&site, 0, b"x");
    let artifact = site.obtain(&item).await.unwrap();
    assert!(artifact.reused() && site.server.seen().is_empty());
    assert_eq!(site.mode(FILE), 0o600, "nothing is touched before its turn");
    place(&site, &item, &artifact).await.unwrap();
    assert_eq!(site.mode(FILE), 0o644);
    assert_eq!(fs::metadata(site.on_disk(FILE)).unwrap().ino(), before);
}

#[tokio::test]
async fn r34_root_files_that_share_a_download_are_both_placed() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    let (first, second) = (root_file(&site, 0, b"x"), root_file(&site, 1, b"x"));
    let artifact = site.obtain(&first).await.unwrap();
    place(&site, &first, &artifact).await.unwrap();
    place(&site, &second, &artifact).await.unwrap();
    assert_eq!(fs::read(site.on_disk(FILE)).unwrap(), b"x");
    fs::remove_file(site.on_disk(FILE)).unwrap();
    place(&site, &second, &artifact).await.unwrap();
    assert_eq!(fs::read(site.on_disk(FILE)).unwrap(), b"x", "an item between them removed it");
}

#[tokio::test]
async fn r87_what_replaced_a_file_that_was_right_is_replaced_in_turn() {
    let site = Site::new();
    site.put(FILE, b"x", 0o644);
    let item = root_file(&site, 0, b"x");
    let artifact = site.obtain(&item).await.unwrap();
    fs::rename(site.on_disk(FILE), site.on_disk("/Library/Seed/old")).unwrap();
    site.put(FILE, b"the script before it wrote this", 0o644);
    place(&site, &item, &artifact).await.unwrap();
    assert_eq!(fs::read(site.on_disk(FILE)).unwrap(), b"x");
}

#[tokio::test]
async fn r87_what_was_written_over_in_its_place_is_downloaded_again() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    site.put(FILE, b"x", 0o644);
    let item = root_file(&site, 0, b"x");
    let artifact = site.obtain(&item).await.unwrap();
    assert!(artifact.reused() && site.server.seen().is_empty());
    // As `echo y > file` does: the file stays the same, and the right bytes are nowhere any more.
    fs::write(site.on_disk(FILE), "y").unwrap();
    let stage = DownloadStage::new(std::sync::Arc::new(site.downloader()), &site.settings, site.recorder());
    stage.place(&item, &artifact).await.unwrap();
    assert_eq!(fs::read(site.on_disk(FILE)).unwrap(), b"x");
    assert_eq!(site.server.seen().len(), 1);
}

#[tokio::test]
async fn r89_a_root_file_whose_content_changed_is_not_placed() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    let item = root_file(&site, 0, b"x");
    let artifact = site.obtain(&item).await.unwrap();
    fs::write(site.on_disk(artifact.path().as_str()), "y").unwrap();
    let error = place(&site, &item, &artifact).await.unwrap_err();
    assert!(error.contains("content changed after it was verified"), "{error}");
    assert!(!site.on_disk(FILE).exists());
}

#[tokio::test]
async fn r115_the_folder_of_a_root_file_is_judged_when_it_is_placed() {
    let site = Site::new();
    site.server.serve("/x", [Reply::ok("x")]);
    site.put("/Library/Seed/other", b"", 0o644);
    let folder = |mode| fs::set_permissions(site.on_disk("/Library/Seed"), fs::Permissions::from_mode(mode));
    folder(0o777).unwrap();
    let item = root_file(&site, 0, b"x");
    let artifact = site.obtain(&item).await.unwrap();
    let error = place(&site, &item, &artifact).await.unwrap_err();
    assert!(error.contains("/Library/Seed is not safe to use"), "{error}");
    folder(0o755).unwrap();
    place(&site, &item, &artifact).await.unwrap();
    assert_eq!(site.mode(FILE), 0o644);
}
