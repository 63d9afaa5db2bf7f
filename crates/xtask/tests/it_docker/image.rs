//! How `docker-setup.sh` gets the gateway's image when it may: by a build, and from a registry.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::rig::{BUILD, LocalImage, Rig, docker, free_port, image, target};

/// How long a run in which nothing has changed may take, the build of the image included.
const RERUN_MAX: Duration = Duration::from_secs(20);

/// How long the registry may take until it listens.
const START_MAX: Duration = Duration::from_secs(10);

const NO_WIZARD: (&str, &str) = ("OPENCLAW_SKIP_ONBOARDING", "1");
const HEALTH: &str = "node dist/index.js health";

#[test]
fn the_script_builds_what_is_asked_for_and_a_failed_build_changes_nothing() {
    let rig = Rig::new("build");
    let borrowed = LocalImage::borrow();
    rig.add_program();
    let packages = |names| [BUILD[0], BUILD[1], NO_WIZARD, ("OPENCLAW_DOCKER_APT_PACKAGES", names)];

    let first = rig.run(&packages("tree"), &[]);
    first.assert_done();
    assert!(first.out.contains("==> Building Docker image: openclaw:local"), "{}", first.out);
    rig.inside(&format!("tree --version && {HEALTH}")).assert_done();
    let id = rig.compose(&["ps", "-q", "openclaw-gateway"]).out;

    // `.env` remembers what to build.
    let begin = Instant::now();
    rig.run(&[BUILD[0]], &[]).assert_done();
    let took = begin.elapsed();
    assert_eq!(rig.compose(&["ps", "-q", "openclaw-gateway"]).out, id);
    assert!(took < RERUN_MAX, "a rerun took {took:?}");
    println!("a rerun with nothing changed, its build included: {took:.1?}");

    let failed = rig.run(&packages("no-such-package-anywhere"), &[]);
    assert!(!failed.is_done);
    assert!(failed.err.contains("ERROR: The image openclaw:local could not be built"));
    assert_eq!(rig.compose(&["ps", "-q", "openclaw-gateway"]).out, id);

    rig.run(&packages(""), &[]).assert_done();
    assert!(!rig.inside("tree --version").is_done);
    rig.inside(HEALTH).assert_done();
    let layers =
        docker(&["history", "--no-trunc", "--format", "{{.Size}} {{.CreatedBy}}", BUILD[0].1]);
    let apt = layers.out.lines().find(|line| line.contains("install.sh apt")).unwrap();
    assert!(apt.starts_with("0B "), "{apt}");
    drop(rig);
    drop(borrowed);
}

#[test]
fn an_image_of_another_name_is_pulled() {
    let rig = Rig::new("pull");
    let registry = Registry::start();
    let name = registry.publish(&image());
    let missing = name.replace(":pulled", ":never-pushed");

    let failed = rig.run(&[NO_WIZARD, ("OPENCLAW_IMAGE", &missing)], &[]);
    let ran = rig.run(&[NO_WIZARD, ("OPENCLAW_IMAGE", &name)], &[]);

    assert!(!failed.is_done);
    let said = format!("ERROR: Cannot pull {missing}: check the name of the image and your access");
    assert!(failed.err.contains(&said), "{}", failed.err);
    ran.assert_done();
    assert!(ran.out.contains(&format!("==> Pulling Docker image: {name}")), "{}", ran.out);
    assert_eq!(rig.env("OPENCLAW_IMAGE"), name);
    rig.inside(HEALTH).assert_done();
    drop(rig);
    docker(&["rmi", &name]).assert_done();
}

/// A registry on loopback, which engines trust without TLS.
struct Registry {
    process: Child,
    dir: tempfile::TempDir,
    port: u16,
}

impl Registry {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: '{}'}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n",
            dir.path().join("data").display()
        );
        let file = dir.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let ours = target().join("registry/docker-registry");
        let program = if ours.is_file() { ours } else { "docker-registry".into() };
        let process = Command::new(program)
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("no registry ({error}): run scripts/registry.sh"));
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begin.elapsed() < START_MAX, "the registry does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        Self { process, dir, port }
    }

    /// Pushes `image` and takes its new name from the engine. Gives that name.
    fn publish(&self, image: &str) -> String {
        let name = format!("127.0.0.1:{}/openclaw:pulled", self.port);
        docker(&["tag", image, &name]).assert_done();
        let pushed = docker(&["push", "-q", &name]);
        let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        assert!(pushed.is_done, "{}\n{log}", pushed.err);
        docker(&["rmi", &name]).assert_done();
        name
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
