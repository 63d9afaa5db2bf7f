//! What the program says of itself, and of a command line that makes no sense.

use testkit::home::TempHome;

use crate::program::{run, run_with};

#[test]
fn the_version_is_one_bare_line() {
    let home = TempHome::new().unwrap();

    for flag in ["--version", "-V", "-v"] {
        assert_eq!(run(&home, &[flag]).answer(), format!("{}\n", env!("CARGO_PKG_VERSION")));
    }
    let behind_profile = run(&home, &["--profile", "x", "--version"]).answer();
    assert_eq!(behind_profile, format!("{}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_arguments_print_the_root_help() {
    let home = TempHome::new().unwrap();

    insta::assert_snapshot!(run(&home, &[]).answer(), @r#"
    Personal AI assistant: one gateway, many channels

    Usage: openclaw [OPTIONS] [COMMAND]

    Commands:
      gateway     Run the gateway, or talk to the one that runs
      health      Ask the running gateway how it is
      status      Show gateway, agents, sessions and security at a glance
      agent       Say something to an agent and print its reply
      agents      List, add and remove agents
      tui         Chat with the agent in the terminal
      onboard     Set up gateway, model, workspace and channels
      setup       Make the config, the workspace and its starter files
      configure   Change parts of the setup by answering questions
      sessions    List stored conversations
      sandbox     Show and renew the containers that tools run in
      skills      List skills, and say what those lack that cannot be used
      approvals   Show and change which commands may run without asking
      nodes       Show and use the nodes of a gateway
      node        Lend this machine's commands to a gateway
      devices     Let devices in, take their tokens back, send them away
      system      Tell the agent of events, show who is connected
      config      Read and change the configuration
      logs        Show the gateway's log
      doctor      Find out what is wrong, and mend it
      dashboard   Print the address of the Control UI, and open it
      reset       Forget the config, or more, and begin anew
      uninstall   Remove state, workspaces and service; the program itself stays
      completion  Print the completion script for a shell

    Options:
          --dev             Use the state in ~/.openclaw-dev and port 19001
          --profile <NAME>  Use the state in ~/.openclaw-<NAME>
          --no-color        Print without colour
      -V, --version         Print the version
      -h, --help            Print help

    Examples:
      openclaw onboard                            set everything up
      openclaw gateway run --allow-unconfigured   start a gateway right now
      openclaw agent --agent main -m "Hello"      say something to the agent
      openclaw health                             ask whether the gateway is well

    Docs: https://docs.openclaw.ai/cli
    "#);
}

#[test]
fn every_command_has_help_with_an_example() {
    let home = TempHome::new().unwrap();
    let commands = [
        "gateway",
        "gateway run",
        "gateway status",
        "gateway health",
        "gateway call",
        "gateway probe",
        "gateway stop",
        "health",
        "status",
        "agent",
        "agents",
        "agents list",
        "agents add",
        "agents delete",
        "agents set-identity",
        "tui",
        "onboard",
        "setup",
        "configure",
        "sessions",
        "sandbox",
        "sandbox list",
        "sandbox explain",
        "sandbox recreate",
        "skills",
        "skills list",
        "skills info",
        "skills check",
        "config",
        "config get",
        "config set",
        "config unset",
        "config validate",
        "config patch",
        "logs",
        "doctor",
        "dashboard",
        "reset",
        "uninstall",
        "completion",
    ];

    for command in commands {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.push("--help");
        let help = run(&home, &args).answer();
        let first = help.lines().next().unwrap();
        assert!(help.contains("\n\nExample:\n  openclaw "), "{command}: {help}");
        assert!(!first.is_empty() && !first.ends_with('.'), "{command}: {first}");
    }
}

#[test]
fn a_usage_error_is_one_line_with_a_hint_and_exit_code_1() {
    let home = TempHome::new().unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["bogus"], "error: unknown command 'bogus'"),
        (&["gateway", "--bogus"], "error: unknown option '--bogus'"),
        (&["agent", "-m", "health", "--bogus"], "error: unknown option '--bogus'"),
        (&["gateway", "--port", "abc"], "error: Invalid --port value 'abc'"),
        (&["gateway", "--port", "0"], "error: Invalid --port value '0'"),
        (
            &["gateway", "run", "--bind", "moon"],
            "error: Invalid --bind value 'moon' (use loopback, lan, tailnet, auto, custom)",
        ),
        (&["gateway", "--reset"], "error: missing required argument --dev"),
        (&["agent", "--agent", "main"], "error: missing required argument --message <TEXT>"),
        (&["agent", "-m", "hi"], "error: pass --to, --session-id or --agent"),
    ];

    for (args, expected) in cases {
        let (code, stderr) = run(&home, args).failure();
        let lines: Vec<&str> = stderr.lines().collect();
        assert_eq!((code, lines[0]), (Some(1), expected));
        assert!(lines.len() == 2 && lines[1].starts_with("hint: "), "{stderr}");
    }
}

#[test]
fn a_bad_profile_is_exit_code_2() {
    let home = TempHome::new().unwrap();

    for args in [
        &["--profile", "a/b", "health"][..],
        &["--profile"],
        &["--dev", "--profile", "x", "health"],
    ] {
        let (code, stderr) = run(&home, args).failure();
        assert_eq!(code, Some(2), "{stderr}");
    }
}

#[test]
fn a_profile_has_a_config_of_its_own() {
    let home = TempHome::new().unwrap();

    let file = run(&home, &["--profile", "work", "config", "file"]).answer();

    assert_eq!(file, "[home]/.openclaw-work/openclaw.json\n");
}

#[test]
fn colour_comes_only_when_it_is_forced() {
    let home = TempHome::new().unwrap();

    let plain = run(&home, &["bogus"]).stderr;
    let forced = run_with(&home, &["config"], &[("NO_COLOR", ""), ("FORCE_COLOR", "1")]).stderr;
    let flag =
        run_with(&home, &["--no-color", "config"], &[("NO_COLOR", ""), ("FORCE_COLOR", "1")]);

    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert!(forced.contains('\u{1b}'), "{forced:?}");
    assert!(!flag.stderr.contains('\u{1b}'), "{flag:?}");
}

#[test]
fn completion_prints_a_script_and_reads_no_config() {
    let home = TempHome::new().unwrap();
    home.write_config("{ broken").unwrap();

    let zsh = run(&home, &["completion"]).answer();
    let bash = run(&home, &["completion", "-s", "bash"]).answer();

    assert!(zsh.starts_with("#compdef openclaw"), "{zsh}");
    assert!(bash.contains("_openclaw()"), "{bash}");
}

#[test]
fn completion_is_installed_once_however_often_it_is_asked_for() {
    let home = TempHome::new().unwrap();
    let args = ["completion", "--shell", "bash", "--install"];

    let asked = run(&home, &args).answer();
    let untouched = !home.path().join(".bashrc").exists();
    for _ in 0..2 {
        run(&home, &[&args[..], &["--yes"]].concat()).answer();
    }

    let line = "source '[home]/.openclaw/completions/openclaw.bash'\n";
    assert_eq!((asked.as_str(), untouched), (line, true));
    let bashrc = std::fs::read_to_string(home.path().join(".bashrc")).unwrap();
    assert_eq!(bashrc.replace(home.path().to_str().unwrap(), "[home]"), line);
}
