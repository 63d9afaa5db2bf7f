//! What the script refuses: one line that begins with `ERROR: `, status 1, nothing written and
//! nothing asked of the engine.

use std::fs;

use super::Rig;

fn refuse(rig: &Rig, var: (&str, &str), message: &str) {
    let before = rig.names();

    let ran = rig.run(&[var]);

    assert_eq!(ran.code, Some(1), "{var:?}: {ran:#?}");
    assert_eq!(ran.err, format!("ERROR: {message}\n"), "{var:?}");
    assert_eq!(ran.out, "", "{var:?}");
    assert_eq!(rig.names(), before, "{var:?}");
    let asked = rig.calls();
    assert_eq!(asked, ["compose version", "info"], "{var:?}");
}

#[test]
fn directories_must_be_paths_that_a_mount_can_have() {
    let rig = Rig::new();
    for name in
        ["OPENCLAW_CONFIG_DIR", "OPENCLAW_WORKSPACE_DIR", "OPENCLAW_AUTH_PROFILE_SECRET_DIR"]
    {
        for (value, message) in [
            ("  ", "cannot be empty."),
            ("/a\tb", "contains unsupported control characters."),
            ("/a\nb", "contains unsupported control characters."),
            ("/a\r", "contains unsupported control characters."),
            ("/a:b", "cannot contain a colon: Docker parts mounts at it."),
            ("//", "cannot be the root directory."),
        ] {
            refuse(&rig, (name, value), &format!("{name} {message}"));
        }
    }
}

#[test]
fn home_volumes_must_have_the_name_of_a_volume() {
    let rig = Rig::new();
    let rule = "OPENCLAW_HOME_VOLUME must match [A-Za-z0-9][A-Za-z0-9_.-]* when using a named \
                volume.";
    for name in ["bad name", "a:b", ".x", "-x", "ä", ".."] {
        refuse(&rig, ("OPENCLAW_HOME_VOLUME", name), rule);
    }
    for name in ["/a\tb", "a\nb: {}"] {
        refuse(
            &rig,
            ("OPENCLAW_HOME_VOLUME", name),
            "OPENCLAW_HOME_VOLUME contains unsupported control characters.",
        );
    }
    refuse(
        &rig,
        ("OPENCLAW_HOME_VOLUME", "/a:/b"),
        "OPENCLAW_HOME_VOLUME cannot contain a colon: Docker parts mounts at it.",
    );
    refuse(
        &rig,
        ("OPENCLAW_HOME_VOLUME", "../x"),
        "OPENCLAW_HOME_VOLUME must be an absolute path or the name of a volume.",
    );
}

#[test]
fn mounts_must_have_a_source_a_target_and_known_options() {
    let rig = Rig::new();
    for (mount, why) in [
        ("/a", "the target is missing"),
        (":/b", "the source is missing"),
        ("/a:", "the target must be an absolute path in the container"),
        ("/a:b", "the target must be an absolute path in the container"),
        ("/a:/", "the target cannot be the root directory"),
        ("/a:/b:", "the options are empty"),
        ("/a:/b:rx", "the options can be ro, rw, z, Z, cached, delegated or consistent"),
        ("/a:/b:ro:z", "no part can contain a colon"),
        ("a/b:/c", "the source must be an absolute path or the name of a volume"),
    ] {
        refuse(
            &rig,
            ("OPENCLAW_EXTRA_MOUNTS", &format!("/fine:/fine, {mount}")),
            &format!("Invalid mount format '{mount}'. Expected source:target[:options]; {why}."),
        );
    }
    for injected in ["/a:/b\n    privileged: true", "/a:/b\t"] {
        refuse(
            &rig,
            ("OPENCLAW_EXTRA_MOUNTS", injected),
            "OPENCLAW_EXTRA_MOUNTS cannot contain control characters.",
        );
    }
}

