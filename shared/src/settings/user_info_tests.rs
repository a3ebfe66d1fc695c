//! `JSONURL` with a user name or a password in it: they leave the URL and are for its host alone (R118, R121).

use super::*;

fn merged(body: &str) -> Merged {
    let source = Source::File("iasd.plist".to_owned());
    let read = document::read(format!("<plist><dict>{body}</dict></plist>").as_bytes(), &source).unwrap();
    merge(vec![Layer::new(source, read.value.into_dictionary().unwrap())], Mode::Daemon)
}

#[test]
fn r121_user_info_in_jsonurl_is_for_its_host_alone_and_leaves_the_url() {
    let settings = |url: &str, rest: &str| {
        let merged = merged(&format!("<key>JSONURL</key><string>{url}</string>{rest}"));
        assert!(!format!("{merged:?}").contains("hunter2"), "{merged:?}");
        let about: Vec<String> = merged
            .findings
            .iter()
            .map(ToString::to_string)
            .filter(|line| line.contains("user name"))
            .collect();
        (merged.settings, about.join("\n"))
    };
    let (taken, told) = settings("https://me:hunter2@a.example/x?y", "");
    assert_eq!(taken.control, Some(ControlSource::Url("https://a.example/x?y".parse().unwrap())));
    assert_eq!(taken.control_credentials, Some(("me".to_owned(), Secret("hunter2".to_owned()))));
    assert_eq!((taken.http.credentials, taken.http.auth_hosts), (None, vec!["a.example".to_owned()]));
    assert!(told.starts_with("warning: iasd.plist: JSONURL: ") && told.contains("HTTPAuthUser"), "{told}");

    let named = "<key>HTTPAuthUser</key><string>u</string><key>HTTPAuthPassword</key><string>p</string>";
    for (url, rest, word) in [
        ("https://me:hunter2@a.example/x", named, "because HTTPAuthUser is set"),
        ("http://me:hunter2@a.example/x", "", "over plain http"),
    ] {
        let (dropped, told) = settings(url, rest);
        assert_eq!(dropped.control_credentials, None, "{url}");
        assert!(told.contains(word), "{told}");
    }
    assert!(
        settings("http://me:hunter2@127.0.0.1/x", "").0.control_credentials.is_some(),
        "nobody can see it"
    );
}
