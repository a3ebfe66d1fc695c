//! Receipts and the history of installations, in the Mac's places and formats (P58, P59).

use cap_std::fs::Dir;
use plist::{Date, Dictionary, Value};
use std::{
    io::{self, Cursor, Read as _},
    time::SystemTime,
};

const RECEIPTS: &str = "private/var/db/receipts";
const HISTORY: &str = "Library/Receipts/InstallHistory.plist";
/// Larger property lists and bills are not ours.
const MAX_FILE: u64 = 256 << 20;
/// Longest name of a file.
const MAX_NAME: usize = 240;

/// What a package leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receipt {
    /// The package's identifier.
    pub(super) id: String,
    /// Its version.
    pub(super) version: String,
    /// When it was installed.
    pub(super) installed: SystemTime,
    /// Where to: without leading slash, empty for the root.
    pub(super) location: String,
    /// The name of the package file.
    pub(super) file_name: String,
}

/// One installation in the history.
#[derive(Debug)]
pub(super) struct History<'a> {
    /// When.
    pub(super) date: SystemTime,
    /// The product's name for people.
    pub(super) name: &'a str,
    /// The product's version.
    pub(super) version: &'a str,
    /// What was installed.
    pub(super) packages: &'a [String],
}

/// Whether an identifier can name a receipt's files.
pub(super) fn is_usable(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_NAME && !id.starts_with('.') && !id.contains(['/', '\0'])
}

/// Writes a receipt, and the bill of materials beside it.
pub(super) fn write(root: &Dir, receipt: &Receipt, bill: Option<&[u8]>) -> io::Result<()> {
    let mut plist = Dictionary::new();
    plist.insert("InstallDate".into(), Date::from(receipt.installed).into());
    let prefix = if receipt.location.is_empty() { "/" } else { &receipt.location };
    plist.insert("InstallPrefixPath".into(), prefix.into());
    plist.insert("InstallProcessName".into(), "installer".into());
    plist.insert("PackageFileName".into(), receipt.file_name.clone().into());
    plist.insert("PackageIdentifier".into(), receipt.id.clone().into());
    plist.insert("PackageVersion".into(), receipt.version.clone().into());
    root.create_dir_all(RECEIPTS)?;
    // The list of files first: once there is a receipt, the package counts as installed.
    if let Some(bill) = bill {
        replace(root, &format!("{RECEIPTS}/{}.bom", receipt.id), bill)?;
    }
    replace(root, &place(&receipt.id), &xml(&Value::Dictionary(plist))?)
}

/// The receipt of a package; `None` when there is none.
///
/// # Errors
/// When there is one that cannot be read.
pub(super) fn read(root: &Dir, id: &str) -> io::Result<Option<Receipt>> {
    let known = if is_usable(id) { read_plist(root, &place(id))? } else { None };
    let Some(plist) = known.and_then(Value::into_dictionary) else { return Ok(None) };
    let text = |key: &str| plist.get(key).and_then(Value::as_string).unwrap_or_default().to_owned();
    Ok(Some(Receipt {
        id: text("PackageIdentifier"),
        version: text("PackageVersion"),
        installed: plist
            .get("InstallDate")
            .and_then(Value::as_date)
            .map_or(SystemTime::UNIX_EPOCH, Into::into),
        location: text("InstallPrefixPath").trim_matches('/').to_owned(),
        file_name: text("PackageFileName"),
    }))
}

/// The bill of materials of an installed package.
pub(super) fn bill(root: &Dir, id: &str) -> io::Result<Option<Vec<u8>>> {
    if is_usable(id) { read_file(root, &format!("{RECEIPTS}/{id}.bom")) } else { Ok(None) }
}

/// The identifiers of all installed packages, sorted.
pub(super) fn ids(root: &Dir) -> io::Result<Vec<String>> {
    let folder = match root.read_dir(RECEIPTS) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut ids = Vec::new();
    for entry in folder {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".plist")).filter(|id| is_usable(id));
        ids.extend(id.map(str::to_owned));
    }
    ids.sort_unstable();
    Ok(ids)
}

/// Removes a receipt, as `pkgutil --forget` does; whether there was one.
pub(super) fn forget(root: &Dir, id: &str) -> io::Result<bool> {
    if !is_usable(id) {
        return Ok(false);
    }
    let gone = |path: &str| match root.remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    let known = gone(&place(id))?;
    gone(&format!("{RECEIPTS}/{id}.bom"))?;
    Ok(known)
}

