//! A product package: several components, and the `Distribution` that offers them as choices; what `productbuild`
//! makes, and what an MDM demands (P70).

use super::{
    WriteError,
    component::Component,
    signer::PackageSigner,
    xar::{Archive, Encoding},
};
use crate::{facts::Arch, flat_package::checksum::Style};
use quick_xml::escape::escape;
use std::{
    fmt::Write as _,
    io::{Read, Seek, Write},
};

/// What a product package says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductSpec {
    /// Its name for people.
    pub title: String,
    /// The product's identifier; it leaves no receipt of its own.
    pub identifier: String,
    /// The product's version.
    pub version: String,
    /// The oldest macOS it may be installed on.
    pub min_os: Option<String>,
    /// The processors it may be installed on; none means that it does not say (and Installer wants Rosetta).
    pub architectures: Vec<Arch>,
    /// Seconds since 1970, recorded as the time of the package's own parts.
    pub time: u32,
}

/// One component of a product.
#[derive(Clone, Copy)]
pub struct Choice<'a> {
    /// Its name for people; empty hides it.
    pub title: &'a str,
    /// Whether it is installed unless somebody chooses otherwise.
    pub selected: bool,
    /// The name of the component inside the product, without `.pkg` and `/`.
    pub file_name: &'a str,
    /// The component.
    pub component: Component<'a>,
}

/// Writes a product package to `out`, through the empty stream `scratch`; unsigned without a `signer`.
///
/// # Errors
/// When a file cannot be read or has changed, something does not fit the format, the signer fails, or the output fails.
pub fn write_product<S: Read + Write + Seek>(
    spec: &ProductSpec,
    choices: &[Choice<'_>],
    signer: Option<&dyn PackageSigner>,
    scratch: S,
    out: &mut dyn Write,
) -> Result<(), WriteError> {
    let mut archive = Archive::new(scratch, Style::Sha1, spec.time, signer);
    let distribution = distribution(spec, choices);
    archive.add("Distribution", Encoding::Zlib, |out| Ok(out.write_all(distribution.as_bytes())?))?;
    for choice in choices {
        choice.component.add_to(&mut archive, &format!("{}.pkg/", choice.file_name.replace('/', "_")))?;
    }
    archive.finish(out)
}

fn distribution(spec: &ProductSpec, choices: &[Choice<'_>]) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<installer-gui-script minSpecVersion=\"2\">\n",
    );
    // Writing to a `String` cannot fail.
    let mut add = |text: std::fmt::Arguments<'_>| {
        let _ = writeln!(xml, "    {text}");
    };
    add(format_args!("<title>{}</title>", escape(&spec.title)));
    for choice in choices {
        // No bundle is recorded, as in each component's `PackageInfo`.
        let id = escape(&choice.component.spec.identifier);
        add(format_args!("<pkg-ref id=\"{id}\">\n        <bundle-version/>\n    </pkg-ref>"));
    }
    let customize = if choices.len() > 1 { "allow" } else { "never" };
    let architectures: Vec<&str> = spec.architectures.iter().map(|arch| arch.as_str()).collect();
    let hosts = if architectures.is_empty() {
        String::new()
    } else {
        format!(" hostArchitectures=\"{}\"", architectures.join(","))
    };
    add(format_args!("<options customize=\"{customize}\" require-scripts=\"false\"{hosts}/>"));
    if let Some(version) = &spec.min_os {
        let min = escape(version.as_str());
        add(format_args!(
            "<volume-check><allowed-os-versions><os-version min=\"{min}\"/></allowed-os-versions></volume-check>"
        ));
    }
    add(format_args!("<choices-outline>\n        <line choice=\"default\">"));
    for choice in choices {
        add(format_args!("        <line choice=\"{}\"/>", escape(&choice.component.spec.identifier)));
    }
    add(format_args!("    </line>\n    </choices-outline>\n    <choice id=\"default\"/>"));
    for choice in choices {
        let id = escape(&choice.component.spec.identifier);
        let (title, visible) = (escape(choice.title), !choice.title.is_empty());
        let selected = choice.selected;
        add(format_args!(
            "<choice id=\"{id}\" title=\"{title}\" visible=\"{visible}\" start_selected=\"{selected}\">"
        ));
        add(format_args!("    <pkg-ref id=\"{id}\"/>\n    </choice>"));
    }
    for choice in choices {
        let component = &choice.component;
        let (id, version) = (escape(&component.spec.identifier), escape(&component.spec.version));
        let (kbytes, name) = (component.install_kbytes(), choice.file_name.replace('/', "_"));
        let file = escape(&name);
        add(format_args!(
            "<pkg-ref id=\"{id}\" version=\"{version}\" onConclusion=\"none\" installKBytes=\"{kbytes}\">#{file}.pkg</pkg-ref>"
        ));
    }
    add(format_args!("<product id=\"{}\" version=\"{}\"/>", escape(&spec.identifier), escape(&spec.version)));
    xml.push_str("</installer-gui-script>\n");
    xml
}
