//! Why a server did not take us, and which setting to look at.
//!
//! The client reports whatever goes wrong during TLS as a fault of the network, and faults of the network are waited
//! out. A certificate that nobody vouches for does not get better by waiting, so what TLS says is looked up here.

use std::error::Error;
use std::io;

use async_nats::{ConnectError, ConnectErrorKind};
use rustls::{AlertDescription, CertificateError};

use super::connect::embedded;
use crate::config::NatsConfig;

/// Which setting to look at; none where waiting can help.
pub(super) fn advice(config: &NatsConfig, error: &ConnectError) -> Option<String> {
    if let Some(fault) = tls_fault(error) {
        return Some(tls_advice(config, fault));
    }
    match error.kind() {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => Some(sign_in_advice(config)),
        ConnectErrorKind::Tls => {
            let files = "`nats.tls_ca_file`, `nats.tls_cert_file` and `nats.tls_key_file`";
            Some(format!("look at {files}: what is in them must be valid and fit together"))
        }
        ConnectErrorKind::ServerParse | ConnectErrorKind::MaxReconnects => Some("look at `nats.url`".to_owned()),
        ConnectErrorKind::Dns | ConnectErrorKind::TimedOut | ConnectErrorKind::Io => None,
    }
}

/// Whether the server closed the connection on us, which it does right after it has said why.
pub(super) fn hung_up(error: &ConnectError) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let closed =
        |error: &io::Error| matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof);
    tls_fault(error).is_none() && error.source().and_then(|source| source.downcast_ref()).is_some_and(closed)
}

/// The settings that sign in; none where there are none.
pub(super) fn sign_in_settings(config: &NatsConfig) -> Option<&'static str> {
    [
        (config.creds_file.is_some(), "`nats.creds_file`"),
        (config.nkey_seed.is_some(), "`nats.nkey_seed`"),
        (config.user.is_some(), "`nats.user` and `nats.password`"),
        (config.token.is_some(), "`nats.token`"),
    ]
    .into_iter()
    .find_map(|(given, name)| given.then_some(name))
}

fn sign_in_advice(config: &NatsConfig) -> String {
    match sign_in_settings(config) {
        Some(settings) => format!("it was signed in with {settings}"),
        None if embedded(config).is_some() => "it was signed in with the credentials in `nats.url`".to_owned(),
        None => {
            "set one of `nats.creds_file`, `nats.nkey_seed`, `nats.user` and `nats.password`, `nats.token`".to_owned()
        }
    }
}

fn tls_advice(config: &NatsConfig, fault: &rustls::Error) -> String {
    // An authority that was made anew under its old name signs otherwise.
    use CertificateError::{BadSignature, NotValidForName, NotValidForNameContext, UnknownIssuer};
    let advice = match fault {
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) if config.tls_ca_file.is_some() => {
            "no authority in `nats.tls_ca_file` issued the server's certificate"
        }
        rustls::Error::InvalidCertificate(UnknownIssuer | BadSignature) => {
            "set `nats.tls_ca_file` to the authority that issued the server's certificate"
        }
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "the server's certificate is not for the host in `nats.url`"
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate)
            if config.tls_cert_file.is_none() =>
        {
            "the server wants a certificate: set `nats.tls_cert_file` and `nats.tls_key_file`"
        }
        rustls::Error::AlertReceived(_) if config.tls_cert_file.is_some() => {
            "the server does not accept the certificate of `nats.tls_cert_file`"
        }
        rustls::Error::InvalidMessage(_) => "`nats.tls` or `nats.url` asks for TLS, which the server does not speak",
        _ => "look at `nats.url` and `nats.tls_ca_file`",
    };
    advice.to_owned()
}

/// What TLS says, below the fault of the network that the client makes of it.
fn tls_fault(error: &ConnectError) -> Option<&rustls::Error> {
    let network = error.source()?.downcast_ref::<io::Error>()?;
    network.get_ref()?.downcast_ref()
}
