//! A launchd job at rest: its plist is in its place, and nothing but a repair starts it.

use plist::{Dictionary, Value};

const AT_LOAD: &str = "RunAtLoad";
const KEEP_ALIVE: &str = "KeepAlive";

/// Puts the job to rest: launchd knows it from the next start or login on, and leaves it alone.
///
/// `KeepAlive` goes as well, because with `SuccessfulExit` it starts the job once to learn how it ends.
pub fn rest(job: &mut Dictionary) {
    job.remove(KEEP_ALIVE);
    job.insert(AT_LOAD.to_owned(), Value::Boolean(false));
}

/// Wakes a job that was put to rest: started when it is loaded, and again until it has come to its end.
pub fn wake(job: &mut Dictionary) {
    job.insert(AT_LOAD.to_owned(), Value::Boolean(true));
    let until = Dictionary::from_iter([("SuccessfulExit", Value::Boolean(false))]);
    job.insert(KEEP_ALIVE.to_owned(), Value::Dictionary(until));
}

/// Whether the job was put to rest.
#[must_use]
pub fn is_at_rest(job: &Dictionary) -> bool {
    job.get(AT_LOAD).and_then(Value::as_boolean) == Some(false) && !job.contains_key(KEEP_ALIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jobs_we_ship_come_back_as_they_were() {
        for shipped in [
            include_str!("../../launchd/LaunchDaemons/cz.macadmin.iasd.plist"),
            include_str!("../../launchd/LaunchAgents/cz.macadmin.iasagent.plist"),
        ] {
            let shipped: Dictionary = plist::from_bytes(shipped.as_bytes()).unwrap();
            let mut job = shipped.clone();
            assert!(!is_at_rest(&job));
            rest(&mut job);
            assert!(is_at_rest(&job));
            assert_eq!(job.get("Label"), shipped.get("Label"));
            wake(&mut job);
            let sorted = |mut job: Dictionary| {
                job.sort_keys();
                job
            };
            assert_eq!(sorted(job), sorted(shipped));
        }
    }
}
