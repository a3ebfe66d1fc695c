//! Titles resolved from a large catalog, beside what any reader of it must do: parse its property list.

use crate::{Failure, measure::median};
use shared::{
    facts::Arch,
    item::{Blocking, ItemId, Phase, Wanted, Wish},
    title::{Catalog, Catalogs, Mac, Resolution, Terms, resolve},
};
use std::{
    fmt::Write as _,
    hint::black_box,
    time::{Duration, Instant},
};

/// How many titles the catalog has.
const TITLES: usize = 2000;
/// How many versions of each.
const VERSIONS: usize = 3;
/// How often each is timed; the median counts.
const ROUNDS: usize = 9;
/// What was promised for resolving all of them, once the catalog is read.
const MOST: Duration = Duration::from_millis(50);

/// Measures and prints a table.
pub(crate) fn run() -> Result<(), Failure> {
    let bytes = catalog()?.into_bytes();
    let (mut parsed, mut read, mut resolved) = (Vec::new(), Vec::new(), Vec::new());
    let wishes: Vec<(ItemId, Wish)> = (0..)
        .zip(0..TITLES)
        .map(|(index, title)| (ItemId::new(Phase::SetupAssistant, index), wish(title)))
        .collect();
    for _ in 0..ROUNDS {
        parsed.push(timed(|| plist::from_bytes::<plist::Value>(&bytes))?.0);
        let (took, catalog) = timed(|| Catalog::read("production", &bytes))?;
        read.push(took);
        let catalogs = Catalogs([("production".to_owned(), catalog)].into());
        let (took, resolution) = timed(|| Ok::<_, Failure>(resolve(&wishes, &catalogs, &mac(), &terms())))?;
        resolved.push(took);
        check(&resolution)?;
    }
    let (parsed, read, resolved) = (median(parsed), median(read), median(resolved));
    let ratio = |took: Duration| took.as_secs_f64() / parsed.as_secs_f64();
    println!("{TITLES} titles in {VERSIONS} versions each, {} KiB of catalog", bytes.len() / 1024);
    println!("{:<34} {:>9} {:>7}", "", "ms", "ratio");
    for (what, took) in [
        ("the property list parsed, no more", parsed),
        ("the catalog read and indexed", read),
        ("all titles resolved from it", resolved),
    ] {
        println!("{what:<34} {:>9.1} {:>7.2}", took.as_secs_f64() * 1000.0, ratio(took));
    }
    println!("promised: all titles resolved in less than {} ms", MOST.as_millis());
    if resolved < MOST { Ok(()) } else { Err("a promise is broken".into()) }
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(Duration, T), E> {
    let begun = Instant::now();
    let done = black_box(work()?);
    Ok((begun.elapsed(), done))
}

/// Each title must have come, in its newest version.
fn check(resolution: &Resolution) -> Result<(), Failure> {
    let newest = format!("1.{}", VERSIONS + 8);
    let asked = resolution.parts.iter().filter(|part| part.id.is_listed());
    let good = asked.filter(|part| part.outcome.as_ref().is_ok_and(|step| step.version == newest)).count();
    if good == TITLES { Ok(()) } else { Err(format!("{good} of {TITLES} titles were resolved").into()) }
}

fn mac() -> Mac {
    Mac { arch: Arch::Arm64, os_version: "15.1.1".to_owned() }
}

fn terms() -> Terms {
    Terms { catalogs: vec!["production".to_owned()], ..Terms::default() }
}

fn wish(title: usize) -> Wish {
    Wish {
        title: format!("Title {title}"),
        catalogs: Vec::new(),
        version: Wanted::Latest,
        hash: None,
        reinstall: false,
        updates: true,
        confirm: true,
        blocking: Blocking::Wait,
    }
}

/// A catalog as makecatalogs writes it: a third of the titles requires another one, a tenth updates another one.
fn catalog() -> Result<String, Failure> {
    let mut text =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\">\n<array>\n");
    for title in 0..TITLES {
        for version in 9..9 + VERSIONS {
            item(&mut text, title, version)?;
        }
    }
    text.push_str("</array>\n</plist>\n");
    Ok(text)
}

fn item(text: &mut String, title: usize, version: usize) -> Result<(), std::fmt::Error> {
    writeln!(text, "\t<dict>")?;
    let mut string =
        |key: &str, value: &str| writeln!(text, "\t\t<key>{key}</key>\n\t\t<string>{value}</string>");
    string("name", &format!("Title {title}"))?;
    string("version", &format!("1.{version}"))?;
    string("display_name", &format!("The title of number {title}"))?;
    string("description", &"What people read about it before they install it. ".repeat(6))?;
    string("installer_item_location", &format!("apps/Title {title}/Title-{title}-1.{version}.dmg"))?;
    string("installer_item_hash", &format!("{:064x}", title * 100 + version))?;
    string("installer_type", "copy_from_dmg")?;
    string("minimum_os_version", "10.13")?;
    string("maximum_os_version", "99.99")?;
    for key in ["installer_item_size", "installed_size"] {
        writeln!(text, "\t\t<key>{key}</key>\n\t\t<integer>{}</integer>", 1000 + title)?;
    }
    for (key, each) in [("requires", 3), ("update_for", 10)] {
        if title % each == 1 {
            writeln!(text, "\t\t<key>{key}</key>\n\t\t<array><string>Title {}</string></array>", title - 1)?;
        }
    }
    let path = format!("<key>path</key><string>/Applications/Title {title}.app</string>");
    writeln!(
        text,
        "\t\t<key>installs</key>\n\t\t<array><dict><key>type</key><string>application</string>{path}"
    )?;
    writeln!(text, "<key>CFBundleShortVersionString</key><string>1.{version}</string></dict></array>")?;
    writeln!(text, "\t\t<key>items_to_copy</key>\n\t\t<array><dict><key>source_item</key>")?;
    writeln!(
        text,
        "<string>Title {title}.app</string><key>destination_path</key><string>/Applications</string>"
    )?;
    writeln!(text, "</dict></array>\n\t\t<key>supported_architectures</key>")?;
    writeln!(text, "\t\t<array><string>arm64</string><string>x86_64</string></array>\n\t</dict>")
}
