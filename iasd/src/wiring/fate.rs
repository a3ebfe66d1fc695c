//! What is to become of the installation when a run is over.

use crate::{cleanup::Fate, folders, host::Host, journal};
use shared::settings::Settings;

/// What is to become of it as things are now; `taken` is the id of the last request that was taken in.
pub(super) fn fate(host: &dyn Host, settings: &Settings, taken: Option<&str>) -> Fate {
    let records = folders::records(host.root(), host.trusted_owner());
    let waits = records.is_ok_and(|records| journal::waits(&records, host.trusted_owner(), taken));
    match waits {
        true => Fate::Again,
        false if settings.keep_installed => Fate::Rest,
        false => Fate::Go,
    }
}
