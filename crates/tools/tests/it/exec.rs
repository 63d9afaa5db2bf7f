//! `exec` in the foreground, and on its way to the background.

use std::time::Duration;

use serde_json::json;
use tools::Machine;

use crate::world::{World, details, error, text};

#[tokio::test]
async fn a_command_gives_its_output_and_its_facts() {
    let world = World::new().await;

    let result = world.call("exec", json!({ "command": "printf 'a\\nb\\n'; echo c >&2" })).await;

    assert!(!result.is_error);
    assert_eq!(text(&result).lines().count(), 3);
    let details = details(&result);
    let keys: Vec<&String> = details.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["status", "exitCode", "durationMs", "aggregated", "cwd"]);
    assert_eq!(details["status"], "completed");
    assert_eq!(details["exitCode"], 0);
    assert_eq!(details["aggregated"], text(&result));
    assert_eq!(details["cwd"], world.cx.sandbox.workdir());
}

#[tokio::test]
async fn no_output_is_said_in_words() {
    let world = World::new().await;

    let result = world.call("bash", json!({ "command": "true" })).await;

    assert_eq!(text(&result), "(no output)");
}

#[tokio::test]
async fn a_nonzero_status_is_an_answer_and_not_a_failure() {
    let world = World::new().await;

    let result = world.call("exec", json!({ "command": "echo three; exit 3" })).await;

    assert!(!result.is_error);
    assert_eq!(text(&result), "three\n\n(exit code 3)");
    assert_eq!(details(&result)["exitCode"], 3);
    assert_eq!(details(&result)["aggregated"], "three");
}

#[tokio::test]
async fn commands_that_did_not_run_to_their_own_end_are_failures() {
    let world = World::new().await;
    let cases = [
        (json!({ "command": "no-such-command-here" }), "Command exited with code 127"),
        (json!({ "command": "echo x; kill -TERM $$" }), "x\n\nCommand aborted by signal SIGTERM"),
        (
            json!({ "command": "echo x; sleep 60", "timeout": "0.2" }),
            "x\n\nCommand timed out after 0.2 seconds",
        ),
        (
            json!({ "command": "sleep 60", "timeoutSeconds": 0.1 }),
            "Command timed out after 0.1 seconds",
        ),
        (json!({ "command": "  " }), "Provide a command to start."),
        (json!({}), "Provide a command to start."),
    ];

    for (arguments, expected) in cases {
        let error = error(&world.call("exec", arguments.clone()).await);
        assert!(error.ends_with(expected), "{arguments}: {error}");
    }
}

#[tokio::test]
async fn a_flood_keeps_its_end() {
    let mut world = World::new().await;
    world.limit(|limits| limits.output_chars_max = 1000);

    let command = "head -c 20000000 /dev/zero | tr '\\0' x; echo END";
    let result = world.call("exec", json!({ "command": command })).await;

    let text = text(&result);
    assert!(text.starts_with("Warning: output was long, only its last 1000 characters follow"));
    assert!(text.ends_with("xEND") && text.len() < 1100, "{}", text.len());
    assert_eq!(details(&result)["aggregated"].as_str().map(str::len), Some(999));
}

#[tokio::test]
async fn controls_and_escapes_are_dropped_and_line_ends_stay() {
    let world = World::new().await;

    let command = r"printf 'a\033[1mb\000c\r\nd\342\200\213e\377'";
    let result = world.call("exec", json!({ "command": command })).await;

    assert_eq!(text(&result), "abc\r\nde\u{fffd}");
}

#[tokio::test]
async fn tools_and_arguments_are_understood_by_the_names_that_models_give_them() {
    let world = World::new().await;
    let calls = [
        ("exec", json!({ "cmd": "echo ran" })),
        ("exec", json!({ "command": ["echo", "ran"] })),
        ("exec", json!({ "command": ["bash", "-c", "echo ran"] })),
        ("functions.exec", json!({ "command": "echo ran" })),
        ("default_api:exec", json!({ "command": "echo ran", "timeout_ms": 5000 })),
        ("run_shell_command", json!({ "shell_command": "echo ran", "tty": false })),
        ("exec<|channel|>json", json!({ "script": "echo ran" })),
    ];

    for (tool, arguments) in calls {
        let result = world.call(tool, arguments.clone()).await;
        assert_eq!(text(&result), "ran", "{tool} {arguments}");
    }
    world.call("write_file", json!({ "file_name": "a.txt", "contents": "old" })).await;
    let edit = json!({ "target_file": "a.txt", "search": "old", "replace": "new" });
    world.call("EditFile", edit).await;
    assert_eq!(text(&world.call("ReadFile", json!({ "filePath": "a.txt" })).await), "new");
}

#[tokio::test]
async fn environment_and_directory_are_as_asked() {
    let world = World::new().await;
    world.put("x", "");
    let command = "echo $GREETING $OPENCLAW_SHELL $OPENCLAW_CLI; pwd";

    let result = world
        .call("exec", json!({ "command": command, "env": { "GREETING": "hi" }, "workdir": "/" }))
        .await;

    assert_eq!(text(&result), "hi exec 1\n/");
    assert_eq!(details(&result)["cwd"], "/");
}

