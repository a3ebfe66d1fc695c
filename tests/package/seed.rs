//! `iasctl pack --seed`: what the package brings along, and under which names.

use super::pack::{Admin, SETTINGS};
use shared::digest::Digest;

#[test]
fn r116_a_seed_is_packed_by_digest_and_the_control_file_by_name() {
    let admin = Admin::new(SETTINGS);
    let digest = |content: &[u8]| Digest::of(content).to_string();
    let control = format!(
        r#"{{"setupassistant": [
            {{"name": "Here", "type": "rootfile", "file": "/Library/a", "url": "https://a.example/a", "hash": "{}"}},
            {{"name": "Not here", "type": "rootfile", "file": "/Library/b", "url": "https://a.example/b", "hash": "{}"}}],
            "userland": []}}"#,
        digest(b"a"),
        digest(b"b")
    );
    for (path, content) in [("bootstrap.json", control.as_str()), ("below/a.txt", "a"), (".DS_Store", "x")] {
        admin.program(&format!("seed/{path}"), content.as_bytes());
    }
    std::os::unix::fs::symlink("..", admin.at("seed/below/up")).unwrap();
    let report = admin.report(&["--seed", "seed"]);
    let payload = admin.payload();
    let seed: Vec<(&str, u32, u64)> = payload
        .iter()
        .filter_map(|(path, entry)| {
            Some((path.strip_prefix("Library/installapplications/seed/")?, entry.0, entry.3))
        })
        .collect();
    let here = digest(b"a");
    assert_eq!(
        seed,
        [("", 0o755, 0), ("bootstrap.json", 0o600, control.len() as u64), (here.as_str(), 0o600, 1)]
    );
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("no content for \\\"Not here\\\""), "{warnings}");
    assert!(warnings.contains("below/up is a link to a folder"), "{warnings}");
    let (output, said) = admin.packs(&["--seed", "nowhere"]);
    assert!(!output.status.success() && said.contains("--seed nowhere"), "{said}");
}