#[test]
fn the_other_settings_are_checked_too() {
    let rig = Rig::new();
    for name in ["OPENCLAW_GATEWAY_PORT", "OPENCLAW_BRIDGE_PORT"] {
        for port in ["0", "65536", "x", "1e3", "-1", "99999999999999999999"] {
            refuse(&rig, (name, port), &format!("{name} must be a port between 1 and 65535."));
        }
    }
    let zone = "OPENCLAW_TZ must be the name of a time zone in /usr/share/zoneinfo, such as \
                Asia/Shanghai.";
    let options = "OPENCLAW_BIND_MOUNT_OPTIONS must be a colon and options, such as :z or :rw,Z.";
    let words = |name: &str, word: &str| {
        format!(
            "{name} contains '{word}', which is not allowed \
                                                  there."
        )
    };
    for (name, value, message) in [
        (
            "OPENCLAW_GATEWAY_BIND",
            "everywhere",
            "OPENCLAW_GATEWAY_BIND must be lan, loopback, tailnet, auto or custom.".to_owned(),
        ),
        ("OPENCLAW_IMAGE", "a b", "OPENCLAW_IMAGE is not the name of an image.".to_owned()),
        ("OPENCLAW_IMAGE", "--rm", "OPENCLAW_IMAGE is not the name of an image.".to_owned()),
        ("OPENCLAW_BIND_MOUNT_OPTIONS", "z", options.to_owned()),
        ("OPENCLAW_BIND_MOUNT_OPTIONS", ":/etc", options.to_owned()),
        ("OPENCLAW_TZ", "../../etc/passwd", zone.to_owned()),
        ("OPENCLAW_TZ", "Moon/Crater", zone.to_owned()),
        ("OPENCLAW_TZ", "Asia", zone.to_owned()),
        (
            "OPENCLAW_DOCKER_APT_PACKAGES",
            "jq;reboot",
            words("OPENCLAW_IMAGE_APT_PACKAGES", "jq;reboot"),
        ),
        (
            "OPENCLAW_IMAGE_APT_PACKAGES",
            "jq --force-yes",
            "OPENCLAW_IMAGE_APT_PACKAGES cannot contain options, such as '--force-yes'.".to_owned(),
        ),
        ("OPENCLAW_IMAGE_PIP_PACKAGES", "$(id)", words("OPENCLAW_IMAGE_PIP_PACKAGES", "$(id)")),
        ("OPENCLAW_BUILD_ARGS", "novalue", words("OPENCLAW_BUILD_ARGS", "novalue")),
        (
            "OPENCLAW_SANDBOX",
            "1\n2",
            "OPENCLAW_SANDBOX contains unsupported control characters.".to_owned(),
        ),
        (
            "OPENCLAW_GATEWAY_TOKEN",
            "a b",
            "OPENCLAW_GATEWAY_TOKEN cannot contain whitespace or control characters.".to_owned(),
        ),
        (
            "OPENCLAW_GATEWAY_TOKEN",
            "a\nFOO=1",
            "OPENCLAW_GATEWAY_TOKEN cannot contain whitespace or control characters.".to_owned(),
        ),
    ] {
        refuse(&rig, (name, value), &message);
    }
}

#[test]
fn the_path_of_the_socket_matters_only_with_sandboxes() {
    let rig = Rig::new();
    let ran = rig.run(&[("OPENCLAW_SANDBOX", "on"), ("OPENCLAW_DOCKER_SOCKET", "/a:b")]);

    assert_eq!(ran.code, Some(1));
    assert!(ran.err.starts_with("ERROR: OPENCLAW_DOCKER_SOCKET cannot contain a colon"));
    rig.run(&[("OPENCLAW_DOCKER_SOCKET", "/a:b")]).assert_done();
}

#[test]
fn an_env_file_that_is_none_is_not_replaced() {
    let rig = Rig::new();
    let place = rig.project().join(".env");
    fs::create_dir(&place).unwrap();

    refuse(&rig, ("OPENCLAW_TZ", ""), &format!("{} is not a file; move it away.", place.display()));
}

#[test]
fn an_unknown_argument_is_answered_with_the_usage() {
    let rig = Rig::new();

    let wrong = rig.run_with(&[], &["--ofline"]);
    let help = rig.run_with(&[], &["--help"]);

    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.starts_with("ERROR: Unknown argument: --ofline\nusage: docker-setup.sh "));
    help.assert_done();
    assert!(help.out.starts_with("usage: docker-setup.sh "));
    assert_eq!(rig.calls(), [""; 0]);
}

#[test]
fn without_docker_it_says_how_to_get_one_and_how_to_do_without() {
    let rig = Rig::new();
    rig.steer("refuse", "^info");
    let stopped = rig.run(&[]);
    rig.steer("refuse", "^compose version");
    let no_compose = rig.run(&[]);
    fs::remove_file(rig.path("bin/docker")).unwrap();
    let before = rig.names();

    let missing = rig.run(&[]);

    for (ran, message) in [
        (&stopped, "ERROR: No Docker engine answers (try: docker info)"),
        (&no_compose, "ERROR: Docker Compose is not available (try: docker compose version)"),
        (&missing, "ERROR: Missing dependency: docker"),
    ] {
        assert_eq!(ran.code, Some(1));
        assert_eq!(ran.err.lines().next(), Some(message));
    }
    assert!(missing.err.contains("`make run`"), "{}", missing.err);
    assert!(missing.err.contains("Get Docker: "), "{}", missing.err);
    assert_eq!(rig.names(), before);
}
