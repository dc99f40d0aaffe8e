//! Who may sign in, made for each test: certificates of an authority of its own, nkeys, and credentials of an account.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::{KeyPair, KeyPairType};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa};
use serde_json::{Value, json};

/// A certificate and its key, in PEM.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) pem: String,
    pub(crate) key: String,
}

/// An authority that issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        let key = rcgen::KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// The authority's own certificate, for those who trust it.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate of a server with this name or address.
    pub(crate) fn server(&self, host: &str) -> Certificate {
        self.issue(vec![host.to_owned()], ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate of a client.
    pub(crate) fn client(&self) -> Certificate {
        self.issue(Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(&self, hosts: Vec<String>, purpose: ExtendedKeyUsagePurpose) -> Certificate {
        let mut params = CertificateParams::new(hosts).expect("host names");
        params.extended_key_usages = vec![purpose];
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Certificate { pem: certificate.pem(), key: key.serialize_pem() }
    }
}

/// The nkey of a user, another one for each number.
pub(crate) fn nkey(number: u8) -> KeyPair {
    key(KeyPairType::User, number)
}

/// Its seed, which is secret.
pub(crate) fn seed(nkey: &KeyPair) -> String {
    nkey.seed().expect("a seed")
}

/// An operator with one account that may use JetStream, as a nats-server has it in its settings.
pub(crate) fn operator_settings() -> String {
    let operator = key(KeyPairType::Operator, 1);
    let (account, system) = (key(KeyPairType::Account, 1), key(KeyPairType::Account, 2));
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
        "mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1,
    });
    let of_account = json!({"type": "account", "version": 2, "limits": limits});
    let mut of_system = of_account.clone();
    of_system["limits"]["mem_storage"] = json!(0);
    of_system["limits"]["disk_storage"] = json!(0);
    format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}\n",
        token(&operator, &operator, &json!({"type": "operator", "version": 2}), None),
        system.public_key(),
        account.public_key(),
        token(&operator, &account, &of_account, None),
        system.public_key(),
        token(&operator, &system, &of_system, None),
    )
}

/// Credentials, as a file, of a user of the account with this number; the operator knows the first.
pub(crate) fn credentials(account: u8) -> String {
    credentials_until(account, None)
}

/// The same, which the server takes until then, in seconds since 1970.
pub(crate) fn credentials_until(account: u8, expiry_secs: Option<i64>) -> String {
    let (account, user) = (key(KeyPairType::Account, account), nkey(7));
    let claims = json!({"type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1});
    format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
        -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        token(&account, &user, &claims, expiry_secs),
        seed(&user)
    )
}

fn key(kind: KeyPairType, number: u8) -> KeyPair {
    KeyPair::new_from_raw(kind, [number; 32]).expect("a key")
}

/// What the issuer says of the subject, signed.
fn token(issuer: &KeyPair, subject: &KeyPair, claims: &Value, expiry_secs: Option<i64>) -> String {
    let mut whole = json!({
        "jti": subject.public_key(), "iat": 1_700_000_000, "iss": issuer.public_key(), "sub": subject.public_key(),
        "name": "test", "nats": claims,
    });
    if let Some(expiry) = expiry_secs {
        whole["exp"] = json!(expiry);
    }
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&header), part(&whole));
    let signature = issuer.sign(text.as_bytes()).expect("a signature");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
