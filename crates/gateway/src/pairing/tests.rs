//! The book of devices, without a disk and a clock.

use proptest::prelude::*;

use super::*;

const MINUTE_MS: i64 = 60_000;

fn ask<'a>(
    device: &'a str,
    scopes: &'a [String],
    about: &'a AboutDevice,
    is_silent: bool,
) -> Ask<'a> {
    Ask {
        device,
        public_key: "key",
        role: "operator",
        scopes,
        about,
        is_silent,
        pins_metadata: true,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| format!("operator.{name}")).collect()
}

fn about() -> AboutDevice {
    AboutDevice { platform: Some("linux".to_owned()), ..AboutDevice::default() }
}

fn waits(outcome: Outcome) -> (String, Reason, bool) {
    match outcome {
        Outcome::Waits { request, reason, is_new, .. } => (request.request_id, reason, is_new),
        Outcome::Admitted { .. } => panic!("let in: {outcome:?}"),
    }
}

fn paired(scopes: &[&str]) -> Book {
    let mut book = Book::default();
    book.ask(&ask("d", &names(scopes), &about(), true), "q", UnixMillis(0));
    book
}

#[test]
fn a_stranger_waits_and_is_let_in_when_approved() {
    let mut book = Book::default();
    let (scopes, about) = (names(&["read"]), about());
    let asks = ask("d", &scopes, &about, false);

    assert_eq!(waits(book.ask(&asks, "q1", UnixMillis(0))), ("q1".into(), Reason::NotPaired, true));
    assert_eq!(
        waits(book.ask(&asks, "q2", UnixMillis(1))),
        ("q1".into(), Reason::NotPaired, false)
    );
    book.approve("q1", Some(&names(&["admin"])), UnixMillis(2)).unwrap();

    let admitted = Outcome::Admitted { approved: None, is_changed: false };
    assert_eq!(book.ask(&asks, "q3", UnixMillis(3)), admitted);
    assert_eq!(book.progress("q1", "d"), Some(Progress::Answered(Fate::Approved { scopes })));
    assert_eq!(book.progress("q1", "other"), None);
}

#[test]
fn a_request_expires_after_five_minutes() {
    let mut book = Book::default();
    let (scopes, about) = (names(&["read"]), about());
    book.ask(&ask("d", &scopes, &about, false), "q1", UnixMillis(0));

    let late = UnixMillis(5 * MINUTE_MS + 1);

    assert_eq!(book.approve("q1", None, late), Err(Refused::UnknownRequest));
    assert_eq!(book.progress("q1", "d"), Some(Progress::Answered(Fate::Expired)));
    assert_eq!(waits(book.ask(&ask("d", &scopes, &about, false), "q2", late)).0, "q2");
}

#[test]
fn asking_for_more_is_another_request_so_that_an_approval_is_for_what_was_read() {
    let mut book = Book::default();
    let about = about();
    book.ask(&ask("d", &names(&["read"]), &about, false), "q1", UnixMillis(0));

    let (id, _, is_new) =
        waits(book.ask(&ask("d", &names(&["admin"]), &about, false), "q2", UnixMillis(1)));

    assert_eq!((&*id, is_new), ("q2", true));
    assert_eq!(book.approve("q1", None, UnixMillis(2)), Err(Refused::UnknownRequest));
    let device = book.approve("q2", None, UnixMillis(2)).unwrap();
    assert_eq!(device.about.scopes, Some(names(&["read", "admin"])));
}

#[test]
fn what_was_approved_covers_less_and_no_more() {
    let mut book = paired(&["write"]);
    let about = about();
    let mut reason = |role: &'static str, scopes: &[&str], platform: &str| {
        let scopes = names(scopes);
        let about = AboutDevice { platform: Some(platform.to_owned()), ..about.clone() };
        let asks = Ask { role, ..ask("d", &scopes, &about, false) };
        match book.ask(&asks, "q", UnixMillis(1)) {
            Outcome::Waits { reason, .. } => Some(reason),
            Outcome::Admitted { .. } => None,
        }
    };

    assert_eq!(reason("operator", &["read"], " Linux "), None);
    assert_eq!(reason("operator", &["pairing"], "linux"), Some(Reason::Scope));
    assert_eq!(reason("node", &[], "linux"), Some(Reason::Role));
    assert_eq!(reason("operator", &["read"], "darwin"), Some(Reason::Metadata));
}

#[test]
fn another_key_is_another_device() {
    let mut book = paired(&["admin"]);
    let (scopes, about) = (names(&["read"]), about());
    let stranger = Ask { public_key: "other", ..ask("d", &scopes, &about, false) };

    let (id, reason, _) = waits(book.ask(&stranger, "q", UnixMillis(1)));
    let device = book.approve(&id, None, UnixMillis(2)).unwrap();

    assert_eq!(reason, Reason::NotPaired);
    assert_eq!(device.about.scopes, Some(scopes));
    assert!(device.tokens.is_empty());
}

