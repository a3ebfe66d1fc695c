//! Which Macs a pkginfo is for, as far as one can tell without them (T24, T25).

use plist::{Dictionary, Value};
use shared::title::order;
use std::{cmp::Ordering, collections::BTreeSet};

/// Whether every Mac that may get `inner` may get `outer` too: then the newer one of them is the only one that is ever installed.
pub(super) fn cover(outer: &Dictionary, inner: &Dictionary) -> bool {
    let text = |content: &Dictionary, key: &str| {
        content.get(key).and_then(Value::as_string).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    // `strict`: the side on which a limit of `outer` keeps out what `inner` lets in.
    let within = |key: &str, strict: Ordering| match (text(outer, key), text(inner, key)) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(outer), Some(inner)) => order::compare(&outer, &inner) != strict,
    };
    architectures(inner).is_subset(&architectures(outer))
        && within("minimum_os_version", Ordering::Greater)
        && within("maximum_os_version", Ordering::Less)
        && (!outer.contains_key("installable_condition")
            || outer.get("installable_condition") == inner.get("installable_condition"))
}

/// Without the key, or with an empty list: all there are.
fn architectures(content: &Dictionary) -> BTreeSet<&str> {
    let named = content.get("supported_architectures").and_then(Value::as_array);
    let named: BTreeSet<&str> = named.into_iter().flatten().filter_map(Value::as_string).collect();
    if named.is_empty() { ["arm64", "x86_64"].into() } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(architectures: &[&str], limits: &[(&str, &str)]) -> Dictionary {
        let mut content: Dictionary =
            limits.iter().map(|(key, text)| ((*key).to_owned(), Value::from(*text))).collect();
        if !architectures.is_empty() {
            let list = architectures.iter().map(|name| Value::from(*name)).collect();
            content.insert("supported_architectures".to_owned(), Value::Array(list));
        }
        content
    }

    #[test]
    fn t89_a_version_for_other_macs_is_no_older_one() {
        let all = content(&[], &[]);
        let (arm, intel) = (content(&["arm64"], &[]), content(&["x86_64"], &[]));
        assert!(cover(&all, &all) && cover(&all, &arm) && cover(&arm, &arm));
        assert!(!cover(&arm, &intel) && !cover(&arm, &all));
        assert!(cover(&content(&["arm64", "x86_64"], &[]), &all));
        let from = |version| content(&[], &[("minimum_os_version", version)]);
        let to = |version| content(&[], &[("maximum_os_version", version)]);
        assert!(cover(&from("13.0"), &from("13.0")) && cover(&from("9.0"), &from("13.0")));
        assert!(
            !cover(&from("13.0"), &from("9.0")) && !cover(&from("13.0"), &all) && cover(&all, &from("13.0"))
        );
        assert!(
            cover(&to("13.99"), &to("12.99"))
                && !cover(&to("12.99"), &to("13.99"))
                && !cover(&to("12"), &all)
        );
    }
}
