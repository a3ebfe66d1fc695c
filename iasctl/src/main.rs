//! `iasctl`: the admin's tool. One file per verb; results go to stdout, diagnostics to stderr.

use clap::{CommandFactory as _, Parser, Subcommand};
use std::process::ExitCode;

mod bundle;
mod chain;
mod check;
mod completions;
mod control_text;
mod doctor;
mod excerpt;
mod first_line;
mod generate;
mod import;
mod inspect;
mod keygen;
mod lifetime;
mod man;
mod minos;
mod pack;
mod pem;
mod plan;
mod publish;
mod repair;
mod report;
mod repository;
mod resolve;
mod schema;
mod server_certificate;
mod sign;
mod simulate;
mod status;
mod stdout;
mod verdict;
mod view;
mod web;
mod witness;

/// Check, rehearse and inspect a Mac's enrolment, on a Mac or on Linux.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// What a help desk needs of a run, in one file, with secrets removed
    Bundle(bundle::Arguments),
    /// Every problem of a control file, settings, a profile or a launchd job, with its place and how to mend it
    Check(check::Arguments),
    /// What a shell needs to complete commands and options
    Completions(completions::Arguments),
    /// What Macs would fail over: settings, hosts, certificates, clocks, repositories of titles
    Doctor(doctor::Arguments),
    /// A control file from packages and scripts
    #[command(visible_alias = "generatejson")]
    Generate(generate::Arguments),
    /// A control file from what Baseline, Setup Manager, Setup Your Mac, BootstrapMate or Munki read
    Import(import::Arguments),
    /// What is inside an Apple flat package
    Inspect(inspect::Arguments),
    /// A new pair of keys for signing control files
    Keygen(keygen::Arguments),
    /// A manual page for each command
    Man(man::Arguments),
    /// What a server has to answer a Mac in Setup Assistant whose macOS is too old
    Minos(minos::Arguments),
    /// The enrolment package and what an MDM needs beside it, from one settings file
    Pack(pack::Arguments),
    /// What a run would do on a Mac, and why
    Plan(plan::Arguments),
    /// A repository of titles: catalogs, lint, the gate before anything is published
    Publish(publish::Arguments),
    /// A run that does what is missing, changed or failed, or repeats what is named
    Repair(repair::Arguments),
    /// A recorded run told again: what it waited for, what cost most, what failed; as text, a page, JSON
    Report(report::Arguments),
    /// A control file whose titles are packages with addresses and digests, as the catalogs have them today
    Resolve(resolve::Arguments),
    /// The JSON schema of control files, for editors
    Schema,
    /// The signature of a control file, to be published beside it
    Sign(sign::Arguments),
    /// A whole enrolment, with the real programs, in a Mac-shaped folder
    Simulate(simulate::Arguments),
    /// How far the run on this Mac, or in the folder of a rehearsal, is; with --follow until it ends
    Status(status::Arguments),
}

fn main() -> ExitCode {
    match Command::parse().verb {
        Verb::Bundle(arguments) => bundle::run(&arguments),
        Verb::Check(arguments) => check::run(&arguments),
        Verb::Completions(arguments) => completions::run(&arguments, &mut Command::command()),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Generate(arguments) => generate::run(&arguments),
        Verb::Import(arguments) => import::run(&arguments),
        Verb::Inspect(arguments) => inspect::run(&arguments),
        Verb::Keygen(arguments) => keygen::run(&arguments),
        Verb::Man(arguments) => man::run(&arguments, Command::command()),
        Verb::Minos(arguments) => minos::run(&arguments),
        Verb::Pack(arguments) => pack::run(&arguments),
        Verb::Plan(arguments) => plan::run(&arguments),
        Verb::Publish(arguments) => publish::run(&arguments),
        Verb::Repair(arguments) => repair::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Resolve(arguments) => resolve::run(&arguments),
        Verb::Schema => schema::run(),
        Verb::Sign(arguments) => sign::run(&arguments),
        Verb::Simulate(arguments) => simulate::run(&arguments),
        Verb::Status(arguments) => status::run(&arguments),
    }
}
