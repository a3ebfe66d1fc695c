//! An item of a catalog made ready to be carried out, or the reason why it must not be.

use super::{
    Terms, method, order,
    pkginfo::Pkginfo,
    presence,
    step::{Restart, Step},
};

/// The step of an item that was found in `catalog`.
pub(super) fn step(item: &Pkginfo, catalog: &str, terms: &Terms) -> Result<Step, String> {
    let (download, method) = method::method(item, terms)?;
    let script = |key| item.text(key).map(|script| script.map(str::to_owned));
    let size = item.kib("installed_size")?.or(item.kib("installer_item_size")?);
    Ok(Step {
        name: item.name.clone(),
        version: order::trimmed(&item.version).to_owned(),
        shown: item.text("display_name").ok().flatten().unwrap_or(&item.name).to_owned(),
        catalog: catalog.to_owned(),
        download,
        method,
        presence: presence::presence(item)?,
        blocking_applications: presence::blocking_applications(item)?,
        restart: restart(item)?,
        preinstall_script: script("preinstall_script")?,
        postinstall_script: script("postinstall_script")?,
        installed_kib: size.unwrap_or(0),
    })
}

/// What it wants restarted; words Munki does not know count for nothing there (T46).
fn restart(item: &Pkginfo) -> Result<Restart, String> {
    Ok(match item.text("RestartAction")? {
        Some("RequireRestart" | "RecommendRestart") => Restart::Mac,
        Some("RequireLogout") => Restart::Logout,
        _ => Restart::Nothing,
    })
}
