//! Real processes: how they are started, read and ended.

use super::*;
use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

fn sh(text: &str) -> Program {
    Program {
        arguments: vec!["-c".into(), text.into()],
        environment: Account::root().environment(),
        ..Program::new(Path::new("/bin/sh"))
    }
}

/// Runs to the end with a reader that takes everything.
async fn run(program: &Program, limits: Limits) -> (Finished, Vec<String>) {
    let (sender, mut lines) = mpsc::channel(16);
    let child = start(program, Output::Lines(sender), limits).await.unwrap();
    let reader = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Some(line) = lines.recv().await {
            all.push(line);
        }
        all
    });
    let finished = child.wait().await;
    (finished, reader.await.unwrap())
}

fn within(milliseconds: u64) -> Limits {
    Limits { timeout: Some(Duration::from_millis(milliseconds)), kill_after: Duration::from_millis(300) }
}

#[tokio::test]
async fn r70_exit_status_and_signal_are_told_apart() {
    let ended = async |text| run(&sh(text), Limits::default()).await.0.ended;
    assert_eq!(ended("exit 0").await, Ended::Exited(0));
    assert_eq!(ended("exit 7").await, Ended::Exited(7));
    assert_eq!(ended("kill -9 $$").await, Ended::Signalled(9));
    assert_eq!(ended("kill -1 $$").await, Ended::Signalled(1));
}

