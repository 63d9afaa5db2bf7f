//! `docker-setup.sh` building all there is to build in.

use std::fs;

use crate::rig::{BUILD, LocalImage, Rig, docker};

/// What this machine trusts, which may be more than Debian does: pip goes by it.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

#[test]
fn the_script_builds_in_python_packages_a_browser_and_the_docker_command() {
    let rig = Rig::new("build-all");
    let borrowed = LocalImage::borrow();
    rig.add_program();
    let base = base_with_certificates();
    let arguments = format!("{} BASE_IMAGE={base}", BUILD[1].1);
    let vars = [
        BUILD[0],
        (BUILD[1].0, &arguments),
        ("OPENCLAW_SKIP_ONBOARDING", "1"),
        ("OPENCLAW_IMAGE_APT_PACKAGES", "tree jq"),
        ("OPENCLAW_IMAGE_PIP_PACKAGES", "tomli==2.2.1 humanize"),
        ("OPENCLAW_INSTALL_BROWSER", "1"),
        ("OPENCLAW_INSTALL_DOCKER_CLI", "1"),
    ];

    let ran = rig.run(&vars, &[]);

    ran.assert_done();
    rig.inside("tree --version && jq --version && docker --version").assert_done();
    rig.inside("python3 -c 'import humanize, tomli; print(tomli.__file__)'").assert_done();
    let page = "cd /tmp && chromium --headless=new --no-sandbox --disable-gpu --dump-dom \
                'data:text/html,<script>document.write(6*7)</script>'";
    let shown = rig.inside(page);
    assert!(shown.out.contains("42"), "{}\n{}", shown.out, shown.err);
    rig.inside("Xvfb -help 2>&1 | grep -q screen && node dist/index.js health").assert_done();
    drop(rig);
    drop(borrowed);
}

/// Debian with the certificates of this machine, as somebody behind a proxy makes it.
fn base_with_certificates() -> &'static str {
    let name = "openclaw-test:base";
    let dir = tempfile::tempdir().unwrap();
    fs::copy(CERTIFICATES, dir.path().join("machine.crt")).unwrap();
    let text = "FROM debian:bookworm-slim\nCOPY machine.crt /usr/local/share/ca-certificates/\n";
    fs::write(dir.path().join("Dockerfile"), text).unwrap();
    let label = "openclaw.test.image=1";
    docker(&["build", "-q", "--label", label, "-t", name, dir.path().to_str().unwrap()])
        .assert_done();
    name
}
