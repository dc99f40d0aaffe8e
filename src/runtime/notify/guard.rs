//! Where a receiver may lie: names are looked up here, every address that a name stands for is checked, and the connection
//! goes to those that were checked and to no others.
//!
//! A name of which one address is forbidden is refused as a whole: a name that stands for a public and a private address
//! is either a mistake or somebody's attempt to have us knock on an inner door at the second look. Since name and address
//! are not looked up twice, there is no second look. Redirects are never followed, which is the other way in. Addresses
//! written as such never come here; they are checked when the receiver is set up.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::config::network;

/// How a name is looked up.
#[derive(Clone)]
pub struct Lookup(Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>);

/// A name that may not be spoken to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// One of its addresses is not public and not allowed.
    #[error("`{host}` stands for {address}, a {kind} address; `allow_networks` lets a receiver lie there")]
    Address {
        /// The name, or the address itself.
        host: String,
        /// The address.
        address: IpAddr,
        /// What it is.
        kind: &'static str,
    },
    /// It has no address.
    #[error("`{0}` has no address")]
    Nothing(String),
}

/// Looks names up and lets only allowed addresses through.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    allowed: Arc<[IpNet]>,
    lookup: Lookup,
}

impl Lookup {
    /// As the machine does.
    #[must_use]
    pub fn system() -> Self {
        Self::with(|host| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    /// In a way of one's own.
    pub fn with(
        lookup: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(lookup))
    }
}

impl std::fmt::Debug for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lookup")
    }
}

impl Guard {
    pub(super) fn new(allowed: &[IpNet], lookup: Lookup) -> Self {
        Self { allowed: allowed.into(), lookup }
    }

    /// Checks all addresses of a host.
    pub(super) fn check(&self, host: &str, addresses: &[IpAddr]) -> Result<(), Forbidden> {
        if addresses.is_empty() {
            return Err(Forbidden::Nothing(host.to_owned()));
        }
        for address in addresses {
            if let Err(kind) = network::permits(&self.allowed, *address) {
                return Err(Forbidden::Address { host: host.to_owned(), address: *address, kind });
            }
        }
        Ok(())
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let addresses = (guard.lookup.0)(host.clone()).await?;
            guard.check(&host, &addresses)?;
            // The port is that of the address of the web.
            Ok(Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(addresses: &'static [&'static str], allowed: &[&str]) -> Result<Vec<String>, String> {
        let parse = |text: &&str| text.parse::<IpAddr>().expect("an address");
        let lookup = Lookup::with(move |_| Box::pin(async move { Ok(addresses.iter().map(parse).collect()) }));
        let allowed: Vec<IpNet> = allowed.iter().map(|text| text.parse().expect("a network")).collect();
        let name = "hooks.example.com".parse().expect("a name");
        let found = Guard::new(&allowed, lookup).resolve(name).await;
        found.map(|list| list.map(|address| address.ip().to_string()).collect()).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_checked() {
        let public = Ok(vec!["93.184.216.34".to_owned()]);
        assert_eq!(resolve(&["93.184.216.34"], &[]).await, public);
        for (addresses, told) in [
            (&["127.0.0.1"][..], "127.0.0.1, a loopback address"),
            (&["93.184.216.34", "10.0.0.5"], "10.0.0.5, a private address"),
            (&["10.0.0.5", "93.184.216.34"], "10.0.0.5, a private address"),
            (&["::ffff:169.254.169.254"], "::ffff:169.254.169.254, a link-local address"),
            (&["93.184.216.34", "::1"], "::1, a loopback address"),
            (&[], "has no address"),
        ] {
            let error = resolve(addresses, &["10.9.0.0/16"]).await.expect_err("refused");
            assert!(error.contains(told), "{addresses:?}: {error}");
        }
        assert_eq!(resolve(&["10.0.0.5"], &["10.0.0.0/8"]).await, Ok(vec!["10.0.0.5".to_owned()]));
    }

    #[tokio::test]
    async fn what_the_machine_calls_localhost_is_refused() {
        let guard = Guard::new(&[], Lookup::system());
        let refused = guard.resolve("localhost".parse().expect("a name")).await.err().map(|error| error.to_string());
        assert!(refused.as_ref().is_some_and(|error| error.contains("a loopback address")), "{refused:?}");
    }
}
