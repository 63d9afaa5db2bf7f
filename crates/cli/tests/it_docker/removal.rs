//! `uninstall` and `reset` take the containers along that tools ran in.

use std::fs;

use crate::boxes::Boxed;

#[test]
fn uninstall_removes_the_sandboxes_and_the_state() {
    let boxed = Boxed::after_a_turn();
    let name = boxed.containers().remove(0);

    let dry = boxed.run(&["uninstall", "--all", "--dry-run"]).answer();
    let kept = boxed.containers();
    let text = boxed.run(&["uninstall", "--all", "--yes"]).answer();

    assert!(dry.contains("[dry-run] remove ~/.openclaw (all state)"), "{dry}");
    assert_eq!(kept, [name.as_str()]);
    assert!(text.contains(&format!("removed the sandbox {name}")), "{text}");
    assert_eq!(boxed.containers(), Vec::<String>::new());
    assert_eq!(fs::read_dir(boxed.home.state_dir()).unwrap().count(), 0);
}

#[test]
fn a_sandbox_that_is_on_no_list_goes_too() {
    let boxed = Boxed::after_a_turn();
    fs::write(boxed.list(), r#"{"entries":[]}"#).unwrap();

    let text = boxed.run(&["uninstall", "--state", "--yes"]).answer();

    assert!(text.contains("removed the sandbox "), "{text}");
    assert_eq!(boxed.containers(), Vec::<String>::new());
}

#[test]
fn a_reset_of_the_config_leaves_sandboxes_and_a_wider_one_takes_them() {
    let boxed = Boxed::after_a_turn();
    let config = fs::read_to_string(boxed.home.config_path()).unwrap();

    boxed.run(&["reset", "--scope", "config", "--yes"]).answer();
    let after_config = boxed.containers().len();
    fs::write(boxed.home.config_path(), config).unwrap();
    boxed.run(&["reset", "--scope", "config+creds+sessions", "--yes"]).answer();

    assert_eq!((after_config, boxed.containers().len()), (1, 0));
    assert!(boxed.home.state_dir().join("workspace").exists());
}
