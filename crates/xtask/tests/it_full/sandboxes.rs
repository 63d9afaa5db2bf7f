//! The images that sandboxed tools run in, built by their scripts.

use std::process::Command;

use crate::rig::{Ran, docker, root};

const BASE: &str = "openclaw-sandbox:test";
const COMMON: &str = "openclaw-sandbox-common:test";

fn build(script: &str, vars: &[(&str, &str)]) {
    let mut command = Command::new(root().join("scripts").join(script));
    let ran = Ran::from(command.envs(vars.iter().copied()).current_dir("/").output().unwrap());
    ran.assert_done();
    assert_eq!(ran.out.lines().last(), Some(format!("Built {}", vars[0].1).as_str()));
}

/// What a command says in a container that is walled in as a sandbox is.
fn inside(image: &str, script: &str) -> String {
    let mut args = vec!["run", "--rm", "--label", "openclaw.test=sandboxes", "--network", "none"];
    args.extend(["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]);
    args.extend([image, "bash", "-ec", script]);
    let ran = docker(&args);
    ran.assert_done();
    ran.out
}

#[test]
fn the_scripts_build_images_with_what_the_guide_says_is_in_them() {
    build("sandbox-setup.sh", &[("TARGET_IMAGE", BASE)]);
    let common = [
        ("TARGET_IMAGE", COMMON),
        ("BASE_IMAGE", BASE),
        ("PACKAGES", "make python3-pip"),
        ("INSTALL_PNPM", "0"),
        ("INSTALL_BUN", "0"),
        ("INSTALL_BREW", "0"),
    ];
    build("sandbox-common-setup.sh", &common);

    let tools =
        "for tool in curl git jq python3 rg; do \"$tool\" --version >/dev/null; done; whoami";
    assert_eq!(inside(BASE, tools), "sandbox\n");
    let more = format!("make --version >/dev/null; pip3 --version >/dev/null; {tools}");
    assert_eq!(inside(COMMON, &more), "sandbox\n");
    let idle = docker(&["image", "inspect", "-f", "{{json .Config.Cmd}}", BASE, COMMON]);
    assert_eq!(idle.out, "[\"sleep\",\"infinity\"]\n[\"sleep\",\"infinity\"]\n");
}
