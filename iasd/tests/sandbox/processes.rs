//! Which processes a program in the sandbox can reach, and which end when.

use crate::fixture::{Fixture, again_as_an_ordinary_user, shell};
use shared::{
    exit::Ended,
    sys::{
        child::{Limits, Output},
        sandbox::{Life, Processes, start_inside},
    },
};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// A process of the host that must live; ended with the test.
struct Decoy(Child);

impl Decoy {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Decoy {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn a_process_of_the_host_is_neither_seen_nor_signalled() {
    let Some(world) = Fixture::new() else { return };
    let mut decoy = Decoy::new();
    let script = format!(
        "kill -9 {} 2> /dev/null; cd /proc; echo [0-9]*; echo $$; readlink self/ns/pid",
        decoy.0.id()
    );
    let (ended, lines) = world.sh(&script).await;
    assert_eq!(ended, Ended::Exited(0), "{lines:?}");
    assert!(decoy.lives(), "{lines:?}");
    let [seen, own, namespace] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&**seen, &**own), ("1 2", "2"));
    assert_ne!(Path::new(namespace), fs::read_link("/proc/self/ns/pid").unwrap());
    again_as_an_ordinary_user("processes::a_process_of_the_host_is_neither_seen_nor_signalled");
}

#[tokio::test]
async fn who_kills_everybody_kills_only_those_inside() {
    let test = "processes::who_kills_everybody_kills_only_those_inside";
    if rustix::process::geteuid().is_root() {
        // Were the promise broken, as root that would be every process of this computer.
        return again_as_an_ordinary_user(test);
    }
    let Some(world) = Fixture::new() else { return };
    let mut decoy = Decoy::new();
    let host = fs::read_link("/proc/self/ns/pid").unwrap();
    // The script itself makes sure that it is somewhere else.
    let script = format!(
        "here=$(readlink /proc/self/ns/pid)\n[ -n \"$here\" ] && [ \"$here\" != '{}' ] && [ $$ -lt 10 ] || exit 7\n\
         sleep 600 & kill -9 -1; wait $!; echo $?",
        host.display()
    );
    let (ended, lines) = world.sh(&script).await;
    assert_eq!((ended, lines.last().unwrap().as_str()), (Ended::Exited(0), "137"));
    assert!(decoy.lives());
}

#[tokio::test]
async fn the_first_process_inside_cannot_be_ended_from_there() {
    let Some(world) = Fixture::new() else { return };
    let (ended, lines) =
        world.sh("[ $$ = 2 ] || exit 7; kill -9 1; kill 1; kill -INT 1; sleep 0.1; echo on").await;
    assert_eq!((ended, &lines[..]), (Ended::Exited(0), &["on".to_owned()][..]));
    again_as_an_ordinary_user("processes::the_first_process_inside_cannot_be_ended_from_there");
}

#[tokio::test]
async fn r66_orphans_are_reaped() {
    let Some(world) = Fixture::new() else { return };
    let limits = Limits { timeout: Some(Duration::from_secs(20)), ..Limits::default() };
    let script = "for i in 1 2 3 4 5; do sh -c 'true & true &'; done\n\
        while grep -qs '^State:.*Z' /proc/[0-9]*/status; do sleep 0.01; done; echo clean";
    let (ended, lines) = world.start(&shell(script), limits).await;
    assert_eq!((ended, &lines[..]), (Ended::Exited(0), &["clean".to_owned()][..]));
    again_as_an_ordinary_user("processes::r66_orphans_are_reaped");
}

#[tokio::test]
async fn r66_a_script_has_a_group_of_its_own_and_no_terminal() {
    let Some(world) = Fixture::new() else { return };
    // Fields of `stat`: process, name, state, parent, group, session, terminal.
    let (_, lines) = world
        .sh("read -r p n s parent group session tty rest < /proc/$$/stat; echo $parent $group $tty")
        .await;
    assert_eq!(lines, ["1 2 0"]);
    again_as_an_ordinary_user("processes::r66_a_script_has_a_group_of_its_own_and_no_terminal");
}

#[tokio::test]
async fn r70_exit_statuses_and_signals_arrive_unchanged() {
    let Some(mut world) = Fixture::new() else { return };
    for processes in [Processes::Own, Processes::Shared] {
        world.sandbox.processes = processes;
        for status in [0, 1, 125, 255] {
            assert_eq!(world.sh(&format!("exit {status}")).await.0, Ended::Exited(status));
        }
        for signal in [1, 9, 11, 13, 15] {
            let script = format!("ulimit -c 0; kill -{signal} $$");
            assert_eq!(world.sh(&script).await.0, Ended::Signalled(signal), "{processes:?}");
        }
    }
    again_as_an_ordinary_user("processes::r70_exit_statuses_and_signals_arrive_unchanged");
}

impl Fixture {
    /// Starts a script, asks it to end at its first line; its end and what it said after that line.
    async fn stop(&self, script: &str, kill_after: Duration) -> (Ended, Vec<String>) {
        let (send, mut receive) = mpsc::channel(64);
        let limits = Limits { timeout: None, kill_after };
        let child = start_inside(&self.sandbox, &shell(script), Output::Lines(send), limits, Life::Tied)
            .await
            .unwrap();
        let (finished, stop) = child.split();
        receive.recv().await.unwrap();
        stop.stop();
        let ended = finished.await.ended;
        let mut lines = Vec::new();
        while let Some(line) = receive.recv().await {
            lines.push(line);
        }
        (ended, lines)
    }
}

