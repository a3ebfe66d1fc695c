//! `iasctl publish`: a repository of titles kept in order, by the rules of its publisher (T73–T96).

mod build;
mod candidate;
mod catalogs;
mod check;
mod checkout;
mod conditions;
#[cfg(test)]
mod corpus;
mod gate;
mod icons;
mod lint;
mod place;
mod promote;
mod property_list;
mod prune;
mod publisher;
mod repository;
mod run;
mod signature;
mod step;
mod trust;
mod virustotal;

pub(crate) use gate::digest as digest_of_file;

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
    /// Everything the gate asks, of the repository as it is, without changing anything
    Check(check::Arguments),
    /// Everything that would go wrong on Macs, by file and key
    Lint(lint::Arguments),
    /// A version that passed the gate goes into another catalog
    Promote(promote::Arguments),
    /// What no catalog has named for 14 days leaves the repository
    Prune(prune::Arguments),
    /// Takes titles through the gate: trust, download, signature, digest, VirusTotal, lint; then publishes them
    Run(run::Arguments),
    /// Verifies the trust information of AutoPkg overrides, as autopkg verify-trust-info does
    Trust(trust::Arguments),
}

/// Carries it out.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match &arguments.verb {
        Verb::Catalogs(arguments) => catalogs::run(arguments),
        Verb::Check(arguments) => check::run(arguments),
        Verb::Lint(arguments) => lint::run(arguments),
        Verb::Promote(arguments) => promote::run(arguments),
        Verb::Prune(arguments) => prune::run(arguments),
        Verb::Run(arguments) => run::run(arguments),
        Verb::Trust(arguments) => trust::run(arguments),
    }
}