#[test]
fn r70_a_hangup_ends_a_child_also_of_one_who_ignores_it() {
    let again = std::process::Command::new("/bin/sh")
        .args(["-c", "trap '' HUP; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "sys::child::tests::r70_exit_status_and_signal_are_told_apart"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn r71_a_child_starts_clean() {
    let text = "pwd; env | cut -d= -f1 | grep -vE '^(PWD|OLDPWD|SHLVL|_)$' | sort | tr '\\n' ' '; echo; cat; \
                ps -o pgid= -p $$ | tr -d ' '; echo $$";
    let (_, lines) = run(&sh(text), Limits::default()).await;
    assert_eq!(lines[0], "/");
    assert_eq!(lines[1].trim(), "HOME LOGNAME PATH SHELL TMPDIR USER");
    if lines.len() == 4 {
        assert_eq!(lines[2], lines[3], "leads its own group");
    }
}

#[tokio::test]
async fn r72_both_streams_arrive_as_lines_in_order() {
    let (finished, lines) = run(&sh("echo a; echo b >&2; printf c"), Limits::default()).await;
    assert_eq!(lines, ["a", "b", "c"]);
    assert_eq!(finished.tail, lines);
}

#[tokio::test]
async fn r72_a_flood_is_cut_counted_and_its_tail_kept() {
    let (finished, lines) = run(&sh("yes 0123456789 | head -n 200000; echo last"), Limits::default()).await;
    assert_eq!(finished.ended, Ended::Exited(0));
    assert!(lines.len() < 100_000);
    assert!(lines.last().unwrap().starts_with("[output cut: "), "{:?}", lines.last());
    assert_eq!((finished.tail.len(), finished.tail.last().unwrap().as_str()), (TAIL_LINES, "last"));
}

#[tokio::test]
async fn r72_a_reader_that_sleeps_does_not_hold_the_child_up() {
    let (sender, lines) = mpsc::channel(1);
    let child = start(&sh("seq 1 50000"), Output::Lines(sender), Limits::default()).await.unwrap();
    let finished = child.wait().await;
    assert_eq!(finished.ended, Ended::Exited(0));
    assert_eq!(finished.tail.last().unwrap(), "50000");
    drop(lines);
}

#[tokio::test]
async fn r72_a_reader_that_went_away_does_not_stop_the_child() {
    let (sender, lines) = mpsc::channel(1);
    drop(lines);
    let child = start(&sh("seq 1 50000; exit 3"), Output::Lines(sender), Limits::default()).await.unwrap();
    assert_eq!(child.wait().await.ended, Ended::Exited(3));
}

#[tokio::test]
async fn r73_a_timeout_ends_the_whole_group() {
    let (finished, lines) = run(&sh("sleep 600 & echo $!; sleep 600"), within(3000)).await;
    assert_eq!(finished.ended, Ended::TimedOut);
    let grandchild = rustix::process::Pid::from_raw(lines[0].parse().unwrap()).unwrap();
    // An orphan that nobody reaps still has a number, but cannot be of use to anybody.
    let state = fs::read_to_string(format!("/proc/{}/stat", lines[0])).unwrap_or_default();
    assert!(rustix::process::test_kill_process(grandchild).is_err() || state.contains(") Z "), "{state}");
}

#[tokio::test]
async fn r69_what_ignores_sigterm_is_killed() {
    let (sender, mut lines) = mpsc::channel(16);
    let program = sh("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    let (finished, stop) = start(&program, Output::Lines(sender), within(600_000)).await.unwrap().split();
    assert_eq!(lines.recv().await.unwrap(), "ready");
    stop.stop();
    assert_eq!(finished.await.ended, Ended::Signalled(9));
}

#[tokio::test]
async fn r69_a_child_can_be_stopped_early_and_may_clean_up() {
    let (sender, mut lines) = mpsc::channel(16);
    // No `sleep`: it would be stopped too, and the shell may or may not say so.
    let program = sh("trap 'echo bye; exit 4' TERM; echo ready; while :; do :; done");
    let (finished, stop) = start(&program, Output::Lines(sender), Limits::default()).await.unwrap().split();
    assert_eq!(lines.recv().await.unwrap(), "ready");
    stop.stop();
    let finished = finished.await;
    assert_eq!(finished.ended, Ended::Exited(4));
    assert_eq!(finished.tail, ["ready", "bye"]);
}

#[tokio::test]
async fn r66_what_keeps_the_pipe_open_does_not_hold_up_the_end() {
    let began = Instant::now();
    let (finished, lines) = run(&sh("sleep 30 & echo started $!"), Limits::default()).await;
    assert_eq!(finished.ended, Ended::Exited(0));
    assert!(began.elapsed() < Duration::from_secs(15));
    let left = lines[0].strip_prefix("started ").unwrap().parse().unwrap();
    let left = rustix::process::Pid::from_raw(left).unwrap();
    rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn r66_output_may_go_to_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let program = sh("echo a; echo b >&2");
    let output = Output::File(file.reopen().unwrap());
    let finished = start(&program, output, Limits::default()).await.unwrap().wait().await;
    assert_eq!(finished, Finished { ended: Ended::Exited(0), tail: Vec::new() });
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "a\nb\n");
}

#[tokio::test]
async fn r65_what_cannot_be_started_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let refused = async |content: &str, mode| {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (sender, _lines) = mpsc::channel(1);
        start(&Program::new(&path), Output::Lines(sender), Limits::default()).await.unwrap_err()
    };
    let reason = |ended| match ended {
        Ended::NotStarted(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert!(reason(refused("#!/no/such\n", 0o755).await).contains("`/no/such` does not exist"));
    assert!(reason(refused("#!/bin/sh\n", 0o644).await).contains("not executable"));
    assert!(reason(refused("\0\0\0", 0o755).await).contains("not a program"));
}

#[tokio::test]
async fn a_script_just_written_is_started_though_others_fork_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let many = (0..20).map(|number| {
        let path = folder.path().join(number.to_string());
        tokio::task::spawn_blocking(move || {
            fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        })
    });
    for path in many.collect::<Vec<_>>() {
        let path = path.await.unwrap();
        assert_eq!(run(&Program::new(&path), Limits::default()).await.0.ended, Ended::Exited(0));
    }
}

#[tokio::test]
async fn r112_a_child_with_another_identity_keeps_nothing_of_ours() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can become another user");
        return;
    }
    let program = Program { identity: Some((4711, 4712)), ..sh("id -u; id -g; id -G") };
    assert_eq!(run(&program, Limits::default()).await.1, ["4711", "4712", "4712"]);
}
