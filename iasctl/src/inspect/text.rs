//! An inspection as text for a terminal: aligned, the important things first.

use super::image_text;
use super::report::*;
use std::fmt::{self, Display, Formatter};

/// Width of the column of names.
const NAMES: usize = 14;

/// Prints a report.
pub(crate) struct Text<'a>(pub(crate) &'a Report);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let report = self.0;
        writeln!(f, "{}", report.file)?;
        if let Some(package) = &report.package {
            self.package(f, package)?;
        }
        if let Some(image) = &report.image {
            image_text::image(f, report, image)?;
        }
        if let Some(archive) = &report.archive {
            image_text::archive(f, report, archive)?;
        }
        for warning in &report.warnings {
            line(f, "Warning", warning)?;
        }
        for error in &report.errors {
            line(f, "Error", error)?;
        }
        Ok(())
    }
}

impl Text<'_> {
    fn package(&self, f: &mut Formatter<'_>, package: &Package) -> fmt::Result {
        let kind = match package.kind {
            PackageKind::Component => "component package",
            PackageKind::Product => "product package",
        };
        line(f, "Kind", &format!("{kind}, {}", bytes(self.0.size)))?;
        optional(f, "Title", package.title.as_ref())?;
        optional(f, "Identifier", package.identifier.as_ref())?;
        optional(f, "Version", package.version.as_ref())?;
        optional(f, "Product", product(package).as_ref())?;
        optional(f, "Minimum macOS", package.minimum_system.as_ref())?;
        if !package.architectures.is_empty() {
            line(f, "Runs on", &package.architectures.join(", "))?;
        }
        signature(f, package.signature.as_ref())?;
        line(f, "Checksums", &integrity(&package.integrity))?;
        optional(f, "SHA-256", self.0.sha256.as_ref())?;
        for component in &package.components {
            component_text(f, component)?;
        }
        choices(f, package)?;
        for nested in &package.nested {
            writeln!(f)?;
            write!(f, "{}", Text(nested))?;
        }
        writeln!(f)
    }
}

fn component_text(f: &mut Formatter<'_>, component: &ComponentReport) -> fmt::Result {
    let name = if component.folder.is_empty() { &component.identifier } else { &component.folder };
    writeln!(f, "\n  Component {}", visible(name))?;
    line(f, "Identifier", &format!("{} {}", component.identifier, component.version))?;
    match component.selected {
        "yes" => {}
        other => line(f, "By default", &format!("installed: {other}"))?,
    }
    line(f, "Installs to", &component.install_location)?;
    match &component.payload {
        Some(payload) => {
            let noun = if payload.entries == 1 { "entry" } else { "entries" };
            let size = bytes(payload.bytes);
            let text = format!("{} {noun}, {size}, {}", payload.entries, payload.compression);
            line(f, "Payload", &text)?;
        }
        None => line(f, "Payload", &"none")?,
    }
    for bundle in &component.bundles {
        let path = bundle.path.as_deref().unwrap_or_default();
        let version = bundle.version.as_deref().unwrap_or_default();
        line(f, "Bundle", &format!("{} {version} {path}", bundle.identifier))?;
    }
    optional(f, "Minimum macOS", component.minimum_system.as_ref())?;
    optional(f, "Afterwards", component.postinstall_action.as_ref())?;
    for script in &component.scripts {
        let name = if script.runs { "Runs script" } else { "Beside scripts" };
        line(f, name, &format!("{} ({} {})", script.name, script.mode, bytes(script.size)))?;
        for text in script.text.iter().flat_map(|text| text.lines()) {
            writeln!(f, "      | {}", visible(text))?;
        }
    }
    files(f, component.payload.as_ref().and_then(|payload| payload.files.as_deref()).unwrap_or_default())
}

pub(super) fn files(f: &mut Formatter<'_>, files: &[FileReport]) -> fmt::Result {
    let widest = |text: fn(&FileReport) -> usize| files.iter().map(text).max().unwrap_or(0);
    let owner = |file: &FileReport| format!("{}:{}", file.uid, file.gid);
    let owners = files.iter().map(|file| owner(file).len()).max().unwrap_or(0);
    let sizes = widest(|file| file.size.to_string().len());
    for file in files {
        write!(
            f,
            "    {} {:>owners$} {:>sizes$} {}",
            file.mode,
            owner(file),
            file.size,
            visible(&file.path)
        )?;
        if let Some(target) = &file.target {
            write!(f, " -> {}", visible(target))?;
        }
        if let Some(same) = &file.same_as {
            write!(f, " = {}", visible(same))?;
        }
        writeln!(f)?;
    }
    Ok(())
}

