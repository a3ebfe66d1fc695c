//! Which applications are open, by the paths of running processes (T45).

/// Those of `names` that one of `processes`, the first argument of each, belongs to.
#[must_use]
pub fn open_applications(names: &[String], processes: &[String]) -> Vec<String> {
    names.iter().filter(|name| processes.iter().any(|process| belongs(process, name))).cloned().collect()
}

fn belongs(process: &str, name: &str) -> bool {
    let is_named = if name.starts_with('/') {
        process == name
    } else if name.ends_with(".app") {
        process.contains(&format!("/{name}/Contents/MacOS/"))
    } else {
        process.ends_with(&format!("/{name}"))
    };
    is_named || process.contains(&format!("/{name}.app/Contents/MacOS/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t45_a_name_is_a_path_a_bundle_or_a_program() {
        let processes = [
            "/Applications/Safari.app/Contents/MacOS/Safari",
            "/Applications/Google Chrome.app/Contents/Frameworks/x/Contents/MacOS/Google Chrome Helper",
            "/Users/ada/Apps/VLC.app/Contents/MacOS/VLC",
            "/usr/libexec/tool",
            "sshd: ada",
        ];
        let processes = processes.map(str::to_owned);
        let open = |name: &str| !open_applications(&[name.to_owned()], &processes).is_empty();
        for name in
            ["/usr/libexec/tool", "tool", "Safari", "Safari.app", "VLC", "VLC.app", "Google Chrome Helper"]
        {
            assert!(open(name), "{name}");
        }
        for name in ["/usr/libexec", "ool", "fari.app", "safari", "Google Chrome", "Chrome.app", "ada", ""] {
            assert!(!open(name), "{name}");
        }
    }

    #[test]
    fn t45_the_name_of_a_bundle_is_enough_where_its_program_is_called_otherwise() {
        let processes = ["/Applications/zoom.us.app/Contents/MacOS/other".to_owned()];
        let names = ["zoom.us".to_owned(), "Slack".to_owned()];
        assert_eq!(open_applications(&names, &processes), ["zoom.us"]);
    }
}
