//! Secrets, proxies and lock-outs, without a socket.

use super::*;
use crate::remote::Vouched;

const LOCKOUT: Duration = Duration::from_mins(5);

fn auth(mode: AuthMode) -> config::Auth {
    let (token, password) = (Some(Secret::new("tok")), Some(Secret::new("pass")));
    config::Auth { token, password, ..config::Auth::of(mode) }
}

fn remote(ip: &str) -> Remote {
    let ip: IpAddr = ip.parse().unwrap();
    Remote {
        ip,
        is_local: ip.is_loopback(),
        is_proxied: false,
        host: None,
        origin: None,
        claims: None,
    }
}

#[test]
fn a_secret_counts_in_either_field() {
    let gate = Gate::default();
    let here = remote("127.0.0.1");
    let verify = |mode, sent: &[Option<&str>]| gate.verify(&auth(mode), sent, &here);

    assert_eq!(verify(AuthMode::Token, &[Some("tok"), None]), Ok(Proof::Token));
    assert_eq!(verify(AuthMode::Token, &[None, Some("tok")]), Ok(Proof::Token));
    assert_eq!(verify(AuthMode::Password, &[Some("pass"), None]), Ok(Proof::Password));
    assert_eq!(verify(AuthMode::Token, &[None, None]), Err(Refused::TokenMissing));
    assert_eq!(verify(AuthMode::Token, &[Some(""), None]), Err(Refused::TokenMissing));
    assert_eq!(verify(AuthMode::Token, &[Some("pass"), None]), Err(Refused::TokenMismatch));
    assert_eq!(verify(AuthMode::Password, &[Some("tok")]), Err(Refused::PasswordMismatch));
    assert_eq!(verify(AuthMode::None, &[]), Ok(Proof::None));
}

#[tokio::test(start_paused = true)]
async fn ten_failures_lock_an_address_for_five_minutes() {
    let gate = Gate::default();
    let (there, elsewhere) = (remote("192.0.2.1"), remote("192.0.2.2"));
    let auth = auth(AuthMode::Token);

    for _ in 0..10 {
        assert_eq!(gate.verify(&auth, &[Some("x")], &there), Err(Refused::TokenMismatch));
    }

    let refused = gate.verify(&auth, &[Some("tok")], &there);
    assert_eq!(refused, Err(Refused::RateLimited(LOCKOUT)));
    assert_eq!(gate.verify(&auth, &[Some("tok")], &elsewhere), Ok(Proof::Token));
    tokio::time::advance(LOCKOUT + Duration::from_secs(1)).await;
    assert_eq!(gate.verify(&auth, &[Some("tok")], &there), Ok(Proof::Token));
}

#[tokio::test(start_paused = true)]
async fn a_host_of_version_6_is_locked_out_with_all_its_addresses() {
    let gate = Gate::default();
    let auth = auth(AuthMode::Token);
    for n in 0..10 {
        let there = remote(&format!("2001:db8::{n:x}"));
        assert_eq!(gate.verify(&auth, &[Some("x")], &there), Err(Refused::TokenMismatch));
    }

    let same = gate.verify(&auth, &[Some("tok")], &remote("2001:db8::ffff"));
    let other = gate.verify(&auth, &[Some("tok")], &remote("2001:db8:0:1::1"));

    assert_eq!((same, other), (Err(Refused::RateLimited(LOCKOUT)), Ok(Proof::Token)));
}

#[test]
fn this_machine_is_never_locked_out_but_a_proxy_on_it_is() {
    let gate = Gate::default();
    let here = remote("127.0.0.1");
    let proxied = Remote { is_local: false, ..here.clone() };
    let auth = auth(AuthMode::Token);

    for _ in 0..50 {
        assert_eq!(gate.verify(&auth, &[Some("x")], &here), Err(Refused::TokenMismatch));
        let _fails = gate.verify(&auth, &[Some("x")], &proxied);
    }

    assert!(gate.verify(&auth, &[Some("tok")], &proxied).unwrap_err().wait().is_some());
    assert_eq!(gate.verify(&auth, &[Some("tok")], &here), Ok(Proof::Token));
}

#[test]
fn ten_thousand_addresses_with_wrong_tokens_are_all_that_is_remembered() {
    let gate = Gate::default();
    let auth = auth(AuthMode::Token);
    let locked = remote("192.0.2.1");
    for _ in 0..10 {
        let _fails = gate.verify(&auth, &[Some("x")], &locked);
    }

    for n in 0..25_000_u32 {
        let there = remote(&std::net::Ipv4Addr::from(0x0a00_0000 + n).to_string());
        let _fails = gate.verify(&auth, &[Some("x")], &there);
    }

    assert!(gate.failures.lock().unwrap().len() <= ADDRESSES_MAX);
    assert!(gate.verify(&auth, &[Some("tok")], &locked).unwrap_err().wait().is_some());
}

#[test]
fn the_word_of_a_proxy_counts_when_it_is_asked_for() {
    let gate = Gate::default();
    let claim = |heard| {
        let claims = Some(Box::new(Claims::Proxy(heard)));
        Remote { claims, ..remote("10.0.0.1") }
    };
    let vouched = claim(Ok(Vouched { user: "mo".to_owned(), scopes: None }));
    let stranger = claim(Err(Unheard::Stranger));
    let auth = auth(AuthMode::TrustedProxy);
    let here = remote("127.0.0.1");

    assert_eq!(gate.verify(&auth, &[], &vouched), Ok(Proof::TrustedProxy));
    let refused = Err(Refused::Proxy(Unheard::Stranger));
    assert_eq!(gate.verify(&auth, &[Some("pass")], &stranger), refused);
    assert_eq!(gate.verify(&auth, &[Some("pass")], &here), Ok(Proof::Password));
    assert_eq!(gate.verify(&auth, &[], &here), Err(Refused::PasswordMissing));
}

#[test]
fn a_tailscale_login_that_cannot_be_asked_about_is_refused_by_name() {
    let gate = Gate::default();
    let claim = |is_complete| {
        let claims = Some(Box::new(Claims::Tailscale { is_complete }));
        Remote { claims, ..remote("10.0.0.1") }
    };
    let auth = auth(AuthMode::Token);

    assert_eq!(gate.verify(&auth, &[], &claim(true)), Err(Refused::TailscaleUnverified));
    assert_eq!(gate.verify(&auth, &[], &claim(false)), Err(Refused::TailscaleProxyMissing));
    assert_eq!(gate.verify(&auth, &[Some("tok")], &claim(true)), Ok(Proof::Token));
}
