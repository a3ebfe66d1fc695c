//! The categories of this product in the system's log (R103).

use crate::report::system_log::Sink;
use shared::{event::Category, sys::mac::system_log::SystemLog, wording::category_name};

const CATEGORIES: [Category; 9] = [
    Category::Settings,
    Category::Main,
    Category::Item,
    Category::Preflight,
    Category::SetupAssistant,
    Category::Userland,
    Category::Xpc,
    Category::DepNotify,
    Category::Agent,
];

/// Opens all of them for `subsystem`, which the setting `Identifier` names.
pub(crate) fn sink(subsystem: &str) -> Sink {
    let logs = CATEGORIES.map(|category| (category, SystemLog::new(subsystem, category_name(category))));
    Box::new(move |category, level, text| {
        if let Some((_, log)) = logs.iter().find(|(known, _)| *known == category) {
            log.write(level, text);
        }
    })
}
