//! The `humdrum` binary: picks the TLS provider and hands over to the command line.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A bot's baseline is many small pieces that grow and shrink by turns, which this one keeps close to each other.
#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // Before anything else, since the first TLS connection would panic without a provider. Nobody can have been faster.
    rustls::crypto::ring::default_provider().install_default().ok();
    humdrum::runtime::cli::main()
}
