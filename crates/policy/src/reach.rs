//! Which addresses of the network what we fetch for others may be at: the public ones. What is
//! near us (this machine, its neighbours, the services of a cloud) trusts us and not them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the public network.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// Whether a list of hosts names `host`. `*.example.org` stands for the names below it only; an
/// empty list names every host.
pub fn is_listed(host: &str, list: &[String]) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    list.is_empty()
        || list.iter().any(|entry| {
            let entry = entry.trim().trim_end_matches('.').to_ascii_lowercase();
            match entry.strip_prefix("*.") {
                Some(above) => host.strip_suffix(above).is_some_and(|it| it.ends_with('.')),
                None => host == entry,
            }
        })
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        // This network, shared by carriers, assigned by protocols, benchmarks, reserved.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let embedded =
        |high: u16, low: u16| is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match ip.segments() {
        // Addresses of version 4 in other clothes: mapped, translated, tunnelled.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        // Only this part is given to the public; of it: tunnels, protocols, documentation.
        [0x2001, next, ..] => next > 0x01ff && next != 0x0db8,
        [0x3fff, next, ..] => next > 0x0fff,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_near_us_is_not_public() {
        let near = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
        ];
        for ip in near {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::",
        ];
        for ip in public {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn a_list_names_hosts_and_what_is_below_them() {
        let list = ["example.org".to_owned(), "*.cdn.example".to_owned()];

        assert!(is_listed("Example.ORG.", &list) && is_listed("a.b.cdn.example", &list));
        for other in ["www.example.org", "cdn.example", "evilcdn.example", "example.org.evil"] {
            assert!(!is_listed(other, &list), "{other}");
        }
        assert!(is_listed("anything", &[]));
    }

    proptest! {
        #[test]
        fn an_address_is_as_public_as_its_mapped_form(bits: u32) {
            let ip = Ipv4Addr::from(bits);
            prop_assert_eq!(is_public(ip.into()), is_public(ip.to_ipv6_mapped().into()));
        }
    }
}
