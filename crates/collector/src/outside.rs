//! Where a webhook may be: outside. The address is a brand's to choose, and the collector stands where brands do not:
//! what answers in its own network, or tells a cloud's machine its credentials, is none of theirs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::{
    Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::NextTimeout,
    },
};

/// An address was found, and it is inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("its address is in a network of the collector's own")]
pub(crate) struct Inside;

/// Finds the addresses of a host that are outside.
#[derive(Debug)]
pub(crate) struct Outside {
    hosts: DefaultResolver,
    loopback: bool,
}

impl Outside {
    /// `loopback`: this machine is allowed as well, for trials.
    pub(crate) fn new(loopback: bool) -> Self {
        Self { hosts: DefaultResolver::default(), loopback }
    }
}

impl Resolver for Outside {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let found = self.hosts.resolve(uri, config, timeout)?;
        // A proxy is the operator's: it decides where it goes.
        if config.proxy().is_some_and(|proxy| proxy.uri().authority() == uri.authority()) {
            return Ok(found);
        }
        let mut outside = self.empty();
        found
            .iter()
            .filter(|address| is_allowed(address.ip(), self.loopback))
            .for_each(|&address| outside.push(address));
        if outside.is_empty() { Err(Error::Other(Box::new(Inside))) } else { Ok(outside) }
    }
}

/// Whether a host may be declared. A name is, whatever it stands for: that is looked at each time when it is told.
pub(crate) fn check_host(host: &str, loopback: bool) -> Result<(), Inside> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let name = bare.trim_end_matches('.').to_ascii_lowercase();
    let is_this_machine = name == "localhost" || name.ends_with(".localhost");
    match bare.parse::<IpAddr>() {
        Ok(address) if !is_allowed(address, loopback) => Err(Inside),
        Err(_) if is_this_machine && !loopback => Err(Inside),
        _ => Ok(()),
    }
}

fn is_allowed(address: IpAddr, loopback: bool) -> bool {
    let address = address.to_canonical();
    loopback && address.is_loopback() || is_public(address)
}

/// Whether an address is of the Internet at large (the registries of special-purpose addresses, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network; shared by a provider's customers; protocols; benchmarks; multicast, reserved, broadcast.
        [0, ..] | [192, 0, 0, _] | [198, 18..=19, ..] | [224..=255, ..] => true,
        [100, second, ..] => (64..128).contains(&second),
        _ => false,
    };
    !(special || address.is_private() || address.is_loopback() || address.is_link_local() || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [.., high, low] = segments;
    let last = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match segments {
        // NAT64 and 6to4 reach an IPv4 address that stands in them.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(last),
        [0x2002, high, low, ..] => is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        // Protocols (Teredo among them); documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        // All that is given out so far; loopback, unique local, link-local, multicast and the rest are not in it.
        [first, ..] => first & 0xe000 == 0x2000 && first != 0x3fff,
    }
}

#[cfg(test)]
mod tests {
    use ureq::unversioned::transport::DefaultConnector;

    use super::*;

    #[test]
    fn what_is_inside_is_refused_however_it_is_written() {
        for inside in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[ff02::1]",
            "[::ffff:169.254.169.254]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[::7f00:1]",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
        ] {
            assert_eq!(check_host(inside, false), Err(Inside), "{inside}");
        }
    }

    #[test]
    fn what_is_outside_is_allowed_and_this_machine_where_that_is_set() {
        for outside in [
            "acme.example",
            "93.184.216.34",
            "100.128.0.1",
            "172.32.0.1",
            "[2606:2800:220:1::1]",
            "[64:ff9b::5db8:d822]",
        ] {
            assert_eq!(check_host(outside, false), Ok(()), "{outside}");
        }
        for here in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"] {
            assert_eq!(check_host(here, true), Ok(()), "{here}");
        }
        assert_eq!(check_host("169.254.169.254", true), Err(Inside));
    }

    /// Forms that no address parser of Rust reads, and a C library does: they are looked at when they are resolved.
    #[test]
    fn a_name_that_stands_for_an_address_inside_is_refused_when_it_is_resolved() {
        let config = || ureq::Agent::config_builder().proxy(None).build();
        let reach = |host: &str, loopback: bool| {
            let agent = ureq::Agent::with_parts(config(), DefaultConnector::default(), Outside::new(loopback));
            // Nobody listens on port 1.
            agent.get(format!("http://{host}:1/")).call().map(drop).unwrap_err()
        };
        for host in ["localhost", "127.1", "2130706433"] {
            match reach(host, false) {
                Error::Other(cause) => assert!(cause.is::<Inside>(), "{host}"),
                // This machine's resolver does not know the form, which is as good.
                Error::Io(_) | Error::HostNotFound if host != "localhost" => {}
                other => panic!("{host}: {other:?}"),
            }
        }
        assert!(!matches!(reach("localhost", true), Error::Other(_)));
    }
}
