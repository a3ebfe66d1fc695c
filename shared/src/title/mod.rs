//! Auto Update titles: from catalogs and the facts of one Mac to what is done for each title a control file wishes for.
//!
//! Pure (T14): what is fetched and probed is handed in.

mod letters;
pub mod order;
mod step;

pub use crate::facts::{Found, Trace};
pub use step::{
    CopyItem, Download, Installed, Method, PackageOptions, Part, Place, Presence, ReceiptWanted, Refusal,
    Resolution, Restart, Role, Step,
};
