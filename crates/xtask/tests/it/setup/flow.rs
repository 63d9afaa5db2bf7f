//! The order of the work, and what is asked of `docker` on each way through.

use std::fs;

use super::{CONFIGURED, Rig};

/// What the wizard is told on every way.
const ALWAYS: &str = "--no-install-daemon --skip-ui --suppress-gateway-token-output";

const COMPOSE: &str = "compose -f docker-compose.yml";

#[test]
fn a_first_run_builds_onboards_configures_and_starts() {
    let rig = Rig::new();

    let ran = rig.run(&[]);

    ran.assert_done();
    let one_shot = format!("{COMPOSE} run --rm --no-deps -T --entrypoint");
    assert_eq!(
        rig.calls(),
        [
            "compose version".to_owned(),
            "info".to_owned(),
            "build --build-arg OPENCLAW_DOCKER_APT_PACKAGES= -t openclaw:local -f Dockerfile ."
                .to_owned(),
            format!("{one_shot} sh openclaw-gateway -c <script>"),
            format!(
                "{one_shot} node openclaw-gateway dist/index.js onboard {ALWAYS} --mode local \
                 --gateway-bind lan --gateway-auth token --gateway-token-ref-env \
                 OPENCLAW_GATEWAY_TOKEN --non-interactive --accept-risk --flow quickstart \
                 --skip-channels --skip-skills --skip-health"
            ),
            format!(
                "{one_shot} node openclaw-gateway dist/index.js config patch \
                 {{gateway:{{mode:\"local\",bind:\"lan\",controlUi:{{allowedOrigins:\
                 [\"http://localhost:18789\",\"http://127.0.0.1:18789\"]}}}}}}"
            ),
            format!("{COMPOSE} up -d openclaw-gateway"),
            format!("{COMPOSE} exec -T openclaw-gateway node dist/index.js health"),
        ]
    );
    let headings: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("==> ")).collect();
    assert_eq!(
        headings,
        [
            "==> Building Docker image: openclaw:local",
            "==> Fixing data-directory permissions",
            "==> Onboarding (no terminal: safe answers)",
            "==> Provider setup (optional)",
            "==> Starting gateway",
            "==> Gateway running",
        ]
    );
    assert!(ran.out.contains("Control UI: http://127.0.0.1:18789/"), "{}", ran.out);
    assert!(
        ran.out.contains(
            "  docker compose -f docker-compose.yml run --rm openclaw-cli channels login\n"
        )
    );
    assert!(ran.out.contains(
        "  docker compose -f docker-compose.yml exec openclaw-gateway node dist/index.js health \
         --token \"$OPENCLAW_GATEWAY_TOKEN\"\n"
    ));
}

#[test]
fn directories_that_the_engine_cannot_make_later_are_made_first() {
    let rig = Rig::new();

    rig.run(&[]).assert_done();

    for folder in ["identity", "agents/main/agent", "agents/main/sessions", "workspace"] {
        assert!(rig.home().join(".openclaw").join(folder).is_dir(), "{folder}");
    }
    assert!(rig.home().join(".openclaw-auth-profile-secrets").is_dir());
}

#[test]
fn a_second_run_changes_nothing_and_asks_nothing_again() {
    let rig = Rig::new();
    rig.steer("onboarded", CONFIGURED);
    let vars = [("OPENCLAW_EXTRA_MOUNTS", "/tmp:/data:ro"), ("OPENCLAW_HOME_VOLUME", "home")];
    rig.run(&vars).assert_done();
    let files = || (rig.read(".env"), rig.read("docker-compose.extra.yml"), rig.names());
    let before = files();
    rig.calls();

    let again = rig.run(&[]);

    again.assert_done();
    assert_eq!(files(), before);
    assert!(again.out.contains("==> Onboarding (done before)"));
    let compose = "compose -f docker-compose.yml -f docker-compose.extra.yml";
    assert_eq!(
        rig.calls()[3..],
        [
            format!("{compose} run --rm --no-deps -T --entrypoint sh openclaw-gateway -c <script>"),
            format!("{compose} up -d openclaw-gateway"),
            format!("{compose} exec -T openclaw-gateway node dist/index.js health"),
        ]
    );
}

#[test]
fn another_image_is_pulled() {
    let rig = Rig::new();

    rig.run(&[("OPENCLAW_IMAGE", "mirror.example/openclaw:2026.11")]).assert_done();
    let pulls = rig.calls();
    rig.steer("refuse", "^pull ");
    let refused = rig.run(&[]);

    assert_eq!(pulls[2], "pull mirror.example/openclaw:2026.11");
    assert_eq!(refused.code, Some(1));
    assert_eq!(
        refused.err,
        "ERROR: Cannot pull mirror.example/openclaw:2026.11: check the name of the image and your \
         access to it.\n"
    );
}

