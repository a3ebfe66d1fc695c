//! Many small files in a row: put in place together, with nothing that one by one would have been different.

use serde_json::json;
use shared::event::ItemEnd;
use std::process::Command;
use support::{Outcome, World};

const FILES: usize = 40;

fn path(index: usize) -> String {
    format!("/Library/Managed/{index}.conf")
}

fn name(index: usize) -> String {
    format!("File {index}")
}

/// Files in a row, whose content is there before the turn of the first comes; the tenth may have another path, and a policy.
fn row(tenth: Option<(&str, &str)>) -> World {
    let arrived = format!(
        "cd /Library/installapplications/.work; while [ $(ls | grep -c '[.]root$') -lt {FILES} ]; do sleep 0.05 || exit 9; done"
    );
    // In the place of its folder, which no root file may be put below.
    let plant = "ln -s /Library/Elsewhere /Library/Linked; mkdir /Library/Elsewhere";
    let world = World::new().script("setupassistant", "Arrived", &format!("{plant}; {arrived}"), json!({}));
    (0..FILES).fold(world, |world, index| match tenth {
        Some((path, policy)) if index == 10 => {
            world.served_file("setupassistant", &name(index), path, json!({"fail_policy": policy}))
        }
        _ => world.served_file("setupassistant", &name(index), &path(index), json!({})),
    })
}

fn placed(outcome: &Outcome) -> Vec<usize> {
    (0..FILES).filter(|index| outcome.read(&path(*index)).as_deref() == Some("content")).collect()
}

#[test]
fn all_of_them_are_placed_and_told_in_their_order() {
    let outcome = row(None).run(&[]);
    outcome.exits(0);
    assert_eq!(placed(&outcome), (0..FILES).collect::<Vec<_>>());
    let ends: Vec<usize> = (0..FILES).map(|index| outcome.span(&name(index)).1).collect();
    assert!(ends.is_sorted(), "{ends:?}");
    assert!(outcome.span(&name(1)).0 < outcome.span(&name(0)).1, "they were placed together");
}

#[test]
fn r57_behind_one_that_ends_the_run_none_is_placed() {
    let outcome = row(Some(("/Library/Linked/x", "failure_is_not_an_option"))).run(&[]);
    outcome.exits(1);
    assert_eq!(placed(&outcome), (0..10).collect::<Vec<_>>());
    assert!(matches!(outcome.end(&name(10)), ItemEnd::PlacementFailed(_)), "{:?}", outcome.end(&name(10)));
    assert_eq!(outcome.end(&name(11)), &ItemEnd::NotStarted);
    assert!(!outcome.exists("/Library/Elsewhere/x"));
}

#[test]
fn one_that_cannot_be_placed_keeps_no_other_from_its_place() {
    let outcome = row(Some(("/Library/Linked/x", "failable"))).run(&[]);
    outcome.exits(0);
    assert_eq!(placed(&outcome), (0..FILES).filter(|index| *index != 10).collect::<Vec<_>>());
    assert!(matches!(outcome.end(&name(10)), ItemEnd::PlacementFailed(_)));
}

#[test]
fn more_files_than_launchd_lets_a_daemon_open_are_no_trouble() {
    let world = (0..300).fold(World::new(), |world, index| {
        world.served_file("setupassistant", &name(index), &path(index), json!({}))
    });
    let command = world.command(&[]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -Sn 256; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        limited.env(key, value.unwrap_or_default());
    }
    let output = limited.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(world.root().join("Library/Managed/299.conf").exists());
}
