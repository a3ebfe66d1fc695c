//! The system's log, as `log show` reads it (P34, P68).

use super::LogLevel;
use oslog::{Level, OsLog};
use std::fmt;

/// One category of one subsystem. Every line is public: whoever writes has masked secrets before.
pub struct SystemLog(OsLog);

impl SystemLog {
    /// Opens it.
    #[must_use]
    pub fn new(subsystem: &str, category: &str) -> Self {
        Self(OsLog::new(subsystem, category))
    }

    /// Writes a line; what exceeds the system's limit of about a kilobyte is cut by it.
    pub fn write(&self, level: LogLevel, text: &str) {
        let level = match level {
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Default => Level::Default,
            LogLevel::Error => Level::Error,
        };
        self.0.with_level(level, text);
    }
}

impl fmt::Debug for SystemLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemLog")
    }
}
