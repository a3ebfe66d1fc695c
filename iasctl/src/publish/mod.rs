//! `iasctl publish`: a repository of titles kept in order, by the rules of its publisher (T73–T96).

mod build;
mod catalogs;
#[cfg(test)]
mod corpus;
mod icons;
mod lint;
mod place;
mod property_list;
mod repository;
mod trust;

use std::process::ExitCode;

/// What `publish` is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Makes the catalogs and the digests of the icons anew, as Munki's makecatalogs does
    Catalogs(catalogs::Arguments),
    /// Everything that would go wrong on Macs, by file and key
    Lint(lint::Arguments),
    /// Verifies the trust information of AutoPkg overrides, as autopkg verify-trust-info does
    Trust(trust::Arguments),
}

/// Carries it out.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match &arguments.verb {
        Verb::Catalogs(arguments) => catalogs::run(arguments),
        Verb::Lint(arguments) => lint::run(arguments),
        Verb::Trust(arguments) => trust::run(arguments),
    }
}
