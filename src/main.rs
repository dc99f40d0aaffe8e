//! The `humdrum` binary: picks the TLS provider and hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else, since the first TLS connection would panic without a provider. Nobody can have been faster.
    rustls::crypto::ring::default_provider().install_default().ok();
    humdrum::runtime::cli::main()
}
