//! What the script writes: `.env`, the generated Compose file, and where the token comes from.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use super::Rig;

/// The keys that are always there, in their order.
const KEYS: [&str; 10] = [
    "OPENCLAW_CONFIG_DIR",
    "OPENCLAW_WORKSPACE_DIR",
    "OPENCLAW_GATEWAY_PORT",
    "OPENCLAW_BRIDGE_PORT",
    "OPENCLAW_GATEWAY_BIND",
    "OPENCLAW_GATEWAY_TOKEN",
    "OPENCLAW_IMAGE",
    "OPENCLAW_EXTRA_MOUNTS",
    "OPENCLAW_HOME_VOLUME",
    "OPENCLAW_DOCKER_APT_PACKAGES",
];

#[test]
fn the_env_file_has_the_ten_keys_in_order_and_is_its_owners_alone() {
    let rig = Rig::new();

    rig.run(&[]).assert_done();

    let text = rig.read(".env");
    let keys: Vec<&str> = text.lines().filter_map(|it| Some(it.split_once('=')?.0)).collect();
    assert_eq!(keys[..10], KEYS);
    let home = rig.home();
    let expected = format!(
        "OPENCLAW_CONFIG_DIR={home}/.openclaw\nOPENCLAW_WORKSPACE_DIR={home}/.openclaw/workspace\n\
         OPENCLAW_GATEWAY_PORT=18789\nOPENCLAW_BRIDGE_PORT=18790\nOPENCLAW_GATEWAY_BIND=lan\n\
         OPENCLAW_GATEWAY_TOKEN=",
        home = home.display()
    );
    assert!(text.starts_with(&expected), "{text}");
    let token = rig.env("OPENCLAW_GATEWAY_TOKEN").unwrap();
    assert_eq!(token.len(), 64);
    assert!(token.bytes().all(|it| it.is_ascii_hexdigit()));
    let mode = fs::metadata(rig.project().join(".env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn foreign_lines_keep_their_text_and_their_place() {
    let rig = Rig::new();
    let before = "# mine\nANTHROPIC_API_KEY='sk-$1'\r\nOPENCLAW_GATEWAY_PORT=1 # old\n\nFOO=a=b  \n\
                  OPENCLAW_TZ=\nLAST=without a line end";
    fs::write(rig.project().join(".env"), before).unwrap();

    rig.run(&[("OPENCLAW_GATEWAY_PORT", "18801")]).assert_done();

    let text = rig.read(".env");
    let kept = before.replace("PORT=1 # old", "PORT=18801");
    assert!(text.starts_with(&format!("{kept}\nOPENCLAW_CONFIG_DIR=")), "{text}");
    assert_eq!(text.matches("OPENCLAW_GATEWAY_PORT=").count(), 1);
}

#[test]
fn a_line_of_ours_whose_value_stays_is_left_as_it_was_written() {
    let rig = Rig::new();
    let before = "OPENCLAW_GATEWAY_BIND=\"loopback\"\nexport OPENCLAW_BRIDGE_PORT=19000\n";
    fs::write(rig.project().join(".env"), before).unwrap();

    let ran = rig.run(&[]);

    ran.assert_done();
    assert!(rig.read(".env").starts_with(before));
    assert!(ran.out.contains("Bind is loopback"), "{}", ran.out);
}

#[test]
fn values_that_compose_would_read_otherwise_are_quoted() {
    let rig = Rig::new();
    let tricky = rig.path("$HOME is #1").display().to_string();
    let quote = rig.path("it's $5").display().to_string();
    let vars = [("OPENCLAW_CONFIG_DIR", tricky.as_str()), ("OPENCLAW_WORKSPACE_DIR", &quote)];

    rig.run(&vars).assert_done();
    let first = rig.read(".env");
    rig.run(&[]).assert_done();

    let parent = rig.path("");
    let parent = parent.display();
    assert_eq!(
        first.lines().take(2).collect::<Vec<_>>(),
        [
            format!("OPENCLAW_CONFIG_DIR='{parent}$HOME is #1'"),
            format!("OPENCLAW_WORKSPACE_DIR=\"{parent}it's \\$5\""),
        ]
    );
    assert_eq!(rig.read(".env"), first);
    assert!(rig.path("it's $5").is_dir());
}

#[test]
fn a_link_to_an_env_file_stays_a_link() {
    let rig = Rig::new();
    fs::write(rig.path("shared.env"), "FOO=1\n").unwrap();
    symlink("../shared.env", rig.project().join(".env")).unwrap();

    rig.run(&[]).assert_done();

    assert!(rig.project().join(".env").is_symlink());
    assert!(fs::read_to_string(rig.path("shared.env")).unwrap().contains("OPENCLAW_IMAGE="));
}

#[test]
fn the_token_is_the_environments_or_the_configs_or_the_files_or_new() {
    let rig = Rig::new();
    let token = || rig.env("OPENCLAW_GATEWAY_TOKEN").unwrap();

    let fresh = rig.run(&[]);
    let made = token();
    let kept = rig.run(&[]);
    let still = token();
    rig.configure("{gateway: {/* x */ auth: {\"token\": 'from config',}}}");
    let spaced = rig.run(&[]);
    let ignored = token();
    rig.configure("{gateway: {auth: {token: \"${OPENCLAW_GATEWAY_TOKEN}\"}}}");
    rig.run(&[]).assert_done();
    let referred = token();
    rig.configure("{gateway: {auth: {token: \"c0nf=ig\"}}}");
    let config = rig.run(&[]);
    let configured = token();

    assert!(fresh.out.contains("Made a new gateway token"), "{}", fresh.out);
    assert!(!fresh.out.contains(&made), "a token went to what is no terminal");
    assert!(kept.out.contains("Using the gateway token of .env"), "{}", kept.out);
    spaced.assert_done();
    assert_eq!([&still, &ignored, &referred], [&made; 3]);
    assert!(config.out.contains("Using the gateway token of the config"), "{}", config.out);
    assert_eq!(configured, "c0nf=ig");
}

#[test]
fn a_token_of_the_environment_gives_way_to_one_that_the_config_insists_on() {
    let rig = Rig::new();
    rig.run(&[("OPENCLAW_GATEWAY_TOKEN", "mine")]).assert_done();
    assert_eq!(rig.env("OPENCLAW_GATEWAY_TOKEN").as_deref(), Some("mine"));
    rig.steer("onboarded", "{gateway: {auth: {token: 'theirs'}}}");

    let ran = rig.run(&[("OPENCLAW_GATEWAY_TOKEN", "mine")]);

    ran.assert_done();
    assert_eq!(rig.env("OPENCLAW_GATEWAY_TOKEN").as_deref(), Some("theirs"));
    assert!(ran.out.contains("The config has another gateway token"), "{}", ran.out);
    assert!(!ran.out.contains("theirs"));
}

#[test]
fn without_openssl_a_token_is_made_all_the_same() {
    let rig = Rig::new();
    drop(fs::remove_file(rig.path("bin/openssl")));

    rig.run(&[]).assert_done();

    assert_eq!(rig.env("OPENCLAW_GATEWAY_TOKEN").unwrap().len(), 64);
}

#[test]
fn mounts_and_home_go_quoted_to_both_services() {
    let rig = Rig::new();
    let vars = [
        ("OPENCLAW_HOME_VOLUME", "openclaw_home"),
        (
            "OPENCLAW_EXTRA_MOUNTS",
            "/srv/my \"files\":/data/my files:ro, ,/tmp/$x\\y:/x , cache:/cache:rw,~/Zoë:/zoë:z",
        ),
    ];

    let ran = rig.run(&vars);

    ran.assert_done();
    let home = rig.home();
    let home = home.display();
    let volumes = format!(
        r#"    volumes:
      - "openclaw_home:/home/node"
      - "{home}/.openclaw:/home/node/.openclaw"
      - "{home}/.openclaw/workspace:/home/node/.openclaw/workspace"
      - "/srv/my \"files\":/data/my files:ro"
      - "/tmp/$$x\\y:/x"
      - "cache:/cache:rw"
      - "{home}/Zoë:/zoë:z"
"#
    );
    assert_eq!(
        rig.read("docker-compose.extra.yml"),
        format!(
            "# Written by docker-setup.sh at each run, and removed by it.\n\
             # Change OPENCLAW_EXTRA_MOUNTS or OPENCLAW_HOME_VOLUME instead.\n\
             services:\n  openclaw-gateway:\n{volumes}  openclaw-cli:\n{volumes}\
             volumes:\n  \"cache\":\n  \"openclaw_home\":\n"
        )
    );
    assert!(ran.err.contains("WARNING: The mount source /srv/my \"files\" does not exist"));
    assert_eq!(
        rig.env("COMPOSE_FILE").as_deref(),
        Some("docker-compose.yml:docker-compose.extra.yml")
    );
    assert!(ran.out.contains("  docker compose -f docker-compose.yml -f docker-compose.extra.yml"));
}

#[test]
fn the_label_of_the_mounts_stays_in_the_env_file_and_goes_with_a_home() {
    let rig = Rig::new();
    let vars = [("OPENCLAW_HOME_VOLUME", "home"), ("OPENCLAW_BIND_MOUNT_OPTIONS", ":z")];

    rig.run(&vars).assert_done();
    rig.run(&[]).assert_done();

    assert_eq!(rig.env("OPENCLAW_BIND_MOUNT_OPTIONS").as_deref(), Some(":z"));
    let text = rig.read("docker-compose.extra.yml");
    let home = rig.home();
    let home = home.display();
    assert!(text.contains(&format!("\"{home}/.openclaw:/home/node/.openclaw:z\"")), "{text}");
    let workspace = format!("\"{home}/.openclaw/workspace:/home/node/.openclaw/workspace:z\"");
    assert!(text.contains(&workspace), "{text}");
}

#[test]
fn a_generated_file_that_nothing_needs_any_more_is_removed() {
    let rig = Rig::new();
    rig.run(&[("OPENCLAW_EXTRA_MOUNTS", "/tmp:/data")]).assert_done();
    assert!(rig.read("docker-compose.extra.yml").contains("\"/tmp:/data\""));

    rig.run(&[("OPENCLAW_EXTRA_MOUNTS", "")]).assert_done();

    assert!(!rig.project().join("docker-compose.extra.yml").exists());
    assert_eq!(rig.env("COMPOSE_FILE"), None);
    assert_eq!(rig.env("OPENCLAW_EXTRA_MOUNTS").as_deref(), Some(""));
}

#[test]
fn files_of_somebody_elses_making_stay() {
    let rig = Rig::new();
    let extra = "services: {}\n";
    fs::write(rig.project().join("docker-compose.extra.yml"), extra).unwrap();
    fs::write(rig.project().join(".env"), "COMPOSE_FILE=mine.yml\n").unwrap();

    rig.run(&[]).assert_done();

    assert_eq!(rig.read("docker-compose.extra.yml"), extra);
    assert_eq!(rig.env("COMPOSE_FILE").as_deref(), Some("mine.yml"));
}

#[test]
fn a_home_may_be_a_directory_of_this_machine() {
    let rig = Rig::new();
    let home = rig.path("a home").display().to_string();

    rig.run(&[("OPENCLAW_HOME_VOLUME", &home)]).assert_done();

    let text = rig.read("docker-compose.extra.yml");
    assert!(text.contains(&format!("- \"{home}:/home/node\"\n")), "{text}");
    assert!(!text.contains("\nvolumes:"), "{text}");
    assert!(rig.path("a home").is_dir());
}

#[test]
fn relative_directories_are_those_of_the_caller() {
    let rig = Rig::new();
    let script = rig.project().join("docker-setup.sh");
    let mut command = rig.command(&script);
    command.current_dir(rig.path("stand-in"));
    command.env("OPENCLAW_CONFIG_DIR", "conf/").env("OPENCLAW_EXTRA_MOUNTS", "./data:/data");

    assert!(command.status().unwrap().success());

    let place = fs::canonicalize(rig.path("stand-in")).unwrap();
    assert_eq!(rig.env("OPENCLAW_CONFIG_DIR").unwrap(), format!("{}/conf", place.display()));
    let data = format!("\"{}/./data:/data\"", place.display());
    assert!(rig.read("docker-compose.extra.yml").contains(&data));
}
