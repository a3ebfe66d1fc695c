//! What merging keeps to, whatever the sources hold (R36–R38).

use super::{
    keys::KEYS,
    tests::{file, managed},
    *,
};
use plist::{Dictionary, Value};
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(|number| Value::Integer(number.into())),
        any::<u64>().prop_map(|number| Value::Integer(number.into())),
        any::<f64>().prop_map(Value::Real),
        "\\PC{0,12}|/[a-zA-Z/.]{0,20}|https?://[a-z.]{0,9}/|[0-9]{1,4}[smh]?|true|no".prop_map(Value::String),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Value::Data),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec(("[a-z]{1,5}|name|value", inner), 0..4)
                .prop_map(|entries| Value::Dictionary(entries.into_iter().collect())),
        ]
    })
}

fn any_key() -> impl Strategy<Value = String> {
    let known: Vec<&str> = keys::names().chain(["shared", "daemon", "standalone", "Unknown"]).collect();
    proptest::sample::select(known).prop_map(ToOwned::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_values_are_used_or_reported(entries in proptest::collection::vec((any_key(), any_value()), 0..20)) {
        let merged = merge(vec![Layer::new(file(), entries.into_iter().collect())], Mode::Daemon);
        prop_assert_eq!(merged.origins.len(), KEYS.len());
        prop_assert!(merged.settings.max_downloads >= merged.settings.min_downloads);
        prop_assert!(install_path::refusal(&merged.settings.install_path).is_none());
    }

    #[test]
    fn the_order_of_keys_in_a_source_means_nothing(entries in proptest::collection::btree_map(any_key(), any_value(), 0..12)) {
        let forth: Dictionary = entries.clone().into_iter().collect();
        let back: Dictionary = entries.into_iter().rev().collect();
        let merged = |values| format!("{:?}", merge(vec![Layer::new(file(), values)], Mode::Daemon));
        prop_assert_eq!(merged(forth), merged(back));
    }

    #[test]
    fn the_strongest_usable_value_wins(values in proptest::collection::vec(0u32..200, 4)) {
        let sources = [Source::Preferences("d".to_owned()), managed(), file(), Source::CommandLine];
        let layers = sources.iter().zip(&values).rev().map(|(source, value)| {
            let entry = ("MaximumRedownloads".to_owned(), Value::Integer((*value).into()));
            Layer::new(source.clone(), [entry].into_iter().collect())
        });
        let merged = merge(layers.collect(), Mode::Daemon);
        let expected = values.iter().rev().find(|value| **value <= 100).copied().unwrap_or(3);
        prop_assert_eq!(merged.settings.redownloads, expected);
    }
}
