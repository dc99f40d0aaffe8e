//! Every way to sign in to a real nats-server, and what is said where a server does not take us.

use std::path::{Path, PathBuf};

use humdrum::config::{Config, NatsConfig, SecretText};
use humdrum::event::decode::{Envelope, Limits, decode};
use humdrum::runtime::app::App;
use humdrum::runtime::produce::EventPublisher;
use prometheus::{IntGauge, Registry};

use crate::support::config::{config, event};
use crate::support::files::write;
use crate::support::identity::{Authority, credentials, nkey, operator_settings, seed};
use crate::support::nats::NatsServer;
use crate::support::running::Running;

const PASSWORD: &str = "p%ss/w:rd@1";
const TOKEN: &str = "token-of-the-house";
/// What no message may show.
const SECRETS: &[&str] = &[PASSWORD, TOKEN, "wrong-secret", "p%25ss", "BEGIN"];

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

fn with(server: &NatsServer, set: impl FnOnce(&mut NatsConfig)) -> Config {
    let mut config = config(server.url());
    set(&mut config.nats);
    config
}

/// An event that is published with these settings is accepted with these settings.
async fn taken(config: Config) {
    let connected = IntGauge::new("connected", "connected").expect("a gauge");
    let running = Running::start(config.clone()).await;
    running.ready().await;
    let mut publisher = EventPublisher::open(&config, &connected).await.expect("opens");
    let event = decode(event("bot", 1).as_bytes(), &Envelope::default(), &Limits::default()).expect("an event");
    publisher.publish(&event).await.expect("is sent");
    publisher.finish().await.expect("is stored");
    running.accepted(1).await;
    running.app.stop().await.expect("stops");
}

/// The start ends with a message that has all of these words and no secret.
async fn refused(config: Config, words: &[&str]) {
    let secret = config.nats.nkey_seed.clone();
    let start = App::start(config, humdrum::registry::Registry::default(), &Registry::new()).await;
    let message = format!("{:#}", start.expect_err(words[0]));
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    for secret in SECRETS.iter().copied().chain(secret.as_ref().map(SecretText::expose)) {
        assert!(!message.contains(secret), "{message}");
    }
}

#[tokio::test]
async fn a_user_signs_in_with_a_password() {
    let server = NatsServer::start_with(&["-js", "--user", "humdrum", "--pass", PASSWORD]).await;
    let user = |password: &str| {
        with(&server, |nats| (nats.user, nats.password) = (Some("humdrum".to_owned()), Some(secret(password))))
    };
    taken(user(PASSWORD)).await;
    refused(user("wrong-secret"), &["`nats.user` and `nats.password`", "uthorization"]).await;
    refused(with(&server, |_| ()), &["set one of", "`nats.creds_file`", "`nats.password`"]).await;
    let within_address = |credentials: &str| {
        with(&server, |nats| nats.url = vec![nats.url[0].replace("nats://", &format!("nats://{credentials}@"))])
    };
    taken(within_address("humdrum:p%25ss%2Fw%3Ard%401")).await;
    refused(within_address("humdrum:wrong-secret"), &["credentials in `nats.url`", "nats://…@127.0.0.1"]).await;
}

#[tokio::test]
async fn a_token_signs_in() {
    let server = NatsServer::start_with(&["-js", "--auth", TOKEN]).await;
    taken(with(&server, |nats| nats.token = Some(secret(TOKEN)))).await;
    refused(with(&server, |nats| nats.token = Some(secret("wrong-secret"))), &["`nats.token`"]).await;
    let url = server.url().replace("nats://", &format!("nats://{TOKEN}@"));
    taken(with(&server, |nats| nats.url = vec![url])).await;
}

#[tokio::test]
async fn an_nkey_signs_in() {
    let settings = format!("authorization {{ users = [ {{ nkey: {} }} ] }}\n", nkey(1).public_key());
    let server = NatsServer::start_configured(&settings).await;
    taken(with(&server, |nats| nats.nkey_seed = Some(secret(&seed(&nkey(1)))))).await;
    refused(with(&server, |nats| nats.nkey_seed = Some(secret(&seed(&nkey(2))))), &["`nats.nkey_seed`"]).await;
    // One character is lost and another is there twice, as when it is typed.
    let typed = seed(&nkey(1)).replacen("SUA", "SUB", 1);
    refused(with(&server, |nats| nats.nkey_seed = Some(secret(&typed))), &["`nats.nkey_seed`"]).await;
}

