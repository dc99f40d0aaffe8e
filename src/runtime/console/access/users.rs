//! The users: a file with one a line, a name, a colon, the hash of a password, and another colon and a role where it is
//! more than a viewer.
//!
//! Hashes are Argon2id in PHC's form. Whoever does not exist takes as long as whoever does: a hash is computed for each
//! attempt, against one that nothing fits.

#![expect(clippy::disallowed_methods, reason = "reads the file of users that the settings name")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2};

/// Users of a file. More are a matter for an identity provider.
const USERS_MAX: usize = 1000;
/// The least memory that a hash may cost, in KiB: the least that OWASP's cheat sheet lists for Argon2id.
const MEMORY_MIN_KIB: u32 = 7 * 1024;

/// The users cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The file cannot be read.
    #[error("users cannot be read from {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line is no user.
    #[error("users in {path}, line {line}: {detail}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        detail: &'static str,
    },
    /// A password cannot be hashed.
    #[error("the password cannot be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    /// The system gives none.
    #[error("the system gives no randomness")]
    Randomness,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime::console) enum Role {
    /// Read.
    Viewer,
    /// Read, and give feedback.
    Operator,
}

/// A line of the file.
#[derive(Debug, PartialEq, Eq)]
struct User {
    hash: String,
    role: Role,
}

/// Names, hashes and roles.
#[derive(Debug)]
pub(super) struct Users {
    users: BTreeMap<String, User>,
    nobody: String,
}

/// The hash of a password, for a line of the file.
///
/// # Errors
/// No randomness.
pub fn hash(password: &str) -> Result<String, UsersError> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes()).map_err(UsersError::Hash)?;
    Ok(hash.to_string())
}

impl Users {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, UsersError> {
        let fault = |source| UsersError::File { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(fault)?;
        let users = parse(&text).map_err(|(line, detail)| UsersError::Line { path: path.to_owned(), line, detail })?;
        Ok(Self { users, nobody: hash("nobody")? })
    }

    /// Whether a password is a user's. Takes tens of milliseconds.
    pub(super) fn is(&self, name: &str, password: &str) -> bool {
        let known = self.users.get(name);
        let hash = known.map_or(&self.nobody, |user| &user.hash);
        let fits = Argon2::default().verify_password(password.as_bytes(), hash.as_str()).is_ok();
        fits && known.is_some()
    }

    /// What a user may do.
    pub(super) fn role(&self, name: &str) -> Role {
        self.users.get(name).map_or(Role::Viewer, |user| user.role)
    }
}

/// The lines, or the first that is none.
fn parse(text: &str) -> Result<BTreeMap<String, User>, (usize, &'static str)> {
    let mut users = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let told = |detail| (at + 1, detail);
        let (name, rest) = line.split_once(':').ok_or(told("no colon between name and hash"))?;
        let (hash, role) = rest.split_once(':').unwrap_or((rest, "viewer"));
        let role = match role.trim() {
            "viewer" => Role::Viewer,
            "operator" => Role::Operator,
            _ => return Err(told("the role is `viewer` or `operator`")),
        };
        let parsed = PasswordHash::new(hash).map_err(|_| told("no hash in PHC's form"))?;
        if parsed.algorithm != Algorithm::Argon2id.ident() {
            return Err(told("the hash is not of Argon2id"));
        }
        let memory = parsed.params.get_decimal("m").unwrap_or_default();
        if memory < MEMORY_MIN_KIB {
            return Err(told("the hash is too cheap: it needs at least m=7168"));
        }
        let user = User { hash: hash.to_owned(), role };
        if name.is_empty() || users.insert(name.to_owned(), user).is_some() {
            return Err(told("a name is empty, or there twice"));
        }
        if users.len() > USERS_MAX {
            return Err(told("too many users"));
        }
    }
    if users.is_empty() { Err((1, "no user is in it, so that nobody could sign in")) } else { Ok(users) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_user_only() {
        let hash = hash("correct horse").expect("hashes");
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        let text = format!("# ours\n\nann:{hash}:operator\nbob:{hash}\n");
        let users = Users { users: parse(&text).expect("users"), nobody: hash.clone() };
        assert!(users.is("ann", "correct horse") && users.is("bob", "correct horse"));
        assert!(!users.is("ann", "wrong") && !users.is("eve", "correct horse"));
        let roles = ["ann", "bob", "eve"].map(|name| users.role(name));
        assert_eq!(roles, [Role::Operator, Role::Viewer, Role::Viewer], "more than reading is given by name");
    }

    #[test]
    fn what_is_no_user_is_told_with_its_line() {
        let cheap = "ann:$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
        for (text, line, detail) in [
            ("", 1, "nobody could sign in"),
            ("# a\nann", 2, "no colon"),
            ("ann:secret", 1, "no hash"),
            ("ann:secret:admin", 1, "the role"),
            (cheap, 1, "too cheap"),
            (&cheap.replace("argon2id", "argon2i"), 1, "not of Argon2id"),
        ] {
            let (at, told) = parse(text).expect_err(text);
            assert!(at == line && told.contains(detail), "{text}: {at} {told}");
        }
    }
}