/// Appends an installation to the history. A history that cannot be understood is put aside, not overwritten.
pub(super) fn remember(root: &Dir, entry: &History<'_>) -> io::Result<()> {
    let mut plist = Dictionary::new();
    plist.insert("date".into(), Date::from(entry.date).into());
    plist.insert("displayName".into(), entry.name.into());
    plist.insert("displayVersion".into(), entry.version.into());
    let packages = entry.packages.iter().map(|id| id.clone().into()).collect();
    plist.insert("packageIdentifiers".into(), Value::Array(packages));
    plist.insert("processName".into(), "installer".into());
    root.create_dir_all("Library/Receipts")?;
    let mut history = match read_plist(root, HISTORY).map(|plist| plist.map(Value::into_array)) {
        Ok(None) => Vec::new(),
        Ok(Some(Some(history))) => history,
        Ok(Some(None)) | Err(_) => {
            root.rename(HISTORY, root, format!("{HISTORY}.damaged"))?;
            Vec::new()
        }
    };
    history.push(Value::Dictionary(plist));
    replace(root, HISTORY, &xml(&Value::Array(history))?)
}

fn place(id: &str) -> String {
    format!("{RECEIPTS}/{id}.plist")
}

fn xml(value: &Value) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.to_writer_xml(&mut bytes).map_err(io::Error::other)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read_file(root: &Dir, path: &str) -> io::Result<Option<Vec<u8>>> {
    let file = match root.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn read_plist(root: &Dir, path: &str) -> io::Result<Option<Value>> {
    let Some(bytes) = read_file(root, path)? else { return Ok(None) };
    Value::from_reader(Cursor::new(bytes)).map(Some).map_err(io::Error::other)
}

/// Puts a new file in the place of an old one at once.
fn replace(root: &Dir, path: &str, content: &[u8]) -> io::Result<()> {
    let new = format!("{path}.{}.new", std::process::id());
    root.write(&new, content)?;
    root.rename(&new, root, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use std::time::Duration;

    fn root() -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        (folder, dir)
    }

    #[test]
    fn p58_a_receipt_is_found_listed_and_forgotten() {
        let (_folder, root) = root();
        let receipt = Receipt {
            id: "com.example.tool".into(),
            version: "1.2".into(),
            installed: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            location: "Applications".into(),
            file_name: "Tool.pkg".into(),
        };
        assert_eq!(read(&root, &receipt.id).unwrap(), None);
        assert!(ids(&root).unwrap().is_empty());
        write(&root, &receipt, Some(b"bill")).unwrap();
        assert_eq!(read(&root, &receipt.id).unwrap().as_ref(), Some(&receipt));
        assert_eq!(bill(&root, &receipt.id).unwrap().unwrap(), b"bill");
        assert_eq!(ids(&root).unwrap(), ["com.example.tool"]);
        let text = root.read_to_string("private/var/db/receipts/com.example.tool.plist").unwrap();
        assert!(text.contains("<key>InstallPrefixPath</key>\n\t<string>Applications</string>"), "{text}");
        assert!(forget(&root, &receipt.id).unwrap() && !forget(&root, &receipt.id).unwrap());
        assert_eq!(bill(&root, &receipt.id).unwrap(), None);
    }

    #[test]
    fn identifiers_that_are_no_file_names_have_no_receipt() {
        let (_folder, root) = root();
        for id in ["", "..", "../x", "a/b", ".hidden", "a\0"] {
            assert!(
                !is_usable(id) && read(&root, id).unwrap().is_none() && !forget(&root, id).unwrap(),
                "{id:?}"
            );
        }
    }

    #[test]
    fn p59_the_history_grows_and_a_damaged_one_is_kept_aside() {
        let (_folder, root) = root();
        let entry = |name| History { date: SystemTime::now(), name, version: "1", packages: &[] };
        remember(&root, &entry("one")).unwrap();
        remember(&root, &entry("two")).unwrap();
        let history = read_plist(&root, HISTORY).unwrap().and_then(Value::into_array).unwrap();
        let name = |at: usize| history[at].as_dictionary().unwrap()["displayName"].as_string().unwrap();
        assert_eq!((history.len(), name(0), name(1)), (2, "one", "two"));
        root.write(HISTORY, "not a property list").unwrap();
        remember(&root, &entry("three")).unwrap();
        assert_eq!(read_plist(&root, HISTORY).unwrap().and_then(Value::into_array).unwrap().len(), 1);
        assert_eq!(root.read_to_string(format!("{HISTORY}.damaged")).unwrap(), "not a property list");
    }
}
