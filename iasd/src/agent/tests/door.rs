//! Who is let in: honest agents, and no second ones, impostors, mute or rude peers (R61, R106, R109, P81).

use super::*;

#[tokio::test]
async fn r109_a_second_living_agent_is_refused_and_the_next_one_replaces_a_dead_one() {
    let mut daemon = Daemon::start().await;
    let first = Agent::welcome(&mut daemon).await;
    let mut second = Agent::connect(&daemon).await;
    match second.check_in(my_uid()).await {
        Some(FromDaemon::Refused { reason }) => assert!(reason.contains("connected already"), "{reason}"),
        other => panic!("{other:?}"),
    }
    daemon.notice("connected already").await;
    drop(first);
    daemon.lost().await;
    Agent::welcome(&mut daemon).await;
}

#[tokio::test]
async fn r106_another_users_process_is_not_listened_to() {
    let mut daemon = Daemon::expecting(my_uid() + 1).await;
    let mut agent = Agent::connect(&daemon).await;
    assert_eq!(agent.check_in(my_uid()).await, None);
    daemon.notice("it runs as uid").await;
    let mut other = Agent::connect(&daemon).await;
    assert_eq!(other.check_in(my_uid()).await, None);
    // Who comes in is told after all who were turned away before.
    daemon.seen_as.store(my_uid(), Ordering::SeqCst);
    let mut agent = Agent::connect(&daemon).await;
    assert_eq!(agent.check_in(my_uid()).await, Some(FromDaemon::Welcome { protocol: PROTOCOL }));
    let next = daemon.fact(|_| true).await;
    assert!(matches!(next, EventKind::AgentCheckedIn { .. }), "one line is enough: {next:?}");
}

/// Where the process of another user is told the socket.
const IMPOSTOR_SOCKET: &str = "IAS_TEST_IMPOSTOR_SOCKET";

/// Not a test of its own: what another user's process does in the test below.
#[tokio::test]
async fn another_users_process() {
    let Some(socket) = std::env::var_os(IMPOSTOR_SOCKET) else { return };
    let mut agent = Agent(socket::connect(Path::new(&socket)).await.unwrap());
    assert_eq!(agent.check_in(501).await, None, "whatever it claims");
}

#[tokio::test]
async fn r106_a_real_process_of_another_user_is_turned_away() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can start another user's process");
        return;
    }
    let mut daemon = Daemon::start().await;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(daemon.folder.path(), open).unwrap();
    let mut impostor = tokio::process::Command::new(std::env::current_exe().unwrap());
    impostor.args(["--exact", "agent::tests::door::another_users_process"]).uid(4711).gid(4711);
    let output = impostor.env(IMPOSTOR_SOCKET, &daemon.socket).current_dir("/").output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    daemon.notice("it runs as uid 4711").await;
    Agent::welcome(&mut daemon).await;
}

#[tokio::test]
async fn r106_a_false_claim_is_refused() {
    let mut daemon = Daemon::start().await;
    let mut agent = Agent::connect(&daemon).await;
    let answer = agent.check_in(my_uid() + 7).await;
    assert!(matches!(answer, Some(FromDaemon::Refused { .. })), "{answer:?}");
    daemon.notice("claims uid").await;
}

#[tokio::test]
async fn r61_nobody_at_the_screen_means_no_agent() {
    let mut daemon = Daemon::start().await;
    daemon.user.send_replace(None);
    let mut agent = Agent::connect(&daemon).await;
    assert_eq!(agent.check_in(my_uid()).await, None);
    daemon.notice("nobody is logged in").await;
    daemon.user.send_replace(Some(ada()));
    Agent::welcome(&mut daemon).await;
}

#[tokio::test]
async fn r111_rude_peers_do_not_stop_the_daemon() {
    let mut daemon = Daemon::start().await;
    let rude: [&[u8]; 5] = [
        &[0, 0, 0, 9, 0, b'{'],
        &[0xff, 0xff, 0xff, 0xff, 0],
        b"GET / HTTP/1.1\r\n\r\n",
        &[0, 0, 0, 2, 0, b'{', b'}'],
        &[0, 0, 8, 0, 0],
    ];
    for bytes in rude {
        let mut peer = StdStream::connect(&daemon.socket).unwrap();
        peer.write_all(bytes).unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        daemon.notice("was refused as the agent").await;
    }
    let agent = Agent::welcome(&mut daemon).await;
    agent.0.sender.send(b"not a message", None).await.unwrap();
    daemon.lost().await;
    Agent::welcome(&mut daemon).await;
}

#[tokio::test]
async fn p81_a_silent_peer_does_not_keep_others_out() {
    let mut daemon = Daemon::start().await;
    let _silent: Vec<_> = (0..8).map(|_| StdStream::connect(&daemon.socket).unwrap()).collect();
    Agent::welcome(&mut daemon).await;
    daemon.notice("did not check in").await;
}
