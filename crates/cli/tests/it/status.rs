//! `status`: works with and without a gateway.

use testkit::home::TempHome;

use crate::program::{alone, quiet, run, start};

#[test]
fn without_a_gateway_it_tells_what_the_files_say_and_succeeds() {
    let (home, _) = alone();

    let text = run(&home, &["status"]).answer();
    let json = run(&home, &["status", "--json"]).json();

    assert!(text.contains("unreachable (gateway closed (1006)"), "{text}");
    assert_eq!(json["gateway"]["reachable"], false);
    assert_eq!(json["agents"]["defaultId"], "main");
    for key in ["heartbeat", "sessions", "os", "gatewayService", "nodeService", "securityAudit"] {
        assert!(json[key].is_object(), "{key}");
    }
}

#[test]
fn with_a_gateway_it_is_reachable() {
    let home = quiet(TempHome::minimal().unwrap());
    let _gateway = start(&home);

    let text = run(&home, &["status"]).answer();
    let json = run(&home, &["status", "--json", "--deep"]).json();

    assert!(text.contains("· reachable") && text.contains("auth token"), "{text}");
    assert_eq!(json["gateway"]["reachable"], true, "{}", json["gateway"]);
    assert_eq!(json["health"]["ok"], true);
}
