//! Which address a request counts against. It is used for the limits and for nothing else: it is never stored, logged or
//! forwarded.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// A visitor's address as far as the limit tells visitors apart: an IPv4 address, or the /64 of an IPv6 address, since
/// one household has a whole /64.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Visitor(IpAddr);

impl From<IpAddr> for Visitor {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into()),
            v4 => Self(v4),
        }
    }
}

/// The proxies whose word is believed.
#[derive(Clone, Debug)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The visitor behind a request: the peer; or, where the peer is a trusted proxy, the right-most address in
    /// `x-forwarded-for` that is not one. Each proxy appends the address it was called from, so what stands further left
    /// is a claim that anyone may make.
    pub(crate) fn visitor(&self, peer: SocketAddr, headers: &HeaderMap) -> Visitor {
        let peer = peer.ip().to_canonical();
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
        let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let mut nearest = peer;
        for hop in hops {
            if !self.trusts(nearest) {
                break;
            }
            let Some(address) = parse_hop(hop) else { break };
            nearest = address;
        }
        nearest.into()
    }

    /// Whether `address` is a proxy, behind which many visitors are.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let with_port = || hop.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse().or_else(|_| with_port()).ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(trusted: &[&str], peer: &str, forwarded: &[&str]) -> Visitor {
        let proxies = TrustedProxies::new(trusted.iter().map(|net| net.parse().unwrap()).collect());
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        proxies.visitor(SocketAddr::new(peer.parse().unwrap(), 9_999), &headers)
    }

    fn address(text: &str) -> Visitor {
        Visitor::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn an_untrusted_peer_is_the_visitor_whatever_it_claims() {
        assert!(visitor(&[], "192.0.2.1", &["198.51.100.7"]) == address("192.0.2.1"));
        assert!(visitor(&["10.0.0.0/8"], "192.0.2.1", &["198.51.100.7"]) == address("192.0.2.1"));
    }

    #[test]
    fn behind_trusted_proxies_the_right_most_untrusted_address_counts() {
        let trusted = ["10.0.0.0/8", "203.0.113.5/32"];
        assert!(visitor(&trusted, "10.0.0.1", &["1.1.1.1, 192.0.2.1"]) == address("192.0.2.1"));
        assert!(visitor(&trusted, "10.0.0.1", &["1.1.1.1, 192.0.2.1, 203.0.113.5"]) == address("192.0.2.1"));
        assert!(visitor(&trusted, "10.0.0.1", &["1.1.1.1", "192.0.2.1", "10.2.3.4"]) == address("192.0.2.1"));
        assert!(visitor(&trusted, "::ffff:10.0.0.1", &["192.0.2.1:4431"]) == address("192.0.2.1"));
        assert!(visitor(&trusted, "10.0.0.1", &["[2001:db8::1]:80"]) == address("2001:db8::1"));
    }

    #[test]
    fn without_a_legible_hop_the_last_known_proxy_counts() {
        assert!(visitor(&["10.0.0.0/8"], "10.0.0.1", &[]) == address("10.0.0.1"));
        assert!(visitor(&["10.0.0.0/8"], "10.0.0.1", &["192.0.2.1, unknown"]) == address("10.0.0.1"));
    }

    #[test]
    fn an_ipv6_household_is_one_visitor() {
        assert!(address("2001:db8:1:2::1") == address("2001:db8:1:2:ffff::9"));
        assert!(address("2001:db8:1:2::1") != address("2001:db8:1:3::1"));
        assert!(address("::ffff:192.0.2.1") == address("192.0.2.1"));
    }
}