#[test]
fn offline_neither_builds_nor_pulls_and_needs_the_image() {
    let rig = Rig::new();

    let without = rig.run_with(&[], &["--offline"]);
    rig.calls();
    rig.steer("images", "openclaw:local\n");
    let with = rig.run_with(&[], &["--offline"]);

    assert_eq!(without.code, Some(1));
    assert!(without.err.starts_with("ERROR: --offline needs the image openclaw:local preloaded"));
    with.assert_done();
    let calls = rig.calls();
    assert!(!calls.iter().any(|it| it.starts_with("build") || it.starts_with("pull")), "{calls:?}");
    let (runs, ups): (Vec<_>, Vec<_>) = calls[4..calls.len() - 1]
        .iter()
        .partition(|it| it.contains(" run --rm --no-deps -T --pull never "));
    assert_eq!(runs.len(), 3);
    assert_eq!(ups, [&format!("{COMPOSE} up -d --pull never --no-build openclaw-gateway")]);
}

#[test]
fn every_variable_of_the_build_reaches_it() {
    let rig = Rig::new();
    let vars = [
        ("OPENCLAW_DOCKER_APT_PACKAGES", "old"),
        ("OPENCLAW_IMAGE_APT_PACKAGES", "ffmpeg jq"),
        ("OPENCLAW_IMAGE_PIP_PACKAGES", "requests[socks]>=2"),
        ("OPENCLAW_INSTALL_DOCKER_CLI", "1"),
        ("OPENCLAW_INSTALL_BROWSER", "1"),
        ("OPENCLAW_EXTENSIONS", "matrix"),
        ("OPENCLAW_BUILD_ARGS", "BASE_IMAGE=mine/debian:12 CARGO_BUILD_JOBS=1"),
    ];

    rig.run(&vars).assert_done();

    assert_eq!(
        rig.calls()[2],
        "build --build-arg OPENCLAW_DOCKER_APT_PACKAGES=ffmpeg jq \
         --build-arg OPENCLAW_IMAGE_APT_PACKAGES=ffmpeg jq \
         --build-arg OPENCLAW_IMAGE_PIP_PACKAGES=requests[socks]>=2 \
         --build-arg OPENCLAW_EXTENSIONS=matrix --build-arg OPENCLAW_INSTALL_BROWSER=1 \
         --build-arg OPENCLAW_INSTALL_DOCKER_CLI=1 --build-arg BASE_IMAGE=mine/debian:12 \
         --build-arg CARGO_BUILD_JOBS=1 -t openclaw:local -f Dockerfile ."
    );
    assert!(fs::read_to_string(rig.path("stand-in/env")).unwrap().contains("OPENCLAW_IMAGE="));
}

#[test]
fn an_empty_new_name_of_the_packages_beats_the_old_one() {
    let rig = Rig::new();
    let vars = [("OPENCLAW_DOCKER_APT_PACKAGES", "old"), ("OPENCLAW_IMAGE_APT_PACKAGES", "")];

    rig.run(&vars).assert_done();
    let suppressed = rig.calls().swap_remove(2);
    rig.run(&vars[..1]).assert_done();
    rig.calls();
    rig.run(&[]).assert_done();

    assert!(suppressed.contains("OPENCLAW_DOCKER_APT_PACKAGES= -t"), "{suppressed}");
    assert!(rig.calls()[2].contains("OPENCLAW_DOCKER_APT_PACKAGES=old "));
}

#[test]
fn state_of_another_owner_is_given_to_the_gateways_user() {
    let rig = Rig::new();
    rig.steer("owner", "1234:1234\n");

    rig.run(&[]).assert_done();
    let fix = rig.calls().swap_remove(4);
    rig.steer("refuse", "--user root");
    let refused = rig.run(&[]);

    assert_eq!(
        fix,
        format!(
            "{COMPOSE} run --rm --no-deps -T --user root --entrypoint sh openclaw-gateway -c \
             <script> sh 1234:1234"
        )
    );
    refused.assert_done();
    assert!(refused.err.starts_with("WARNING: The engine did not let the owner of "));
}

