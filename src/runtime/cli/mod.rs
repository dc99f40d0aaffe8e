//! The command line: one binary, a verb a task.
//!
//! Results go to standard output or to the named file, everything else to standard error. The exit status is 0 when
//! the task is done, 1 when it failed, and 2 when the command or the configuration is wrong, so that a script can tell
//! what it could mend itself.

mod backfill;
mod bots;
mod check;
mod cluster;
mod completions;
mod demo;
mod evaluate;
mod explain;
mod failure;
mod feedback;
mod hash_password;
mod incidents;
mod log;
mod output;
mod replay;
mod report;
mod run;
mod settings;
mod simulate;
mod state;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::alert::Severity;

/// Watches bots: learns what is boring for each of them, and alerts when one stops being boring.
#[derive(Debug, Parser)]
#[command(name = "humdrum", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit status: 0 done, 1 failed, 2 wrong usage or configuration.\n\
    The log goes to standard error; HUMDRUM_LOG sets what is in it, such as `info` or `humdrum=debug`.")]
struct Cli {
    /// How the log is written: for people or for machines
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text", env = "HUMDRUM_LOG_FORMAT")]
    #[arg(hide_env_values = true, value_parser = log::format)]
    log_format: log::Format,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    Replay(replay::ReplayArgs),
    Backfill(backfill::BackfillArgs),
    Simulate(simulate::SimulateArgs),
    Evaluate(evaluate::EvaluateArgs),
    Explain(explain::ExplainArgs),
    Incidents(incidents::IncidentsArgs),
    Bots(bots::BotsArgs),
    Feedback(Box<feedback::FeedbackArgs>),
    Verify(verify::VerifyArgs),
    Report(report::ReportArgs),
    Check(check::CheckArgs),
    Cluster(cluster::ClusterArgs),
    State(state::StateArgs),
    HashPassword(hash_password::HashPasswordArgs),
    Completions(completions::CompletionsArgs),
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    // Parsing ends the process by itself for `--help`, `--version` and wrong usage, with the status of the contract.
    let cli = Cli::parse();
    let done = log::start(cli.log_format).and_then(|()| match &cli.verb {
        Verb::Run(args) => run::run(args),
        Verb::Demo(args) => demo::run(args),
        Verb::Replay(args) => replay::run(args),
        Verb::Backfill(args) => backfill::run(args),
        Verb::Simulate(args) => simulate::run(args),
        Verb::Evaluate(args) => evaluate::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Incidents(args) => incidents::run(args),
        Verb::Bots(args) => bots::run(args),
        Verb::Feedback(args) => feedback::run(args),
        Verb::Verify(args) => verify::run(args),
        Verb::Report(args) => report::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Cluster(args) => cluster::run(args),
        Verb::State(args) => state::run(args),
        Verb::HashPassword(args) => hash_password::run(args),
        Verb::Completions(args) => completions::run(args, Cli::command()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// Reads the name of a severity.
fn severity(name: &str) -> Result<Severity, String> {
    let found = Severity::ALL.into_iter().find(|severity| severity.as_str() == name);
    found.ok_or_else(|| "write `info`, `low`, `medium`, `high` or `critical`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_says_what_it_does_and_gives_an_example() {
        for verb in Cli::command().get_subcommands() {
            let examples = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(verb.get_about().is_some(), "{}", verb.get_name());
            assert!(examples.starts_with("Examples:\n"), "{}", verb.get_name());
        }
    }
}
