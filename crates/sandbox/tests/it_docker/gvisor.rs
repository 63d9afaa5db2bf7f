//! gVisor as the runtime of sandboxes: the servant and its pipe under another kernel.

use std::{env, path::PathBuf, time::Instant};

use sandbox::{
    Exit,
    docker::{Backend, Reach, Settings, Verdict, settings::Container},
};
use serde_json::json;

use crate::{
    engine::Own,
    rig::{Rig, out, run, text},
};

/// A key below `sandbox`, and what sets it.
type Bound = (&'static str, fn(&mut Container));

/// Calls that are timed; the middle one is shown.
const ROUNDS: usize = 21;

/// The program, as its script leaves it.
fn runsc() -> PathBuf {
    let exe = env::current_exe().unwrap();
    let fetched = exe.ancestors().map(|it| it.join("gvisor/runsc")).find(|it| it.is_file());
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = || env::split_paths(&path).map(|it| it.join("runsc")).find(|it| it.is_file());
    fetched.or_else(installed).expect("no runsc: run scripts/gvisor.sh")
}

/// With `--ignore-cgroups` nobody bounds anything, whatever the engine says.
async fn bounds_that_gvisor_is_not_given_are_refused(gateway: &Backend, mut settings: Settings) {
    let shown = gateway.wall(&settings).await;
    let runtime = shown.iter().find(|row| row.key == "docker.runtime").unwrap();
    assert_eq!(runtime.verdict, Verdict::Holds, "{runtime:?}");
    gateway.remove(&gateway.name_of(&settings)).await.unwrap();
    settings.container.user = Some("1000:1000".to_owned());
    let sandbox = gateway.ensure(&settings).await.unwrap();
    assert_eq!(out(&*sandbox, "touch /run/x && echo made").await, "made");
    gateway.remove(&gateway.name_of(&settings)).await.unwrap();

    let bounds: [Bound; 3] = [
        ("docker.memory", |it| it.memory = Some("256m".to_owned())),
        ("docker.pidsLimit", |it| it.pids_limit = Some(64)),
        ("docker.cpus", |it| it.cpus = Some(0.5)),
    ];
    for (key, bound) in bounds {
        let mut settings = settings.clone();
        bound(&mut settings.container);
        let refused = gateway.ensure(&settings).await.err().expect("nothing runs").to_string();
        assert!(refused.contains(&format!("`sandbox.{key}` asks for")), "{refused}");
    }
}

#[tokio::test]
async fn a_sandbox_under_gvisor_has_another_kernel_and_works_by_our_servant() {
    let rig = Rig::new().await;
    // It would share our engine's network namespace, and write to control groups that may be old.
    let args = ["--network=none", "--ignore-cgroups"];
    let runtimes = json!({ "runsc": { "path": runsc(), "runtimeArgs": args } });
    let own = Own::start_with(&rig, &json!({ "runtimes": runtimes })).await;
    let mut settings = rig.settings("gvisor");
    settings.container.runtime = Some("runsc".to_owned());
    let gateway = own.gateway(&rig);

    let (sandbox, reach) = gateway.open(&settings).await.unwrap();

    assert_eq!(reach, Reach::Servant);
    let said = out(&*sandbox, "dmesg | head -n1; pwd; cat /proc/self/status").await;
    assert!(said.contains("Starting gVisor...\n/workspace\n"), "{said}");
    assert!(said.contains("CapEff:\t0000000000000000"), "{said}");
    assert_eq!(run(&*sandbox, "exit 7").await.exit, Exit::Code(7));
    let refused = run(&*sandbox, "touch /usr/x").await;
    assert!(refused.out.contains("Read-only file system"), "{refused:?}");
    let large = "a line\n".repeat(150_000);
    sandbox.write("a/b", large.as_bytes()).await.unwrap();
    assert_eq!(sandbox.read("a/b", 2 << 20).await.unwrap(), large.as_bytes());
    assert_eq!(text(&settings.sandbox_dir.join("a/b")), large);
    sandbox.remove("a/b").await.unwrap();
    assert_eq!(sandbox.stat("a/b").await.unwrap(), None);

    // Another life of the gateway goes on with it.
    let next = own.gateway(&rig).ensure(&settings).await.unwrap();
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        assert_eq!(out(&*next, "echo ok").await, "ok");
        took.push(begin.elapsed());
    }
    took.sort();
    bounds_that_gvisor_is_not_given_are_refused(&own.gateway(&rig), settings).await;
    println!("warm exec under gVisor: {:?}", took[ROUNDS / 2]);
}