#[test]
fn nobody_gives_away_what_they_do_not_have() {
    let mut book = Book::default();
    book.ask(&ask("d", &names(&["admin"]), &about(), false), "q", UnixMillis(0));

    let refused = book.approve("q", Some(&names(&["pairing"])), UnixMillis(1));

    assert_eq!(refused, Err(Refused::Lacks("operator.admin".to_owned())));
    assert!(book.approve("q", Some(&names(&["admin"])), UnixMillis(1)).is_ok());
}

#[test]
fn a_token_is_kept_while_it_serves_and_goes_when_revoked() {
    let mut book = paired(&["admin"]);
    let at = UnixMillis(1);
    let (write, admin) = (names(&["write"]), names(&["admin"]));

    let (first, _) = book.ensure_token("d", ("operator", &write), "t1", at).unwrap();
    let (same, _) = book.ensure_token("d", ("operator", &names(&["read"])), "t2", at).unwrap();
    let (more, _) = book.ensure_token("d", ("operator", &admin), "t3", at).unwrap();

    assert_eq!((&*first.token, &*same.token, &*more.token), ("t1", "t1", "t3"));
    assert!(book.verify("d", "operator", "t1").is_none());
    assert!(book.verify("d", "node", "t3").is_none());
    assert!(book.verify("other", "operator", "t3").is_none());
    assert!(book.verify("d", "operator", "t3").is_some());
    book.revoke("d", "operator", at).unwrap();
    assert!(book.verify("d", "operator", "t3").is_none());
    let (anew, is_new) = book.ensure_token("d", ("operator", &write), "t4", at).unwrap();
    assert_eq!((&*anew.token, is_new, anew.revoked_at_ms), ("t4", true, None));
}

#[test]
fn a_rotated_token_stays_within_what_was_approved_and_what_the_rotator_holds() {
    let mut book = paired(&["write"]);
    let (at, admin) = (UnixMillis(1), names(&["admin"]));
    book.ensure_token("d", ("operator", &names(&["write"])), "t1", at).unwrap();
    let mut rotate = |scopes: Option<&[String]>, held: &[String]| {
        book.rotate("d", ("operator", scopes), ("t2", held), at).map(|it| it.scopes)
    };

    assert_eq!(rotate(None, &admin), Ok(names(&["write"])));
    assert_eq!(rotate(Some(&names(&["read"])), &admin), Ok(names(&["read"])));
    let foreign = Err(Refused::NotApproved("operator.admin".to_owned()));
    assert_eq!(rotate(Some(&admin), &admin), foreign);
    let lacking = Err(Refused::Lacks("operator.write".to_owned()));
    assert_eq!(rotate(Some(&names(&["write"])), &names(&["pairing"])), lacking);
    assert_eq!(
        book.rotate("x", ("operator", None), ("t", &admin), at).map(|_| ()),
        Err(Refused::UnknownDevice)
    );
}

proptest! {
    #[test]
    fn the_book_stays_small_whoever_asks(devices in prop::collection::vec("[a-z]{1,4}", 0..600)) {
        let mut book = Book::default();
        let (scopes, about) = (names(&["read"]), about());
        for (at, device) in devices.iter().enumerate() {
            let now = UnixMillis(i64::try_from(at).unwrap());
            book.ask(&ask(device, &scopes, &about, false), &format!("q{at}"), now);
            prop_assert!(book.records.pending.len() <= PENDING_MAX);
            prop_assert!(book.answered.len() <= ANSWERED_MAX);
            let mine = |it: &&PendingDevice| it.device_id == *device;
            prop_assert_eq!(book.records.pending.values().filter(mine).count(), 1);
        }
        prop_assert!(book.records.paired.is_empty());
    }

    #[test]
    fn only_an_approval_lets_a_device_in(
        steps in prop::collection::vec((0_u8..5, prop::sample::select(vec!["read", "write", "admin"])), 1..20),
    ) {
        let mut book = Book::default();
        let about = about();
        let mut approved: Vec<String> = Vec::new();
        for (at, (step, scope)) in steps.into_iter().enumerate() {
            let now = UnixMillis(i64::try_from(at).unwrap());
            let scopes = names(&[scope]);
            let waiting = book.pending(now).first().cloned();
            match (step, waiting) {
                (0, Some(request)) => {
                    approved.extend(request.about.scopes.clone().unwrap_or_default());
                    book.approve(&request.request_id, None, now).unwrap();
                }
                (1, Some(request)) => {
                    book.reject(&request.request_id, now).unwrap();
                }
                _ => {
                    let outcome = book.ask(&ask("d", &scopes, &about, false), &format!("q{at}"), now);
                    let is_in = matches!(outcome, Outcome::Admitted { .. });
                    let may = !approved.is_empty() && scope::uncovered(&approved, &scopes).is_empty();
                    prop_assert_eq!(is_in, may);
                }
            }
        }
    }
}
