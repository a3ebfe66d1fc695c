//! What launchd and the kernel decide on a Mac, in the hands of a test.

use crate::object::wait_for;
use std::{cell::RefCell, fs, path::PathBuf, sync::LazyLock, time::Duration};

/// Where the folder of services is told to other processes of one story.
pub const FOLDER: &str = "XPC_STAND_IN_FOLDER";

static SERVICES: LazyLock<PathBuf> = LazyLock::new(|| {
    let own = || std::env::temp_dir().join(format!("xpc-stand-in-{}", std::process::id()));
    std::env::var_os(FOLDER).map_or_else(own, PathBuf::from)
});

/// Who a process is; the kernel's part of it can be overruled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Another effective user than the real one.
    pub uid: Option<u32>,
    /// The audit session.
    pub session: i32,
    /// The team that signed it.
    pub team: String,
    /// Its signing identifier.
    pub identifier: String,
}

impl Identity {
    /// Whether it meets a requirement: the stand-in understands no more than an identifier and a team.
    pub(crate) fn meets(&self, requirement: &str) -> bool {
        let of_team = requirement.contains(&format!("certificate leaf[subject.OU] = \"{}\"", self.team));
        let named = requirement.contains("identifier \"");
        of_team && (!named || requirement.contains(&format!("identifier \"{}\"", self.identifier)))
    }
}

thread_local! {
    static SELF: RefCell<Identity> = RefCell::default();
}

/// Connections that this thread makes from now on are those of somebody like this.
pub fn become_(identity: Identity) {
    SELF.set(identity);
}

pub(crate) fn myself() -> Identity {
    SELF.with_borrow(Clone::clone)
}

/// The folder of services, for another process of the story.
pub fn folder() -> PathBuf {
    SERVICES.clone()
}

/// launchd keeps a service of this name.
pub fn offer(service: &str) {
    fs::create_dir_all(&*SERVICES).unwrap();
    fs::write(SERVICES.join(format!("{service}.offered")), "").unwrap();
}

/// launchd forgets the service.
pub fn withdraw(service: &str) {
    fs::remove_file(SERVICES.join(format!("{service}.offered"))).unwrap();
    // Only the socket of a listener that is on its way out can still lie there.
    let _ = fs::remove_file(socket(service));
    // The last service takes the folder along.
    let _ = fs::remove_dir(&*SERVICES);
}

pub(crate) fn is_offered(service: &str) -> bool {
    SERVICES.join(format!("{service}.offered")).exists()
}

/// Where the service's socket lies.
pub(crate) fn socket(service: &str) -> PathBuf {
    SERVICES.join(service)
}

/// Waits until all objects and blocks but `few` were released; gives how many never were.
pub fn settled(few: usize) -> usize {
    wait_for(few, Duration::from_secs(10))
}
