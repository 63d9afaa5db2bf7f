//! The gateway's and the host's secrets, and the way out of the network.

use serde_json::json;

use crate::rig::{Rig, shell};

#[tokio::test]
async fn no_environment_in_the_sandbox_has_anything_of_the_gateway_s() {
    let rig = Rig::new().await;
    let inside = rig.boxed("environment").await;
    let gateway: Vec<String> = std::env::vars()
        .filter(|(name, _)| name.starts_with("CARGO") || name.starts_with("NEXTEST"))
        .map(|(name, _)| name)
        .collect();
    assert!(!gateway.is_empty(), "the gateway has an environment to keep");

    let everywhere =
        inside.exec("env; cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'").await;
    let first = inside.call("read", json!({ "path": "/proc/self/environ" })).await;

    for name in gateway {
        assert!(!everywhere.contains(&name) && !first.contains(&name), "{name}");
    }
    assert!(everywhere.contains("LANG=C.UTF-8"), "{everywhere}");
    inside.abuse_by_shell("cat /proc/1/environ", "Permission denied").await;
    inside.abuse(shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '", "openclaw-boxd")).await;
}

#[tokio::test]
async fn the_gateway_s_state_is_out_of_sight() {
    let rig = Rig::new().await;
    let settings = rig.settings("state");
    std::fs::write(rig.home.join("openclaw.json"), crate::rig::SECRET).unwrap();
    let inside = rig.enter(&settings).await;
    let state = rig.home.display();

    for place in ["openclaw.json", "sandboxes", "sandbox/containers.json", "workspace", "canary"] {
        inside.abuse_by_shell(&format!("cat {state}/{place}"), "No such file").await;
        for way in ["/proc/1/root", "/proc/1/cwd/..", "/proc/self/root", "/workspace/../.."] {
            let path = format!("{way}{state}/{place}");
            inside.abuse(("read", json!({ "path": path }), "")).await;
            let said = inside.call("read", json!({ "path": path })).await;
            assert!(said.contains("not found") || said.contains("denied"), "{path}: {said}");
        }
    }
    // The mount table names the directory of the sandbox and no other of the host.
    let mounts = inside.exec("cat /proc/self/mountinfo").await;
    assert!(!mounts.contains("canary") && !mounts.contains("docker.sock"), "{mounts}");
    let sockets =
        "find / -xdev -type s 2>/dev/null; find / -name '*docker*.sock' 2>/dev/null; true";
    assert_eq!(inside.exec(sockets).await, "(no output)");
}

#[tokio::test]
async fn without_a_network_nothing_gets_out_and_nothing_is_there_to_be_reached() {
    let rig = Rig::new().await;
    let inside = rig.boxed("network").await;

    assert_eq!(inside.exec("ls /sys/class/net").await, "lo");
    assert_eq!(inside.exec("tail -n +2 /proc/net/route | wc -l").await, "0");
    for place in ["1.1.1.1/53", "172.17.0.1/80", "169.254.169.254/80", "10.0.0.1/22"] {
        let line = format!("bash -c 'exec 3<>/dev/tcp/{place}'");
        inside.abuse_by_shell(&line, "Network is unreachable").await;
        let line = format!("bash -c 'echo x >/dev/udp/{place}'");
        inside.abuse_by_shell(&line, "Network is unreachable").await;
    }
    for name in ["example.com", "host.docker.internal", "gateway.docker.internal"] {
        inside.abuse_by_shell(&format!("getent hosts {name}"), "").await;
    }
    // The gateway and the engine listen on the host's loopback, which is another one.
    let host = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = host.local_addr().unwrap().port();
    let line = format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}'");
    inside.abuse_by_shell(&line, "Connection refused").await;
    // Sockets without a name belong to a network, too.
    let raw = "perl -e 'use Socket; socket(S, 2, 3, 1) or die \"$!\\n\"'";
    inside.abuse_by_shell(raw, "Operation not permitted").await;
    let packet = "perl -e 'socket(S, 17, 3, 768) or die \"$!\\n\"'";
    inside.abuse_by_shell(packet, "Operation not permitted").await;
    let netlink = "perl -e 'socket(S, 16, 3, 0) or die; print \"lo only\\n\"; exit 1'";
    inside.abuse_by_shell(netlink, "lo only").await;
}
