//! The flags that verbs share to say where the settings are, and the reading of files and environment for
//! [`crate::config`].

#![expect(clippy::disallowed_methods, reason = "reads the settings file, secrets and the registry at the start")]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::failure::Failure;
use crate::config::{self, Config, Faults, Flag, RegistryConfig, Sources};
use crate::registry::Registry;
use crate::runtime::geo::GeoDatabase;
use crate::runtime::registry::shown;

/// Where the settings come from.
#[derive(Debug, Default, Args)]
pub(super) struct SettingsArgs {
    /// Settings file (TOML); the environment and the flags win over it
    #[arg(long, value_name = "FILE", env = "HUMDRUM_CONFIG", hide_env_values = true)]
    // An empty variable counts as not set, where clap's own parser of paths would refuse it.
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    config: Option<PathBuf>,
    /// One setting by its path, such as `baseline.days=21`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

/// Whether a verb needs the secrets that stand in files of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    /// It signs in somewhere.
    Needed,
    /// It connects to nothing; the files may be out of reach.
    NotNeeded,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.is_empty() => Ok((path.to_owned(), value.to_owned())),
        _ => Err("write PATH=VALUE, such as `baseline.days=21`".to_owned()),
    }
}

/// A verb's own flag as the setting that it stands for.
pub(super) fn flag<T: AsRef<OsStr>>(name: &str, path: &str, value: Option<&T>) -> Option<Flag> {
    let value = value?.as_ref().to_string_lossy().into_owned();
    Some(Flag { name: name.to_owned(), path: path.to_owned(), value })
}

impl SettingsArgs {
    /// The settings of a file, and nothing else of the command line.
    pub(super) fn of_file(path: &Path) -> Self {
        Self { config: Some(path.to_owned()), set: Vec::new() }
    }

    /// The settings file that was named.
    pub(super) fn name(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// Every source read and checked; the outer fault is a settings file that cannot be read.
    pub(super) fn check(&self, flags: Vec<Flag>, secrets: Secrets) -> Result<Result<Config, Faults>, Failure> {
        let file = self.config.as_deref().filter(|path| !path.as_os_str().is_empty());
        let text = match file {
            Some(path) => {
                Some(std::fs::read_to_string(path).with_context(|| unreadable(path)).map_err(Failure::Usage)?)
            }
            None => None,
        };
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect();
        let set = self.set.iter().cloned().map(|(path, value)| Flag { name: "--set".to_owned(), path, value });
        let flags = set.chain(flags).collect();
        let read = |path: &Path| match secrets {
            Secrets::Needed => std::fs::read_to_string(path).map(Some).map_err(|error| error.to_string()),
            Secrets::NotNeeded => Ok(None),
        };
        Ok(config::load(Sources { file: text.as_deref(), environment, flags }, &read))
    }

    /// The configuration, or every fault as one failure.
    pub(super) fn load(&self, flags: Vec<Flag>, secrets: Secrets) -> Result<Config, Failure> {
        self.check(flags, secrets)?.map_err(|faults| {
            let list = faults.to_string().replace('\n', "\n  ");
            Failure::Usage(anyhow!("the configuration is wrong:\n  {list}\nmend it and try again; `humdrum check` checks it without starting"))
        })
    }
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

/// The geography file that the configuration names, if any.
pub(super) fn geo(config: &Config) -> Result<Option<GeoDatabase>, Failure> {
    let open = |path: &PathBuf| GeoDatabase::open(path);
    config.geo_file.as_ref().map(open).transpose().map_err(|error| Failure::Usage(error.into()))
}

/// The registry for a verb that connects to nothing: a file's, or none.
pub(super) fn registry_alone(config: &Config) -> Result<Registry, Failure> {
    if let Some(RegistryConfig::Bucket(bucket)) = &config.registry {
        tracing::warn!(
            bucket,
            "the registry is a bucket, which only `humdrum run` reads; name a file with `--registry` for its bots to be known here"
        );
    }
    registry(config)
}

/// The registry that the configuration names, or an empty one; a bucket is read once there is a connection.
pub(super) fn registry(config: &Config) -> Result<Registry, Failure> {
    let Some(RegistryConfig::File(path)) = &config.registry else { return Ok(Registry::default()) };
    let text = std::fs::read_to_string(path).with_context(|| unreadable(path)).map_err(Failure::Usage)?;
    Registry::from_ndjson(&text).map_err(|errors| {
        let list = shown(&errors).join("\n  ");
        Failure::Usage(anyhow!("the registry {} is wrong:\n  {list}", path.display()))
    })
}
