//! Any bytes are read as one of the descriptions in a package: without panic, without end. The first byte chooses which.

use shared::flat_package::{bom, distribution::Distribution, package_info::PackageInfo};

/// See the head of this file.
pub fn description(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => drop(PackageInfo::parse(bytes)),
        1 => {
            if let Ok(product) = Distribution::parse(bytes) {
                let _ = (product.minimum_system().map(str::len), product.offered().count());
            }
        }
        _ => {
            let Ok(entries) = bom::read(bytes) else { return };
            // The format has fewer forms than the reader forgives; what can be written is read as it was.
            if let Ok(written) = bom::write(&entries) {
                let _ = bom::read(&written).expect("a bill of ours can be read").len();
            }
        }
    }
}
