//! Who we are to NATS, read anew for each connection, so that what is rotated while we run needs no restart.
//!
//! Files are read again: that of credentials (a JWT and the seed of its key) and those of secrets. What cannot be read fails
//! that attempt, and the next one looks again.

use std::io::{Error, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use async_nats::{Auth, AuthError, ConnectOptions};
use nkeys::KeyPair;

use super::connect::{NatsError, embedded, read};
use super::refusal;
use crate::config::{NatsConfig, SecretText};

/// Options that sign in as the settings say; they are tried out once before.
pub(super) async fn options(config: &NatsConfig) -> Result<ConnectOptions, NatsError> {
    match (&config.user, &config.password) {
        (Some(_), None) => return Err(NatsError::Half { have: "nats.user", lack: "nats.password" }),
        (None, Some(_)) => return Err(NatsError::Half { have: "nats.password", lack: "nats.user" }),
        _ => {}
    }
    // The client itself takes no notice of what an address says.
    if refusal::sign_in_settings(config).is_none() {
        return Ok(match embedded(config) {
            Some((user, Some(password))) => ConnectOptions::with_user_and_password(user, password),
            Some((token, None)) => ConnectOptions::with_token(token),
            None => ConnectOptions::new(),
        });
    }
    sign_in(config, &[]).await?;
    let config = Arc::new(config.clone());
    Ok(ConnectOptions::with_auth_callback(move |nonce| {
        let config = Arc::clone(&config);
        async move { sign_in(&config, &nonce).await.map_err(|error| AuthError::new(said(&error))) }
    }))
}

/// A fault and where it comes from.
fn said(error: &NatsError) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}

/// What is said to a server that wants this signed.
async fn sign_in(config: &NatsConfig, nonce: &[u8]) -> Result<Auth, NatsError> {
    let (files, mut auth) = (&config.secret_files, Auth::new());
    if let Some(path) = &config.creds_file {
        let text = text("nats.creds_file", path).await?;
        let (jwt, seed) = parts(&text)
            .ok_or_else(|| broken("nats.creds_file", path, "it needs a user's JWT and the seed of its key"))?;
        auth.jwt = Some(jwt.to_owned());
        let signed = key(seed).and_then(|key| key.sign(nonce));
        auth.signature = Some(signed.map_err(|error| broken("nats.creds_file", path, &error.to_string()))?);
    }
    if let Some(seed) = secret("nats.nkey_seed_file", config.nkey_seed.as_ref(), files.nkey_seed.as_deref()).await? {
        let refused = |error: nkeys::error::Error| NatsError::Seed { detail: error.to_string() };
        let key = key(&seed).map_err(refused)?;
        auth.nkey = Some(key.public_key());
        auth.signature = Some(key.sign(nonce).map_err(refused)?);
    }
    auth.username.clone_from(&config.user);
    auth.password = secret("nats.password_file", config.password.as_ref(), files.password.as_deref()).await?;
    auth.token = secret("nats.token_file", config.token.as_ref(), files.token.as_deref()).await?;
    Ok(auth)
}

fn key(seed: &str) -> Result<KeyPair, nkeys::error::Error> {
    KeyPair::from_seed(seed)
}

/// A secret as its file has it now, or as it was given.
async fn secret(
    setting: &'static str,
    given: Option<&SecretText>,
    file: Option<&Path>,
) -> Result<Option<String>, NatsError> {
    let Some(path) = file else { return Ok(given.map(|secret| secret.expose().to_owned())) };
    let text = text(setting, path).await?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() { Err(broken(setting, path, "it is empty")) } else { Ok(Some(secret.to_owned())) }
}

async fn text(setting: &'static str, path: &Path) -> Result<String, NatsError> {
    String::from_utf8(read(setting, path).await?).map_err(|_| broken(setting, path, "it is no text"))
}

fn broken(setting: &'static str, path: &Path, why: &str) -> NatsError {
    NatsError::File { setting, path: path.to_owned(), source: Error::new(ErrorKind::InvalidData, why.to_owned()) }
}

/// The JWT and the seed of a credentials file: what stands below its two lines that begin something.
fn parts(text: &str) -> Option<(&str, &str)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut begun = lines.windows(2).filter(|pair| pair[0].starts_with("-----BEGIN ")).map(|pair| pair[1]);
    let found = (begun.next()?, begun.next()?);
    (!found.0.is_empty() && !found.1.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_a_token_and_a_seed() {
        let file = "-----BEGIN NATS USER JWT-----\r\nab.c\r\n------END NATS USER JWT------\r\n\r\nKeep it.\r\n\
                    -----BEGIN USER NKEY SEED-----\r\nSUAB\r\n------END USER NKEY SEED------\r\n";
        assert_eq!(parts(file), Some(("ab.c", "SUAB")));
        let cut = file.split_once("Keep").expect("two parts").0;
        for broken in ["", "secret", cut, &format!("{cut}-----BEGIN USER NKEY SEED-----"), &file.replace("ab.c", "")] {
            assert_eq!(parts(broken), None, "{broken}");
        }
    }
}
