//! `hdiutil`: attaches and detaches disk images (P51, T36).

use super::tools::Request;
use plist::{Dictionary, Value};
use shared::sys::tools::HDIUTIL;
use std::path::{Path, PathBuf};

/// What agrees to the licence of an image that has one; the others do not read it.
pub(super) const AGREEMENT: &[u8] = b"Y\n";

/// Attaches `image` read-only, each of its volumes in a folder of its own below `folder`. Its checksum is not verified:
/// the digest of the whole file was.
pub(super) fn attach(image: &Path, folder: &Path) -> Request {
    let [verb, hidden, read_only, quiet, unverified, below, plist] =
        ["attach", "-nobrowse", "-readonly", "-noautoopen", "-noverify", "-mountrandom", "-plist"]
            .map(Path::new);
    Request::new(HDIUTIL, [verb, image, hidden, read_only, quiet, unverified, below, folder, plist])
}

/// Detaches what is mounted at `volume`, or is the device of that name.
pub(super) fn detach(volume: &str) -> Request {
    Request::new(HDIUTIL, ["detach", volume])
}

/// The same, whoever uses it.
pub(super) fn detach_by_force(volume: &str) -> Request {
    Request::new(HDIUTIL, ["detach", volume, "-force"])
}

/// Asks which images are attached.
pub(super) fn info() -> Request {
    Request::new(HDIUTIL, ["info", "-plist"])
}

/// What came of attaching an image, or what is attached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entities {
    /// Which image it is, where that is said.
    pub(super) image: Option<PathBuf>,
    /// Where its volumes are mounted, in order.
    pub(super) mounts: Vec<String>,
    /// Its devices, such as `/dev/disk4`.
    pub(super) devices: Vec<String>,
}

/// Reads the answer to [`attach`]; the text of a licence may stand before it.
pub(super) fn entities(answer: &[u8]) -> Option<Entities> {
    let plist = property_list(answer)?;
    Some(Entities::of(plist.as_dictionary()?))
}

/// Every image that the answer to [`info`] tells of.
pub(super) fn images(answer: &[u8]) -> Option<Vec<Entities>> {
    let plist = property_list(answer)?;
    let images = plist.as_dictionary()?.get("images")?.as_array()?;
    Some(images.iter().filter_map(Value::as_dictionary).map(Entities::of).collect())
}

impl Entities {
    fn of(image: &Dictionary) -> Self {
        let entities = image.get("system-entities").and_then(Value::as_array);
        let entities = || entities.into_iter().flatten().filter_map(Value::as_dictionary);
        let all = |key: &str| {
            entities().filter_map(|entity| entity.get(key)?.as_string()).map(str::to_owned).collect()
        };
        let path = image.get("image-path").and_then(Value::as_string);
        Self { image: path.map(PathBuf::from), mounts: all("mount-point"), devices: all("dev-entry") }
    }
}

fn property_list(answer: &[u8]) -> Option<Value> {
    // The last one: a licence may hold anything.
    let find = |text: &[u8]| answer.windows(text.len()).rposition(|window| window == text);
    let (begin, end) = (find(b"<plist")?, find(b"</plist>")? + b"</plist>".len());
    Value::from_reader_xml(answer.get(begin..end)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t36_p51_the_exact_calls() {
        let request =
            attach(Path::new("/Library/ias/Acme Tools.dmg"), Path::new("/private/var/run/ias/mounts"));
        assert_eq!(request.tool, "/usr/bin/hdiutil");
        assert_eq!(
            request.arguments,
            [
                "attach",
                "/Library/ias/Acme Tools.dmg",
                "-nobrowse",
                "-readonly",
                "-noautoopen",
                "-noverify",
                "-mountrandom",
                "/private/var/run/ias/mounts",
                "-plist",
            ]
        );
        assert_eq!(detach("/private/var/run/x").arguments, ["detach", "/private/var/run/x"]);
        assert_eq!(
            detach_by_force("/private/var/run/x").arguments,
            ["detach", "/private/var/run/x", "-force"]
        );
        assert_eq!(info().arguments, ["info", "-plist"]);
    }

    /// Entities as macOS 10.13 lists them: https://github.com/macmule/AutoImagrNBI/issues/42
    const APFS: &str = "<dict><key>content-hint</key><string>41504653-0000-11AA-AA11-00306543ECAC</string>\
        <key>dev-entry</key><string>/dev/disk2s1</string>\
        <key>mount-point</key><string>/private/var/run/ias/mounts/dmg.Xk3v1P</string>\
        <key>potentially-mountable</key><true/>\
        <key>unmapped-content-hint</key><string>41504653-0000-11AA-AA11-00306543ECAC</string>\
        <key>volume-kind</key><string>apfs</string></dict>";
    const SCHEME: &str = "<dict><key>content-hint</key><string>GUID_partition_scheme</string>\
        <key>dev-entry</key><string>/dev/disk2</string><key>potentially-mountable</key><false/>\
        <key>unmapped-content-hint</key><string>GUID_partition_scheme</string></dict>";

    fn document(entities: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
             \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\
             <key>system-entities</key><array>{entities}</array></dict>\n</plist>\n"
        )
    }

    #[test]
    fn t36_the_first_volume_is_the_images() {
        let found = entities(document(&format!("{SCHEME}{APFS}")).as_bytes()).unwrap();
        assert_eq!(found.mounts, ["/private/var/run/ias/mounts/dmg.Xk3v1P"]);
        assert_eq!(found.devices, ["/dev/disk2", "/dev/disk2s1"]);
    }

    #[test]
    fn t36_a_licence_before_the_answer_is_passed_over() {
        for licence in ["Please read this <carefully>.", "<?xml <plist>", "<plist/> </plist>"] {
            let answer = format!("{licence}\n\nAgree Y/N? {}", document(APFS));
            assert_eq!(entities(answer.as_bytes()).unwrap().mounts.len(), 1, "{licence}");
        }
    }

    #[test]
    fn answers_that_are_none() {
        assert_eq!(entities(b"hdiutil: attach failed - no mountable file systems\n"), None);
        assert_eq!(entities(b"</plist><?xml"), None);
        assert_eq!(entities(document("").as_bytes()), Some(Entities::default()));
    }

    #[test]
    fn p51_the_images_that_are_attached() {
        let info = format!(
            "<plist version=\"1.0\"><dict><key>framework</key><string>671.60.2</string><key>images</key><array>\
             <dict><key>image-path</key><string>/a.dmg</string><key>system-entities</key><array>{SCHEME}{APFS}</array></dict>\
             <dict><key>image-path</key><string>/b.dmg</string></dict></array></dict></plist>"
        );
        let found = images(info.as_bytes()).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].mounts.len(), found[1].mounts.len()), (1, 0));
        assert_eq!(found[1].image.as_deref(), Some(Path::new("/b.dmg")));
        assert_eq!(
            images(b"<plist version=\"1.0\"><dict><key>images</key><array/></dict></plist>"),
            Some(Vec::new())
        );
    }
}
