//! What callers get where there is no macOS.

/// No dynamic store.
pub mod dynamic_store {
    use crate::sys::mac::Unavailable;

    const NO_MACOS: Unavailable = Unavailable("there is no macOS here");

    /// Who is at the screen.
    ///
    /// # Errors
    /// Always.
    pub fn console_user() -> Result<Option<(u32, String)>, Unavailable> {
        Err(NO_MACOS)
    }

    /// What is published under `key`: nothing here.
    #[must_use]
    pub fn published(_key: &str) -> Option<plist::Value> {
        None
    }

    /// Calls `changed` whenever one of `keys` changes.
    ///
    /// # Errors
    /// Always.
    pub fn watch(
        _keys: &'static [&'static str],
        _changed: impl Fn() + Send + 'static,
    ) -> Result<(), Unavailable> {
        Err(NO_MACOS)
    }
}

/// No preferences.
pub mod preferences {
    use crate::sys::mac::Preference;

    /// Forgets what is cached of `domain`.
    pub fn refresh(_domain: &str) {}

    /// The preference `key` of `domain`: none here.
    #[must_use]
    pub fn find(_key: &str, _domain: &str) -> Option<Preference> {
        None
    }
}

/// No system log.
pub mod system_log {
    use crate::sys::mac::LogLevel;

    /// One category of one subsystem.
    #[derive(Debug)]
    pub struct SystemLog;

    impl SystemLog {
        /// Opens it.
        #[must_use]
        pub fn new(_subsystem: &str, _category: &str) -> Self {
            Self
        }

        /// Writes nothing.
        pub fn write(&self, _level: LogLevel, _text: &str) {}
    }
}
