//! What `--depnotify` asks for (R101).

use crate::layout::MacPath;

#[test]
fn r101_the_app_to_open_and_its_arguments_come_from_the_depnotify_words() {
    let app = |words: &[&str]| {
        let arguments = words.iter().map(|word| (*word).to_owned()).collect();
        let file = MacPath::new("/var/tmp/depnotify.log").unwrap();
        super::DepNotifySettings { enable: true, file, determinate: true, arguments }.app()
    };
    let path = MacPath::new("/Applications/Utilities/DEPNotify.app").unwrap();
    let words =
        ["DEPNotifyPath: /Applications/Utilities/DEPNotify.app", "DEPNotifyArguments: -munki -fullScreen"];
    assert_eq!(app(&words), Some((path, vec!["-munki".to_owned(), "-fullScreen".to_owned()])));
    assert_eq!(app(&["Command: WindowTitle: Hello"]), None);
    assert_eq!(app(&["DEPNotifyPath: relative.app"]), None);
}