#[tokio::test]
async fn a_missing_directory_is_a_warning_and_the_workspace_is_used() {
    let world = World::new().await;

    let result = world.call("exec", json!({ "command": "pwd", "workdir": "nowhere" })).await;

    let text = text(&result);
    assert!(text.starts_with("Warning: workdir nowhere is not a directory"), "{text}");
    assert!(text.ends_with(world.cx.sandbox.workdir()), "{text}");
}

#[tokio::test]
async fn directories_are_put_before_the_path() {
    let mut world = World::new().await;
    world.limit(|limits| limits.exec.path_prepend = vec!["/opt/it's here".to_owned()]);

    let result = world.call("exec", json!({ "command": "echo $PATH" })).await;

    assert!(text(&result).starts_with("/opt/it's here:/"), "{}", text(&result));
}

#[tokio::test]
async fn dangerous_variables_are_refused_on_the_host_and_passed_in_a_sandbox() {
    let mut world = World::new().await;

    for name in ["LD_PRELOAD", "node_options", "PATH"] {
        let refused = world.call("exec", json!({ "command": "true", "env": { name: "x" } })).await;
        assert!(error(&refused).starts_with("Security Violation:"), "{name}");
    }
    world.limit(|limits| limits.machine = Machine::Sandbox("box".to_owned()));
    let env = json!({ "PATH": "/usr/bin:/bin:/mine" });
    let passed = world.call("exec", json!({ "command": "echo $PATH", "env": env })).await;

    assert_eq!(text(&passed), "/usr/bin:/bin:/mine");
}

#[tokio::test]
async fn hosts_that_are_not_there_are_refused() {
    let world = World::new().await;
    let run =
        async |host: &str| world.call("exec", json!({ "command": "echo ran", "host": host })).await;

    assert_eq!(text(&run("auto").await), "ran");
    assert_eq!(text(&run("gateway").await), "ran");
    assert!(error(&run("sandbox").await).contains("no sandbox"));
    assert!(error(&run("moon").await).contains("Unknown host moon"));
}

#[tokio::test]
async fn a_terminal_is_given_when_asked_for() {
    let world = World::new().await;
    let command = "test -t 1 && echo yes; stty size; echo $TERM";

    let result = world.call("exec", json!({ "command": command, "pty": true })).await;

    assert_eq!(text(&result).replace('\r', ""), "yes\n30 120\nxterm-256color");
}

#[tokio::test]
async fn a_slow_command_moves_to_the_background_and_its_end_is_told() {
    let world = World::new().await;

    let result = world
        .call(
            "exec",
            json!({ "command": "echo begun; read x; echo \"  got   $x\"", "yieldMs": 10 }),
        )
        .await;

    assert!(text(&result).starts_with("Still running in the background (session "));
    let details = details(&result);
    let keys: Vec<&String> = details.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["status", "sessionId", "pid", "startedAt", "cwd", "tail"]);
    let id = details["sessionId"].as_str().expect("an id");
    let typed = json!({ "action": "write", "sessionId": id, "data": "it\n" });
    world.call("process", typed).await;
    let (output, end) = world.drain(id).await;
    assert_eq!(output, "begun\n  got   it\n");
    assert_eq!((&end["status"], &end["exitCode"]), (&json!("completed"), &json!(0)));
    world.processes.close();
    world.tasks.close();
    world.tasks.wait().await;
    let ended = world.ended.lock().expect("not poisoned");
    let short: String = id.chars().take(8).collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].text, format!("Exec completed ({short}, code 0) :: begun got it"));
    assert_eq!(ended[0].session, world.cx.session);
}

#[tokio::test]
async fn a_command_of_the_foreground_waits_for_no_input() {
    let world = World::new().await;

    let result = world.call("exec", json!({ "command": "cat; echo done" })).await;

    assert_eq!(text(&result), "done");
}

#[tokio::test]
async fn without_process_commands_stay_in_the_foreground() {
    let mut world = World::new().await;
    world.limit(|limits| limits.background = false);

    let result = world
        .call("exec", json!({ "command": "sleep 0.1; cat; echo done", "background": true }))
        .await;

    let text = text(&result);
    assert!(text.starts_with("Warning: the process tool is not available"), "{text}");
    assert!(text.ends_with("\ndone"), "{text}");
}

#[tokio::test]
async fn a_stopped_turn_kills_what_runs_in_the_foreground() {
    let world = World::new().await;
    let marker = world.path("pid");
    let call = world.call("exec", json!({ "command": "echo $$ > pid; sleep 60" }));
    let stop = async {
        while !marker.exists() || world.text_of("pid").is_empty() {
            tokio::task::yield_now().await;
        }
        world.cx.cancel.cancel();
    };

    let (result, ()) = tokio::join!(call, stop);

    assert_eq!(error(&result), "aborted");
    world.tasks.close();
    tokio::time::timeout(Duration::from_secs(5), world.tasks.wait()).await.expect("it is dead");
}

#[tokio::test]
async fn output_is_reported_while_it_comes() {
    let mut world = World::new().await;
    world.limit(|limits| limits.progress_every = Duration::from_millis(20));

    let command = "for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.02; done";
    world.call("exec", json!({ "command": command })).await;

    let reports = world.reports.lock().expect("not poisoned");
    assert!((2..=10).contains(&reports.len()), "{}", reports.len());
    assert_eq!(details(&reports[0])["status"], "running");
    assert!(text(&reports[0]).starts_with("1\n"));
}