#[tokio::test]
async fn a_credentials_file_signs_in() {
    let server = NatsServer::start_configured(&operator_settings()).await;
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        write(&path, text);
        with(&server, |nats| nats.creds_file = Some(path))
    };
    taken(file("right.creds", &credentials(1))).await;
    refused(file("stranger.creds", &credentials(3)), &["`nats.creds_file`"]).await;
    refused(file("broken.creds", "wrong-secret"), &["nats.creds_file", "broken.creds"]).await;
    let gone = with(&server, |nats| nats.creds_file = Some(dir.path().join("gone.creds")));
    refused(gone, &["nats.creds_file", "gone.creds"]).await;
}

/// Writes a file and says where.
fn file(dir: &Path, name: &str, text: &str) -> PathBuf {
    write(&dir.join(name), text);
    dir.join(name)
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate() {
    let (authority, dir) = (Authority::new(), tempfile::tempdir().expect("a directory"));
    let path = |name: &str, text: &str| file(dir.path(), name, text);
    let own = authority.server("127.0.0.1");
    let (cert, key) = (path("server.pem", &own.pem), path("server.key", &own.key));
    let server = speaking_tls(&cert, &key, None).await;
    let trusting = |ca: PathBuf| with(&server, |nats| (nats.tls, nats.tls_ca_file) = (true, Some(ca)));
    taken(trusting(path("ca.pem", &authority.pem()))).await;
    let scheme = server.url().replace("nats://", "tls://");
    let mut by_scheme = trusting(dir.path().join("ca.pem"));
    (by_scheme.nats.url, by_scheme.nats.tls) = (vec![scheme], false);
    taken(by_scheme).await;
    let stranger = path("stranger.pem", &Authority::new().pem());
    refused(trusting(stranger), &["no authority in `nats.tls_ca_file`"]).await;
    refused(with(&server, |_| ()), &["set `nats.tls_ca_file`", "UnknownIssuer"]).await;
    refused(trusting(path("garbage.pem", "wrong-secret")), &["nats.tls_ca_file", "garbage.pem", "no certificate"])
        .await;
    refused(trusting(dir.path().join("gone.pem")), &["nats.tls_ca_file", "gone.pem", "cannot be read"]).await;
    let other = authority.server("elsewhere.example");
    let misplaced = speaking_tls(&path("other.pem", &other.pem), &path("other.key", &other.key), None).await;
    let ca = Some(dir.path().join("ca.pem"));
    refused(with(&misplaced, |nats| nats.tls_ca_file = ca), &["not for the host in `nats.url`"]).await;
    let plain = NatsServer::start().await;
    refused(with(&plain, |nats| nats.tls = true), &["`nats.tls`", "does not speak"]).await;
}

#[tokio::test]
async fn a_client_is_known_by_its_certificate() {
    let (authority, dir) = (Authority::new(), tempfile::tempdir().expect("a directory"));
    let path = |name: &str, text: &str| file(dir.path(), name, text);
    let (own, ca) = (authority.server("127.0.0.1"), path("ca.pem", &authority.pem()));
    let server = speaking_tls(&path("server.pem", &own.pem), &path("server.key", &own.key), Some(&ca)).await;
    let showing = |cert: Option<PathBuf>, key: Option<PathBuf>| {
        with(&server, |nats| (nats.tls_ca_file, nats.tls_cert_file, nats.tls_key_file) = (Some(ca.clone()), cert, key))
    };
    let client = authority.client();
    let (cert, key) = (path("client.pem", &client.pem), path("client.key", &client.key));
    taken(showing(Some(cert.clone()), Some(key.clone()))).await;
    refused(showing(None, None), &["set `nats.tls_cert_file` and `nats.tls_key_file`"]).await;
    let stranger = Authority::new().client();
    let (foreign, foreign_key) = (path("foreign.pem", &stranger.pem), path("foreign.key", &stranger.key));
    let not_accepted = ["does not accept the certificate of `nats.tls_cert_file`"];
    refused(showing(Some(foreign), Some(foreign_key.clone())), &not_accepted).await;
    refused(showing(Some(cert.clone()), Some(foreign_key)), &["`nats.tls_cert_file`", "fit together"]).await;
    refused(showing(Some(cert.clone()), Some(cert.clone())), &["nats.tls_key_file", "no private key"]).await;
    refused(showing(Some(cert), None), &["nats.tls_cert_file is set but nats.tls_key_file is not"]).await;
}

/// A server that wants TLS, and with an authority a certificate of each client.
async fn speaking_tls(cert: &Path, key: &Path, clients: Option<&Path>) -> NatsServer {
    let (cert, key) = (cert.to_string_lossy(), key.to_string_lossy());
    let mut arguments = vec!["-js", "--tls", "--tlscert", &cert, "--tlskey", &key];
    let clients = clients.map(Path::to_string_lossy);
    if let Some(clients) = &clients {
        arguments.extend(["--tlsverify", "--tlscacert", clients.as_ref()]);
    }
    NatsServer::start_with(&arguments).await
}
