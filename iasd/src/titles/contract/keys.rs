//! Keys: from a file only root can read, and never without one (T58, T67, T68).

use super::*;
use shared::layout::MacPath;

const FILE: &str = "/private/etc/keys.plist";

fn plist(kid: &str, byte: u8) -> String {
    let key = encode_url(&[byte; 32]);
    format!(
        "<plist><dict><key>TitleKeys</key><array><dict><key>kid</key><string>{kid}</string>\
         <key>alg</key><string>HS256</string><key>key</key><string>{key}</string></dict></array></dict></plist>"
    )
}

fn with_file() -> Site {
    let mut site = Site::new();
    site.settings.keys = Keys::default();
    site.settings.key_file = Some(MacPath::new(FILE).unwrap());
    site
}

#[tokio::test]
async fn t67_keys_of_a_file_count_and_come_first() {
    let mut site = with_file();
    site.put(FILE, plist("k1", 1).as_bytes(), 0o600);
    assert!(site.production().await.is_ok());
    site.settings.keys = Keys::new(vec![key("k0", 7)]).unwrap();
    assert!(site.production().await.is_ok());
    let header = site.service.seen().last().unwrap().body.clone();
    let header = decode_url(std::str::from_utf8(&header).unwrap().split('.').next().unwrap()).unwrap();
    assert!(String::from_utf8(header).unwrap().contains("\"k1\""));
}

#[tokio::test]
async fn t67_a_file_of_keys_that_is_not_roots_alone_is_not_used_and_nothing_is_asked() {
    for (case, content, mode, word) in [
        ("readable by all", &*plist("k1", 1), 0o644, "its mode is 0644, so others may read it; chmod 600"),
        ("readable by a group", &plist("k1", 1), 0o640, "its mode is 0640"),
        ("writable by all", &plist("k1", 1), 0o622, "writable"),
        ("missing", "", 0, "there is no such file"),
        ("no keys", "<plist><dict/></plist>", 0o600, "only key is TitleKeys"),
    ] {
        let site = with_file();
        if mode != 0 {
            site.put(FILE, content.as_bytes(), mode);
        }
        let error = site.open().await.unwrap_err();
        assert!(error.reason.contains(word) && error.reason.contains("TitleKeyFile"), "{case}: {error}");
        assert!(site.service.seen().is_empty() && site.repository.seen().is_empty(), "{case}");
        site.assert_discreet(&[&error]);
    }
    let mut site = with_file();
    site.put(FILE, plist("k1", 1).as_bytes(), 0o600);
    site.settings.keys = Keys::new(vec![key("k1", 7)]).unwrap();
    assert!(site.open().await.unwrap_err().reason.contains("there are two keys k1"));
}

#[tokio::test]
async fn t72_without_a_key_nothing_is_asked() {
    let mut site = Site::new();
    site.settings.keys = Keys::default();
    let error = site.open().await.unwrap_err();
    assert!(error.reason.starts_with("grant: unknown key") && !error.transient, "{error}");
    let public = Key::new("e1", "EdDSA", &encode_url(&[9; 32]), None).unwrap();
    site.settings.keys = Keys::new(vec![public]).unwrap();
    assert!(site.open().await.unwrap_err().reason.contains("no key can sign a request"));
    assert!(site.service.seen().is_empty() && site.repository.seen().is_empty());
}