#[tokio::test]
async fn r69_a_script_that_is_stopped_may_clean_up() {
    let Some(world) = Fixture::new() else { return };
    let script = "trap 'echo bye; exit 4' TERM; echo in; while :; do sleep 0.05; done";
    let (ended, lines) = world.stop(script, Duration::from_secs(60)).await;
    assert_eq!((ended, lines.last().unwrap().as_str()), (Ended::Exited(4), "bye"));
    again_as_an_ordinary_user("processes::r69_a_script_that_is_stopped_may_clean_up");
}

#[tokio::test]
async fn r69_a_stop_does_not_wait_for_whoever_reaps_what_is_left() {
    let Some(world) = Fixture::new() else { return };
    // As a lazy first process of the computer: what is orphaned outside comes to us, and we do not look.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let began = Instant::now();
    let (ended, _) = world.stop("echo in; exec sleep 600", Duration::from_secs(60)).await;
    assert_eq!(ended, Ended::Signalled(15));
    assert!(began.elapsed() < Duration::from_secs(50));
    again_as_an_ordinary_user("processes::r69_a_stop_does_not_wait_for_whoever_reaps_what_is_left");
}

#[tokio::test]
async fn r69_a_script_that_does_not_want_to_end_is_killed() {
    let Some(world) = Fixture::new() else { return };
    let script = "trap '' TERM; echo in; while :; do sleep 0.05; done";
    let (ended, _) = world.stop(script, Duration::from_millis(200)).await;
    assert_eq!(ended, Ended::Signalled(9));
    again_as_an_ordinary_user("processes::r69_a_script_that_does_not_want_to_end_is_killed");
}

#[tokio::test]
async fn p13_what_has_left_the_group_outlives_a_stop_and_does_not_delay_it() {
    let Some(world) = Fixture::new() else { return };
    let began = Instant::now();
    let script = "trap 'exit 4' TERM; mkfifo /go; setsid sh -c 'echo in; read x < /go; echo late > /left' & wait; wait";
    let (ended, _) = world.stop(script, Duration::from_secs(60)).await;
    assert_eq!(ended, Ended::Exited(4));
    assert!(began.elapsed() < Duration::from_secs(50));
    world.sh("echo now > /go; while ! [ -s /left ]; do sleep 0.01; done").await;
    assert_eq!(fs::read_to_string(world.sandbox.root.join("left")).unwrap(), "late\n");
    again_as_an_ordinary_user("processes::p13_what_has_left_the_group_outlives_a_stop_and_does_not_delay_it");
}

/// A script that says what becomes of it through a pipe in the folder, in `life`; what it says after its caller is gone,
/// and was told to go on.
fn said_alone(world: &Fixture, life: Life) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pipe = world.sandbox.root.join("says");
    Command::new("mkfifo").arg(&pipe).status().unwrap();
    let script = "exec 3> /says; trap 'echo bye >&3; exit' TERM; echo in >&3\n\
        while ! [ -e /go ]; do sleep 0.05; done; echo late >&3";
    let output = Output::File(File::create(world.outside().join("log")).unwrap());
    let script = shell(script);
    let child = start_inside(&world.sandbox, &script, output, Limits::default(), life);
    let child = runtime.block_on(child).unwrap();
    let mut said = BufReader::new(File::open(pipe).unwrap());
    said.read_line(&mut String::new()).unwrap();
    drop((child, runtime));
    if life == Life::Free {
        File::create(world.sandbox.root.join("go")).unwrap().write_all(b"on").unwrap();
    }
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    rest
}

#[test]
fn a_program_that_is_tied_ends_with_its_caller() {
    let Some(world) = Fixture::new() else { return };
    assert_eq!(said_alone(&world, Life::Tied), "bye\n");
    again_as_an_ordinary_user("processes::a_program_that_is_tied_ends_with_its_caller");
}

#[test]
fn r66_a_program_that_is_free_outlives_its_caller() {
    let Some(mut world) = Fixture::new() else { return };
    assert_eq!(said_alone(&world, Life::Free), "late\n");
    world.sandbox.processes = Processes::Shared;
    for left in ["says", "go"] {
        fs::remove_file(world.sandbox.root.join(left)).unwrap();
    }
    assert_eq!(said_alone(&world, Life::Free), "late\n");
    again_as_an_ordinary_user("processes::r66_a_program_that_is_free_outlives_its_caller");
}

#[tokio::test]
async fn r73_a_timeout_ends_the_whole_group() {
    let Some(world) = Fixture::new() else { return };
    let limits = Limits { timeout: Some(Duration::from_secs(3)), kill_after: Duration::from_millis(500) };
    let fifo = "mkfifo /fifo; (trap '' TERM; exec 3<>/fifo; echo in; cat <&3) & trap '' TERM; wait; wait";
    let (ended, lines) = world.start(&shell(fifo), limits).await;
    assert_eq!(ended, Ended::TimedOut);
    assert_eq!(lines, ["in"]);
    again_as_an_ordinary_user("processes::r73_a_timeout_ends_the_whole_group");
}

#[tokio::test]
async fn a_process_left_behind_lives_on_and_holds_nobody_up() {
    let Some(world) = Fixture::new() else { return };
    let (ended, lines) = world.sh("mkfifo /go; (read x < /go; echo late > /left) & echo gone").await;
    assert_eq!((ended, &lines[..]), (Ended::Exited(0), &["gone".to_owned()][..]));
    let (ended, _) = world.sh("echo now > /go; while ! [ -s /left ]; do :; done").await;
    assert_eq!(ended, Ended::Exited(0));
    assert_eq!(fs::read_to_string(world.sandbox.root.join("left")).unwrap(), "late\n");
    again_as_an_ordinary_user("processes::a_process_left_behind_lives_on_and_holds_nobody_up");
}
