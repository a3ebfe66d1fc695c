//! Packages: where they are, and who sees which credential (T16, T65).

use super::*;
use shared::{
    item::{FollowRedirects, Secret, Source},
    title::Place,
};

fn below(name: &str) -> Place {
    Place::Below(name.to_owned())
}

fn credential(source: &Source) -> Option<&str> {
    source.options.headers.first().map(|(_, Secret(value))| value.as_str())
}

#[tokio::test]
async fn t16_the_credential_goes_to_the_repositorys_origin_only() {
    let mut site = Site::new();
    site.settings.hosts = vec!["cdn.example".into()];
    let titles = site.titles();
    assert_eq!(titles.host(), None);
    let own = titles.package(&below("apps/A 1.pkg"), None).await.unwrap();
    assert_eq!(own.url.as_str(), site.repository.url("/repo/pkgs/apps/A%201.pkg"));
    assert_eq!(credential(&own), Some(LENT));
    assert_eq!(own.options.follow_redirects, Some(FollowRedirects::None), "T18");
    assert_eq!(titles.host().as_deref(), Some("127.0.0.1"));
    let elsewhere = Place::At("https://cdn.example/A.pkg".into());
    assert_eq!(credential(&titles.package(&elsewhere, None).await.unwrap()), None);
    let other_port = Place::At(site.service.url("/A.pkg"));
    assert_eq!(credential(&titles.package(&other_port, None).await.unwrap()), None);
    let refused = titles.package(&Place::At("https://evil.example/A.pkg".into()), None).await.unwrap_err();
    assert_eq!(refused.reason, "refused: the host evil.example is not among TitleHosts");
    assert_eq!(site.service.seen().len(), 1, "one grant for all of them");
    assert!(!format!("{own:?}").contains("bGVudC"));
}

#[tokio::test]
async fn t65_a_refused_credential_is_replaced_once_for_all_who_had_it() {
    let site = Site::new();
    let second = |grant: &mut Value| grant["auth"] = json!("Basic second");
    site.answer([site.grant(|_| {}), site.grant(second)]);
    let titles = site.titles();
    let (one, other) = (below("one.pkg"), below("other.pkg"));
    let first = titles.package(&one, None).await.unwrap();
    let refused = titles.package(&other, None).await.unwrap();
    for (place, refused) in [(&one, &first), (&other, &refused)] {
        let again = titles.package(place, Some(refused)).await.unwrap();
        assert_eq!(credential(&again), Some("Basic second"));
    }
    assert_eq!(site.service.seen().len(), 2, "whoever comes later takes what the first one got");
}

#[tokio::test]
async fn t65_what_another_caller_got_is_not_used_once_it_is_over() {
    let site = Site::new();
    let over = |auth: &'static str| {
        move |grant: &mut Value| {
            grant["auth"] = json!(auth);
            grant["exp"] = grant["iat"].clone();
        }
    };
    let third = |grant: &mut Value| grant["auth"] = json!("Basic third");
    site.answer([site.grant(over("Basic first")), site.grant(over("Basic second")), site.grant(third)]);
    let (titles, place) = (site.titles(), below("one.pkg"));
    let first = titles.package(&place, None).await.unwrap();
    let second = titles.package(&place, None).await.unwrap();
    assert_eq!(credential(&second), Some("Basic second"));
    let again = titles.package(&place, Some(&first)).await.unwrap();
    assert_eq!(credential(&again), Some("Basic third"));
}

#[tokio::test]
async fn t65_a_credential_that_nobody_lends_cannot_be_replaced() {
    let site = Site::known(Some("Basic known"));
    let titles = site.titles();
    let first = titles.package(&below("one.pkg"), None).await.unwrap();
    let error = titles.package(&below("one.pkg"), Some(&first)).await.unwrap_err();
    assert!(error.reason.ends_with("does not accept TitleRepoAuth") && !error.transient, "{error}");
}