/// Choices, unless there is nothing to choose.
fn choices(f: &mut Formatter<'_>, package: &Package) -> fmt::Result {
    let all: Vec<&ChosenReport> = package.choices.iter().flat_map(|choice| &choice.packages).collect();
    if all.len() < 2 && all.iter().all(|chosen| chosen.selected == "yes" && chosen.is == "component") {
        return Ok(());
    }
    writeln!(f, "\n  Choices, in the order they are installed in")?;
    for choice in &package.choices {
        let title = choice.title.as_ref().or(choice.id.as_ref()).map_or("", String::as_str);
        for chosen in &choice.packages {
            let mark = match chosen.selected {
                "yes" => "[x]",
                "no" => "[ ]",
                _ => "[?]",
            };
            let place = if chosen.location.is_empty() { chosen.is } else { &chosen.location };
            writeln!(f, "    {mark} {}: {} ({})", visible(title), visible(&chosen.id), visible(place))?;
        }
    }
    if all.iter().any(|chosen| !matches!(chosen.selected, "yes" | "no")) {
        writeln!(f, "    [?] depends on a script; taken for chosen")?;
    }
    Ok(())
}

fn product(package: &Package) -> Option<String> {
    let id = package.product_identifier.as_deref().unwrap_or_default();
    let version = package.product_version.as_deref().unwrap_or_default();
    let differs = package.product_identifier.is_some() && package.product_identifier != package.identifier
        || package.product_version.is_some() && package.product_version != package.version;
    differs.then(|| format!("{id} {version}").trim().to_owned())
}

fn signature(f: &mut Formatter<'_>, signature: Option<&SignatureReport>) -> fmt::Result {
    let Some(signature) = signature else { return line(f, "Signature", &"none") };
    let purpose = match signature.purpose {
        Some("developer_id") => "verified, with a Developer ID known to Apple",
        Some("app_store") => "verified, of the Mac App Store",
        Some("apple_software") => "verified, of Apple's own software",
        Some(_) => "verified, with a root certificate you trust",
        None => "NOT VERIFIED, see below",
    };
    line(f, "Signature", &purpose)?;
    optional(f, "Team ID", signature.team_id.as_ref())?;
    if let Some(time) = &signature.signed_at {
        let proof = match (time.proof, &time.by) {
            ("timestamp", Some(by)) => format!("timestamp by {by}"),
            ("unknown_authority", Some(by)) => format!("timestamp by {by}, which nobody here knows"),
            _ => "as the signer says, without timestamp".to_owned(),
        };
        line(f, "Signed", &format!("{}, {proof}", time.at))?;
    }
    let mut name = if signature.verified { "Signed by" } else { "Claims" };
    for certificate in &signature.certificates {
        let owner = certificate.common_name.as_deref().or(certificate.organization.as_deref());
        let owner = owner.unwrap_or("an unnamed certificate");
        line(f, name, &format!("{owner}, until {}", certificate.not_after))?;
        line(f, "", &format!("SHA-256 {}", certificate.sha256))?;
        name = "issued by";
    }
    Ok(())
}

fn integrity(integrity: &Integrity) -> String {
    let contents = match &integrity.contents {
        Some(style) => format!("{style} of the table of contents is right"),
        None => "none for the table of contents".to_owned(),
    };
    let entries = match (integrity.damaged, integrity.entries_without_checksum) {
        (false, 0) => format!("all {} entries match theirs", integrity.entries_read),
        (false, without) => format!("{} of {} entries have none", without, integrity.entries_read),
        _ => "not every entry could be read, see below".to_owned(),
    };
    format!("{contents}; {entries}")
}

pub(super) fn line(f: &mut Formatter<'_>, name: &str, value: &dyn Display) -> fmt::Result {
    writeln!(f, "    {name:<NAMES$} {}", visible(&value.to_string()))
}

pub(super) fn optional<T: Display>(f: &mut Formatter<'_>, name: &str, value: Option<&T>) -> fmt::Result {
    value.map_or(Ok(()), |value| line(f, name, value))
}

/// Text from a package must not drive the terminal.
pub(super) fn visible(text: &str) -> String {
    let shown =
        |c: char| if c.is_control() && c != '\t' { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// A size as people read it.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} bytes");
    }
    let mut value = count as f64 / 1000.0;
    let mut units = UNITS.iter();
    let mut unit = units.next();
    while value >= 999.95 {
        match units.next() {
            Some(next) => (value, unit) = (value / 1000.0, Some(next)),
            None => break,
        }
    }
    format!("{value:.1} {}", unit.unwrap_or(&"kB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (count, text) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (17_956, "18.0 kB"),
            (999_999, "1.0 MB"),
            (8 << 30, "8.6 GB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn names_from_a_package_cannot_drive_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
    }
}
