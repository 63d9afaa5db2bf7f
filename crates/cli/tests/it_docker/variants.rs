//! What build arguments put into the image and leave out of it.

use crate::rig::{build, docker};

/// What a shell in `image` says to `command`.
fn inside(image: &str, command: &str) -> String {
    let options = ["run", "--rm", "--label", "openclaw.test=image", "--entrypoint", "sh"];
    docker(&[&options[..], &[image, "-c", command]].concat()).answer()
}

fn size(image: &str) -> String {
    docker(&["image", "inspect", "-f", "{{.Size}}", image]).answer()
}

#[test]
fn packages_come_in_by_either_name_and_an_empty_new_one_keeps_the_old_out() {
    let legacy = build(&["--build-arg", "OPENCLAW_DOCKER_APT_PACKAGES=jq file"]);
    let suppressed = build(&[
        "--build-arg",
        "OPENCLAW_DOCKER_APT_PACKAGES=jq file",
        "--build-arg",
        "OPENCLAW_IMAGE_APT_PACKAGES=",
    ]);

    assert_eq!(inside(&legacy, "echo 1 | jq .; command -v file"), "1\n/usr/bin/file");
    assert_eq!(inside(&suppressed, "command -v jq || echo none"), "none");
    assert_eq!(size(&suppressed), size(&build(&[])), "nothing is added when nothing is asked");
}

#[test]
fn the_slim_variant_has_a_shell_and_no_git_and_no_curl() {
    let slim = build(&["--build-arg", "OPENCLAW_VARIANT=slim"]);

    let found = inside(&slim, "for it in bash ps tini git curl; do command -v $it; done; true");

    assert_eq!(found, "/usr/bin/bash\n/usr/bin/ps\n/usr/bin/tini");
    assert_eq!(inside(&slim, "node dist/index.js --version"), env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_docker_command_line_comes_without_the_daemon() {
    let image = build(&["--build-arg", "OPENCLAW_INSTALL_DOCKER_CLI=yes"]);

    let version = docker(&[
        "run",
        "--rm",
        "--label",
        "openclaw.test=image",
        "--entrypoint",
        "docker",
        &image,
        "--version",
    ]);

    assert!(version.answer().starts_with("Docker version "));
    assert_eq!(inside(&image, "command -v dockerd || echo none"), "none");
}
