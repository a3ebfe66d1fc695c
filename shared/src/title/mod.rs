//! Auto Update titles: from catalogs and the facts of one Mac to what is done for each title a control file wishes for.
//!
//! Pure (T14): what is fetched and probed is handed in.

pub mod address;
mod blocking;
mod candidate;
pub mod catalog;
mod copy_items;
mod download;
pub mod grant;
mod letters;
mod method;
pub mod order;
pub mod pkginfo;
mod presence;
mod ready;
mod relations;
mod resolve;
mod room;
mod step;
mod survey;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub use crate::facts::{Found, Trace};
pub use blocking::open_applications;
pub use candidate::Mac;
pub use catalog::{Catalog, Catalogs, MAX_BYTES};
pub use letters::composed;
pub use presence::receipts;
pub use resolve::{Terms, resolve};
pub use room::needed_kib;
pub use step::{
    CopyItem, Download, Installed, Method, PackageOptions, Part, Place, Presence, ReceiptWanted, Refusal,
    Resolution, Restart, Role, Step,
};
pub use survey::{Remark, survey};
pub use verdict::{Verdict, after_install_check, after_version_script, judge, judge_presence};
