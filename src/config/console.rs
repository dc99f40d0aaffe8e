//! The console's settings: beyond loopback it asks who is there, and speaks TLS.

use std::net::Ipv6Addr;

use super::ConsoleConfig;
use super::check::Check;
use super::raw::RawConsole;

/// Bytes of a host's name.
const HOST_BYTES_MAX: usize = 253;

/// The console; none where it is off.
pub(super) fn console(check: &mut Check<'_>, raw: RawConsole) -> Option<ConsoleConfig> {
    let listen = check.listen("console.listen", raw.listen.as_deref());
    let hosts = raw.hosts.unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    for host in &hosts {
        let named = !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.chars().all(plain);
        if !named && host.parse::<Ipv6Addr>().is_err() {
            check.fault("console.hosts", format!("`{host}` is no name of a host; write it without scheme and port"));
        }
    }
    let users_file = check.file("console.users_file", raw.users_file);
    let (cert, key) =
        (check.file("console.tls_cert_file", raw.tls_cert_file), check.file("console.tls_key_file", raw.tls_key_file));
    match (&cert, &key) {
        (Some(_), None) => check.fault("console.tls_cert_file", "needs `console.tls_key_file`"),
        (None, Some(_)) => check.fault("console.tls_key_file", "needs `console.tls_cert_file`"),
        _ => {}
    }
    let tls = cert.zip(key);
    let listen = listen?;
    let missing = match (&users_file, &tls) {
        (None, None) => "`console.users_file`, `console.tls_cert_file` and `console.tls_key_file`",
        (None, Some(_)) => "`console.users_file`",
        (Some(_), None) => "`console.tls_cert_file` and `console.tls_key_file`",
        (Some(_), Some(_)) => "",
    };
    if !listen.ip().is_loopback() && !missing.is_empty() {
        check.fault("console.listen", format!("{listen} is beyond loopback, which needs {missing}"));
    }
    Some(ConsoleConfig { listen, hosts, users_file, tls })
}
