//! The key that heads are signed with, and the keys that they are checked with: Ed25519, in PEM, as `openssl genpkey
//! -algorithm ed25519` writes them.
//!
//! Ed25519 needs no randomness to sign, so that a bad source of it gives nothing away, and its signatures are short.
//! It is ring's, which TLS brings along. Keys are named by the beginning of the BLAKE3 of their public half.

#![expect(clippy::disallowed_methods, reason = "keys are files")]

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

/// What stands before the 32 bytes of every Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PUBLIC_BYTES: usize = 32;
/// Hex digits of a key's name.
const ID_DIGITS: usize = 16;

/// Keys that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The disk or its permissions.
    #[error("{doing} `{path}`: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("`{path}` is no {what} (Ed25519, PEM)")]
    NoKey {
        /// What it should be.
        what: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// The system gives no randomness.
    #[error("no key can be made: the system gives no randomness")]
    Randomness,
}

/// The private key. It does not print itself.
pub struct Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; PUBLIC_BYTES],
    id: String,
}

impl Signer {
    /// Reads a private key, and makes it first where there is none and `make` says so.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no such key.
    pub fn open(path: &Path, make: bool) -> Result<Self, KeyError> {
        if make && !path.exists() {
            let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Randomness)?;
            let text = pem("PRIVATE KEY", document.as_ref());
            let mut options = OpenOptions::new();
            let mut file = options.create_new(true).write(true).mode(0o600).open(path).map_err(at("create", path))?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at("write", path))?;
        }
        let text = fs::read(path).map_err(at("read", path))?;
        Self::parse(&text).ok_or_else(|| KeyError::NoKey { what: "private key", path: path.to_owned() })
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(text).ok()?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok()?;
        let public = PublicKey::new(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair, public })
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> &str {
        self.public.id()
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a text.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        self.pair.sign(text).as_ref().to_vec()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, <secret>)", self.id())
    }
}

impl PublicKey {
    fn new(bytes: [u8; PUBLIC_BYTES]) -> Self {
        let id = blake3::hash(&bytes).to_hex()[..ID_DIGITS].to_owned();
        Self { bytes, id }
    }

    /// Reads every public key of a file.
    ///
    /// # Errors
    /// It cannot be read, or holds none.
    pub fn read(path: &Path) -> Result<Vec<Self>, KeyError> {
        let no_key = || KeyError::NoKey { what: "public key", path: path.to_owned() };
        let text = fs::read(path).map_err(at("read", path))?;
        let mut keys = Vec::new();
        for der in SubjectPublicKeyInfoDer::pem_slice_iter(&text) {
            let der = der.map_err(|_| no_key())?;
            let bytes = der.strip_prefix(&SPKI_PREFIX).and_then(|rest| rest.try_into().ok()).ok_or_else(no_key)?;
            keys.push(Self::new(bytes));
        }
        if keys.is_empty() { Err(no_key()) } else { Ok(keys) }
    }

    /// Adds the key to a file of public keys unless it is there: heads of the keys before it are still to be checked.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
    pub fn keep(&self, path: &Path) -> Result<(), KeyError> {
        if path.exists() && Self::read(path)?.contains(self) {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).mode(0o644).open(path).map_err(at("open", path))?;
        let text = pem("PUBLIC KEY", &[&SPKI_PREFIX[..], &self.bytes].concat());
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at("write", path))
    }

    /// The key's name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is this key's signature of the text.
    #[must_use]
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.bytes).verify(text, signature).is_ok()
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut lines = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(64));
        lines.push_str(line);
        lines.push('\n');
        rest = more;
    }
    lines + &format!("-----END {label}-----\n")
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { doing, path, source }
}

/// A fresh pair, in memory.
#[cfg(test)]
pub(super) fn pair() -> (Signer, PublicKey) {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
    let signer = Signer::parse(pem("PRIVATE KEY", document.as_ref()).as_bytes()).expect("a key");
    let public = signer.public().clone();
    (signer, public)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("alerts.key");
        assert!(matches!(Signer::open(&path, false), Err(KeyError::Io { .. })));
        let first = Signer::open(&path, true).expect("is made");
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(Signer::open(&path, true).expect("is read").id(), first.id());
        assert!(!format!("{first:?}").contains("pair"));
        fs::write(&path, "no key").expect("writes");
        assert!(matches!(Signer::open(&path, true), Err(KeyError::NoKey { .. })));
    }

    #[test]
    fn public_keys_gather_in_a_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("alerts.pub");
        let (one, other) = (pair().1, pair().1);
        for key in [&one, &other, &one] {
            key.keep(&path).expect("is kept");
        }
        assert_eq!(PublicKey::read(&path).expect("reads"), [one, other]);
        fs::write(&path, "no key").expect("writes");
        assert!(matches!(PublicKey::read(&path), Err(KeyError::NoKey { .. })));
    }

    /// RFC 8410 gives this pair as its example.
    #[test]
    fn keys_of_other_tools_are_taken() {
        let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("key");
        fs::write(&path, private).expect("writes");
        let signer = Signer::open(&path, false).expect("is taken");
        fs::write(&path, public).expect("writes");
        assert_eq!(PublicKey::read(&path).expect("reads"), [signer.public().clone()]);
    }
}