#[test]
fn onboarding_can_be_left_out_and_told_what_to_answer() {
    let rig = Rig::new();

    let skipped = rig.run(&[("OPENCLAW_SKIP_ONBOARDING", "Yes")]);
    let calls = rig.calls();
    let told = rig.run_with(
        &[("OPENCLAW_SKIP_ONBOARDING", "0")],
        &["--", "--flow=advanced", "--gateway-token", "a b", "--gateway-bind", "auto"],
    );

    skipped.assert_done();
    assert!(!calls.iter().any(|it| it.contains(" onboard ")), "{calls:?}");
    told.assert_done();
    let expected = format!(
        "onboard {ALWAYS} --mode local --gateway-auth token --non-interactive --accept-risk \
         --skip-channels --skip-skills --skip-health --flow=advanced --gateway-token a b \
         --gateway-bind auto"
    );
    assert!(rig.calls()[4].ends_with(&expected));
}

#[test]
fn a_failed_step_ends_the_run_and_the_next_one_goes_on() {
    let rig = Rig::new();
    for (step, message) in [
        ("^build ", "ERROR: The image openclaw:local could not be built"),
        (" onboard ", "ERROR: Onboarding did not finish"),
        (" config patch ", "ERROR: The config could not be changed"),
        (" up -d ", "ERROR: The gateway could not be started"),
    ] {
        rig.steer("refuse", step);

        let failed = rig.run(&[]);

        assert_eq!(failed.code, Some(1), "{failed:#?}");
        assert!(failed.err.contains(message), "{failed:#?}");
    }
    let token = rig.env("OPENCLAW_GATEWAY_TOKEN");
    fs::remove_file(rig.path("stand-in/refuse")).unwrap();

    rig.run(&[]).assert_done();

    assert_eq!(rig.env("OPENCLAW_GATEWAY_TOKEN"), token);
    let mut names = rig.names();
    names.retain(|it| it.contains(".new"));
    assert_eq!(names, [""; 0]);
}

#[test]
fn a_gateway_that_crashes_is_shown_with_its_log() {
    let rig = Rig::new();
    rig.program(
        "docker",
        &super::DOCKER.replace(
            "case \"$line\" in\n  --version)",
            "case \"$line\" in\n  *' ps -aq '*) echo 0123 ;;\n  inspect*) echo 3 ;;\n  *' logs '*) \
             echo 'gateway start blocked' ;;\n  --version)",
        ),
    );
    rig.steer("refuse", " exec ");

    let ran = rig.run(&[]);

    assert_eq!(ran.code, Some(1));
    assert_eq!(
        ran.err,
        "gateway start blocked\nERROR: The gateway does not answer; its log is above.\n"
    );
}

#[test]
fn a_compose_file_of_the_users_own_goes_along() {
    let rig = Rig::new();
    fs::write(rig.project().join("docker-compose.override.yml"), "services: {}\n").unwrap();

    rig.run(&[]).assert_done();

    assert_eq!(
        rig.calls().last().unwrap(),
        "compose -f docker-compose.yml -f docker-compose.override.yml exec -T openclaw-gateway \
         node dist/index.js health"
    );
}

#[test]
fn origins_follow_the_port_unless_somebody_else_wrote_them() {
    let rig = Rig::new();
    rig.steer("onboarded", CONFIGURED);
    rig.run(&[]).assert_done();
    rig.calls();

    rig.run(&[("OPENCLAW_GATEWAY_PORT", "18801")]).assert_done();
    let moved = rig.calls();
    rig.configure(&CONFIGURED.replace("http://localhost:18789", "https://claw.example"));
    rig.run(&[("OPENCLAW_GATEWAY_PORT", "18802")]).assert_done();
    let kept = rig.calls();

    let patches = |calls: &[String]| -> Vec<String> {
        let patch = |it: &String| Some(it.split_once(" config patch ")?.1.to_owned());
        calls.iter().filter_map(patch).collect()
    };
    assert_eq!(
        patches(&moved),
        ["{gateway:{controlUi:{allowedOrigins:[\"http://localhost:18801\",\
          \"http://127.0.0.1:18801\"]}}}"]
    );
    assert_eq!(patches(&kept), [""; 0]);
}

#[test]
fn podmans_docker_needs_a_compose_of_its_own() {
    let rig = Rig::new();
    let podman = super::DOCKER.replace("Docker version 28.0.0", "podman version 4.3.1");
    rig.program("docker", &podman);
    rig.steer("refuse", "^compose version");

    let without = rig.run(&[]);
    rig.program(
        "podman-compose",
        "#!/bin/sh\nexec \"$(dirname \"$0\")/docker\" podman-compose \"$@\"\n",
    );
    let with = rig.run(&[]);

    assert_eq!(without.code, Some(1));
    assert!(without.err.contains("With Podman: install podman-compose"), "{}", without.err);
    with.assert_done();
    assert!(with.out.contains("  podman-compose -f docker-compose.yml logs -f openclaw-gateway"));
}
