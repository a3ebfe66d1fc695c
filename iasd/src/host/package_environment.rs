//! What a title adds to the environment of `installer` (T35).

use shared::{sys::child::Account, title::PackageOptions};
use std::ffi::OsString;

/// Stands for whoever is at the screen.
const WHOEVER_IS_THERE: &str = "CURRENT_CONSOLE_USER";

/// Root's own variables and those of `options`; `user` is the account of the person at the screen, if there is one.
pub(super) fn environment(options: &PackageOptions, user: Option<&Account>) -> Vec<(OsString, OsString)> {
    let mut variables = Account::root().environment();
    let mut set = |name: &str, value: OsString| {
        variables.retain(|(known, _)| known != name);
        variables.push((name.into(), value));
    };
    for (name, value) in &options.environment {
        if !is_name(name) || value.contains('\0') {
            continue;
        }
        match (name.as_str(), value.as_str()) {
            ("USER", WHOEVER_IS_THERE) => {
                let root = Account::root();
                let user = user.unwrap_or(&root);
                set("USER", user.name.clone().into());
                set("HOME", user.home.clone().into());
            }
            _ => set(name, value.into()),
        }
    }
    variables
}

/// Whether a process can have a variable of this name.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn told(pairs: &[(&str, &str)], user: Option<&Account>) -> BTreeMap<String, String> {
        let environment =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = PackageOptions { environment, ..PackageOptions::default() };
        let text = |text: OsString| text.into_string().unwrap();
        super::environment(&options, user)
            .into_iter()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    #[test]
    fn t35_the_console_user_also_sets_the_home_and_is_root_where_nobody_is() {
        let ada = Account { name: "ada".into(), home: "/Users/ada".into(), ..Account::root() };
        let asked = [("USER", "CURRENT_CONSOLE_USER"), ("LICENSE", "a=b"), ("PATH", "/opt")];
        let with = told(&asked, Some(&ada));
        assert_eq!((with["USER"].as_str(), with["HOME"].as_str()), ("ada", "/Users/ada"));
        assert_eq!(
            (with["LICENSE"].as_str(), with["PATH"].as_str(), with["LOGNAME"].as_str()),
            ("a=b", "/opt", "root")
        );
        let without = told(&asked, None);
        assert_eq!((without["USER"].as_str(), without["HOME"].as_str()), ("root", "/var/root"));
        assert_eq!(told(&[("HOME", "CURRENT_CONSOLE_USER")], Some(&ada))["HOME"], "CURRENT_CONSOLE_USER");
    }

    #[test]
    fn names_no_process_can_have_are_left_out() {
        assert_eq!(told(&[("", "x"), ("A=B", "x"), ("N\0", "x"), ("V", "\0")], None), told(&[], None));
    }
}
