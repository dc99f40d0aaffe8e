//! How a verb ends badly, and which exit status that is.

use std::io::Write;
use std::process::ExitCode;

use super::output;

/// Exit status of a task that failed.
const STATUS_FAILED: u8 = 1;
/// Exit status of a command or configuration that is wrong; the same that clap gives.
const STATUS_USAGE: u8 = 2;

/// Why a verb did not do its task.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command or the configuration is wrong.
    Usage(anyhow::Error),
    /// The verb has said what is wrong with the configuration, as its result.
    Told,
    /// The command is right, and yet it failed.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Failure {
    /// Says why on standard error and gives the exit status. Whoever stopped reading our output has got what was wanted.
    pub(super) fn report(self) -> ExitCode {
        let (error, status) = match self {
            Self::Failed(error) if output::reader_is_gone(&error) => return ExitCode::SUCCESS,
            Self::Failed(error) => (error, STATUS_FAILED),
            Self::Usage(error) => (error, STATUS_USAGE),
            Self::Told => return ExitCode::from(STATUS_USAGE),
        };
        // With standard error closed there is nobody left to tell.
        writeln!(std::io::stderr().lock(), "humdrum: {error:#}").ok();
        ExitCode::from(status)
    }
}
