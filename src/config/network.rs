//! Addresses that an alert must not be sent to by accident or by somebody's trick: those of this machine, of the inner
//! network, and those at which a cloud tells its machines their credentials.
//!
//! An address within another one is held against the same list: IPv4 mapped into IPv6, the translated ones of NAT64 and
//! 6to4. Blind spot: an inner service that stands behind a public address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// IPv4 networks that are not the public internet: address, bits, what they are.
const V4: &[([u8; 4], u8, &str)] = &[
    ([0, 0, 0, 0], 8, "unspecified"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([168, 63, 129, 16], 32, "metadata"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "reserved"),
    ([192, 0, 2, 0], 24, "reserved"),
    ([192, 88, 99, 0], 24, "reserved"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "reserved"),
    ([198, 51, 100, 0], 24, "reserved"),
    ([203, 0, 113, 0], 24, "reserved"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
];

/// IPv6 networks that are not the public internet: first segments, bits, what they are.
const V6: &[([u16; 3], u8, &str)] = &[
    ([0x0064, 0xff9b, 0x0001], 48, "private"),
    ([0x0100, 0, 0], 64, "reserved"),
    ([0x2001, 0, 0], 23, "reserved"),
    ([0x2001, 0x0db8, 0], 32, "reserved"),
    ([0x3fff, 0, 0], 20, "reserved"),
    ([0x5f00, 0, 0], 16, "reserved"),
    ([0xfc00, 0, 0], 7, "private"),
    ([0xfe80, 0, 0], 10, "link-local"),
    ([0xfec0, 0, 0], 10, "private"),
    ([0xff00, 0, 0], 8, "multicast"),
];

/// A host that ends in a number and is no plain address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no plain address")]
pub struct NoPlainAddress;

/// What an address is, if it is not one of the public internet.
#[must_use]
pub fn reserved(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => reserved_v4(address),
        IpAddr::V6(address) => reserved_v6(address),
    }
}

/// Whether an address may be spoken to: it is public, or lies in an allowed network. The reason where it may not.
///
/// # Errors
/// What the address is.
pub fn permits(allowed: &[IpNet], address: IpAddr) -> Result<(), &'static str> {
    let canonical = address.to_canonical();
    match reserved(canonical) {
        Some(kind) if !allowed.iter().any(|network| network.contains(&canonical)) => Err(kind),
        _ => Ok(()),
    }
}

fn reserved_v4(address: Ipv4Addr) -> Option<&'static str> {
    let bits = u32::from(address);
    let within = |(network, length, _): &&([u8; 4], u8, &str)| {
        (bits ^ u32::from(Ipv4Addr::from(*network))) >> (32 - u32::from(*length)) == 0
    };
    V4.iter().find(within).map(|(_, _, kind)| *kind)
}

fn reserved_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some("unspecified");
    }
    if address.is_loopback() {
        return Some("loopback");
    }
    let segments = address.segments();
    let inner = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    let embedded = match segments {
        [0, 0, 0, 0, 0, 0, high, low] | [0x0064, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            reserved_v4(inner(high, low))
        }
        _ => None,
    };
    let bits = u128::from(address);
    let within = |(start, length, _): &&([u16; 3], u8, &str)| {
        let network = start.iter().enumerate().map(|(at, part)| u128::from(*part) << (112 - 16 * at)).sum::<u128>();
        (bits ^ network) >> (128 - u32::from(*length)) == 0
    };
    embedded.or_else(|| V6.iter().find(within).map(|(_, _, kind)| *kind))
}

/// The address that a host is, where it is one and no name. Forms that only some programs take for an address, such as
/// `2130706433` or `0x7f.1`, are refused, since what they mean is not for us to guess.
///
/// # Errors
/// The host ends in a number and is no address of four.
pub fn literal(host: &str) -> Result<Option<IpAddr>, NoPlainAddress> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.split(']').next().unwrap_or_default();
        return inner.parse::<Ipv6Addr>().map(|address| Some(IpAddr::V6(address))).map_err(|_| NoPlainAddress);
    }
    let name = host.split(':').next().unwrap_or_default();
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Ok(Some(IpAddr::V4(address)));
    }
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()));
    let numeric = !last.is_empty() && last.chars().all(|c| c.is_ascii_digit());
    if numeric || hex { Err(NoPlainAddress) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_public_is_known() {
        for (address, kind) in [
            ("127.0.0.1", Some("loopback")),
            ("127.255.255.254", Some("loopback")),
            ("0.0.0.0", Some("unspecified")),
            ("10.1.2.3", Some("private")),
            ("172.15.255.255", None),
            ("172.16.0.1", Some("private")),
            ("172.31.255.255", Some("private")),
            ("172.32.0.0", None),
            ("192.168.1.1", Some("private")),
            ("100.64.0.1", Some("shared")),
            ("100.100.100.200", Some("shared")),
            ("100.128.0.0", None),
            ("169.254.169.254", Some("link-local")),
            ("168.63.129.16", Some("metadata")),
            ("168.63.129.17", None),
            ("192.0.0.192", Some("reserved")),
            ("198.19.255.255", Some("reserved")),
            ("224.0.0.1", Some("multicast")),
            ("255.255.255.255", Some("reserved")),
            ("93.184.216.34", None),
            ("::", Some("unspecified")),
            ("::1", Some("loopback")),
            ("::ffff:127.0.0.1", Some("loopback")),
            ("::ffff:10.0.0.1", Some("private")),
            ("::ffff:93.184.216.34", None),
            ("::127.0.0.1", Some("loopback")),
            ("64:ff9b::7f00:1", Some("loopback")),
            ("64:ff9b::a9fe:a9fe", Some("link-local")),
            ("64:ff9b::5db8:d822", None),
            ("64:ff9b:1::1", Some("private")),
            ("2002:7f00:1::", Some("loopback")),
            ("2002:5db8:d822::1", None),
            ("2001::1", Some("reserved")),
            ("2001:db8::1", Some("reserved")),
            ("fd00:ec2::254", Some("private")),
            ("fe80::1", Some("link-local")),
            ("ff02::1", Some("multicast")),
            ("2606:2800:220:1::1", None),
        ] {
            assert_eq!(reserved(address.parse().expect("an address")), kind, "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_allowed_in_every_form() {
        let allowed = ["127.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("a network")];
        for (address, verdict) in [
            ("127.0.0.1", Ok(())),
            ("::ffff:127.0.0.1", Ok(())),
            ("::1", Err("loopback")),
            ("fd12::1", Ok(())),
            ("10.0.0.1", Err("private")),
            ("93.184.216.34", Ok(())),
        ] {
            assert_eq!(permits(&allowed, address.parse().expect("an address")), verdict, "{address}");
        }
    }

    #[test]
    fn hosts_are_names_or_plain_addresses() {
        let address = |text: &str| Ok(Some(text.parse::<IpAddr>().expect("an address")));
        for (host, found) in [
            ("hooks.example.com", Ok(None)),
            ("hooks.example.com:8080", Ok(None)),
            ("127.0.0.1:80", address("127.0.0.1")),
            ("[::1]:80", address("::1")),
            ("2130706433", Err(NoPlainAddress)),
            ("0177.0.0.1", Err(NoPlainAddress)),
            ("0x7f.0.0.1", Err(NoPlainAddress)),
            ("0x7f000001", Err(NoPlainAddress)),
            ("127.1", Err(NoPlainAddress)),
            ("127.0.0.1.", Err(NoPlainAddress)),
            ("[::1%eth0]", Err(NoPlainAddress)),
            ("host1", Ok(None)),
        ] {
            assert_eq!(literal(host), found, "{host}");
        }
    }
}
