//! The law of the wizard: what is asked when, and that any person gets to a valid end.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use config::{Env, Locations};
use domain::{SystemClock, UnixMillis};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Check, Place,
    facts::{TOKEN_VARIABLE, Token},
    language::Language,
    preview,
    setup::{Auth, Reset, Target},
};

/// A machine without a disk: a home that is not there, and a config text.
struct Machine {
    locations: Locations,
    env: Env,
    facts: Facts,
}

impl Machine {
    fn new(config: &Value, vars: &[(&str, &str)]) -> Self {
        let vars = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let env = Env::of(vars, "/nonexistent/home", "/nonexistent/here");
        let locations = Locations::find(&env, None, false).unwrap();
        let loaded = config::load_text(&config.to_string(), &locations, &env);
        assert!(loaded.snapshot.valid, "{:?}", loaded.snapshot.problems);
        let fresh = Secret::new("f".repeat(48));
        let mut facts = Facts::of(&loaded.snapshot, &locations, &env, fresh);
        facts.exists = *config != json!({});
        Self { locations, env, facts }
    }

    fn empty() -> Self {
        Self::new(&json!({}), &[])
    }

    fn wizard(&self, flags: Flags) -> Wizard {
        Wizard::onboard(self.facts.clone(), flags, "onboard").unwrap().with_risk_accepted()
    }

    fn place(&self) -> Place<'_> {
        Place {
            locations: &self.locations,
            env: &self.env,
            version: "2026.11.0",
            now: UnixMillis(0),
            seeds: &[],
        }
    }

    /// The config that `plan` makes out of nothing.
    fn written(&self, plan: &Plan) -> Value {
        preview(plan, &self.place()).unwrap().loaded.snapshot.parsed
    }
}

fn one(value: &str) -> Answer {
    Answer::One(value.to_owned())
}

fn secret(text: &str) -> Answer {
    Answer::Secret(Secret::new(text))
}

fn line(text: &str) -> Answer {
    Answer::Text(text.to_owned())
}

fn asked(wizard: &Wizard) -> Ask {
    let turn = wizard.turn();
    let Turn::Ask(question) = turn else { panic!("{turn:?}") };
    question.ask
}

/// Answers the questions in order; each must be the one that is asked.
fn answer_all(wizard: &mut Wizard, answers: &[(Ask, Answer)]) {
    for (ask, answer) in answers {
        if matches!(wizard.turn(), Turn::Check(_)) {
            wizard.checked(Ok(()));
        }
        assert_eq!(asked(wizard), *ask);
        wizard.answer(answer.clone()).unwrap();
    }
}

fn decided(wizard: &Wizard) -> Box<Setup> {
    let turn = wizard.turn();
    let Turn::Done(setup) = turn else { panic!("{turn:?}") };
    setup
}

fn refused_key() -> Failed {
    Failed { reason: "auth", text: "HTTP 401".to_owned() }
}

#[test]
fn quickstart_asks_for_a_model_and_channels_and_has_defaults_for_the_rest() {
    let machine = Machine::empty();
    let mut wizard = machine.wizard(Flags::default());

    answer_all(
        &mut wizard,
        &[
            (Ask::Flow, one("quickstart")),
            (Ask::Provider, one("openai-api-key")),
            (Ask::Key, secret(" sk-1 ")),
            (Ask::Model, one("gpt-5.2")),
            (Ask::Channels, Answer::Many(vec!["telegram".to_owned()])),
            (Ask::TelegramToken, secret("12:ab")),
            (Ask::Confirm, one("write")),
        ],
    );

    let setup = decided(&wizard);
    let config = machine.written(&wizard.plan(&setup));
    assert_eq!(config["gateway"]["auth"]["token"], json!("f".repeat(48)));
    assert_eq!(config["gateway"]["bind"], json!("loopback"));
    assert_eq!(config["agents"]["defaults"]["model"], json!({"primary": "openai/gpt-5.2"}));
    assert_eq!(config["channels"], json!({"telegram": {"enabled": true, "botToken": "12:ab"}}));
    assert_eq!(config["wizard"]["lastRunCommand"], json!("onboard"));
    let plan = wizard.plan(&setup);
    let (name, key) = plan.variable.unwrap();
    assert_eq!((name, key.expose()), ("OPENAI_API_KEY", "sk-1"));
    assert!(plan.profile.is_none());
}

#[test]
fn the_first_question_is_whether_the_risk_is_known_and_no_ends_it() {
    let machine = Machine::empty();
    let mut wizard = Wizard::onboard(machine.facts.clone(), Flags::default(), "onboard").unwrap();

    assert_eq!(asked(&wizard), Ask::Risk);
    wizard.answer(Answer::Yes(false)).unwrap();

    assert!(matches!(wizard.turn(), Turn::Declined));
}

#[test]
fn a_refused_key_loses_no_other_answer() {
    let machine = Machine::empty();
    let mut wizard = machine.wizard(Flags::default());
    answer_all(
        &mut wizard,
        &[
            (Ask::Flow, one("advanced")),
            (Ask::Mode, one("local")),
            (Ask::Workspace, line("~/w")),
            (Ask::Provider, one("apiKey")),
            (Ask::Key, secret("bad")),
            (Ask::Model, one("claude-sonnet-4-5")),
        ],
    );

    wizard.checked(Err(refused_key()));
    let offered = wizard.turn();
    wizard.answer(one("key")).unwrap();
    answer_all(&mut wizard, &[(Ask::Key, secret("good"))]);
    let Turn::Check(again) = wizard.turn() else { panic!("no second check") };
    wizard.checked(Ok(()));

    let Turn::Ask(question) = offered else { panic!("{offered:?}") };
    assert_eq!(question.ask, Ask::CheckFailed);
    assert!(question.message.contains("HTTP 401") && question.message.contains("Copy it again"));
    assert_eq!(again.0.secret.as_ref().unwrap().expose(), "good");
    assert_eq!(again.0.reference().unwrap(), "anthropic/claude-sonnet-4-5");
    assert_eq!(asked(&wizard), Ask::Port);
    assert_eq!(decided_workspace(&wizard), "/nonexistent/home/w");
}

fn decided_workspace(wizard: &Wizard) -> String {
    let plan = wizard.plan(&wizard.setup());
    plan.patch.pointer("/agents/defaults/workspace").unwrap().as_str().unwrap().to_owned()
}

#[test]
fn a_key_can_be_kept_untried_and_a_model_left_out_after_a_failure() {
    let machine = Machine::empty();
    let answers = [
        (Ask::Flow, one("quickstart")),
        (Ask::Provider, one("apiKey")),
        (Ask::Key, secret("k")),
        (Ask::Model, one("claude-opus-4-6")),
    ];
    let failed = || {
        let mut wizard = machine.wizard(Flags::default());
        answer_all(&mut wizard, &answers);
        wizard.checked(Err(refused_key()));
        wizard
    };
    let (mut kept, mut skipped) = (failed(), failed());

    kept.answer(one("keep")).unwrap();
    skipped.answer(one("skip")).unwrap();

    assert_eq!((asked(&kept), asked(&skipped)), (Ask::Channels, Ask::Channels));
    assert!(kept.setup().model.is_some());
    assert!(skipped.setup().model.is_none());
}

#[test]
fn going_back_asks_the_question_before_and_passes_over_what_flags_said() {
    let machine = Machine::empty();
    let flags = Flags { mode: Some("local".to_owned()), ..Flags::default() };
    let mut wizard = machine.wizard(flags);
    answer_all(&mut wizard, &[(Ask::Flow, one("advanced")), (Ask::Workspace, line("/w"))]);

    let went = [wizard.back(), wizard.back(), wizard.back()];

    assert_eq!(went, [true, true, false]);
    assert_eq!(asked(&wizard), Ask::Flow);
}

#[test]
fn a_question_that_is_asked_again_proposes_what_was_said_but_no_secret() {
    let machine = Machine::empty();
    let mut wizard = machine.wizard(Flags::default());
    let url = "http://10.0.0.2:8000/v1";
    answer_all(
        &mut wizard,
        &[
            (Ask::Flow, one("quickstart")),
            (Ask::Provider, one("custom-api-key")),
            (Ask::BaseUrl, line(url)),
            (Ask::Dialect, one("anthropic")),
            (Ask::Key, secret("k")),
        ],
    );
    let proposed = |wizard: &Wizard| {
        let Turn::Ask(question) = wizard.turn() else { panic!("no question") };
        question.kind.read(None)
    };

    let mut seen = Vec::new();
    while wizard.back() {
        seen.push(proposed(&wizard));
    }

    let [key, dialect, address, provider, _] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(matches!(key, Some(Answer::Secret(it)) if it.expose().is_empty()));
    assert!(matches!(dialect, Some(Answer::One(it)) if it == "anthropic"));
    assert!(matches!(address, Some(Answer::Text(it)) if it == url));
    assert!(matches!(provider, Some(Answer::One(it)) if it == "custom-api-key"));
}

#[test]
fn an_existing_setup_can_be_kept_changed_or_set_aside() {
    let config = json!({
        "gateway": {"mode": "local", "port": 4711, "auth": {"token": "mine"}},
        "agents": {"defaults": {"model": {"primary": "openai/gpt-5"}, "workspace": "/mine"}},
    });
    let machine = Machine::new(&config, &[]);
    let begun = |choice: &str| {
        let mut wizard = machine.wizard(Flags::default());
        answer_all(&mut wizard, &[(Ask::Existing, one(choice))]);
        wizard
    };
    let (mut kept, modified, mut reset) = (begun("keep"), begun("modify"), begun("reset"));

    answer_all(&mut kept, &[(Ask::Confirm, one("write"))]);
    answer_all(&mut reset, &[(Ask::ResetScope, one("full")), (Ask::Flow, one("quickstart"))]);

    let kept = Plan::of(&decided(&kept), &machine.facts, Some("onboard"));
    let expected = json!({
        "gateway": {"mode": "local"},
        "agents": {"defaults": {"workspace": "/mine"}},
    });
    assert_eq!(kept.patch, expected);
    assert_eq!(asked(&modified), Ask::Flow);
    assert_eq!(reset.setup().reset, Some(Reset::Full));
    let gateway = reset.setup().gateway.unwrap();
    assert_eq!(gateway.port, crate::facts::PORT_DEFAULT);
    assert!(matches!(gateway.auth, Auth::Token(Token::Fresh(_))));
}

#[test]
fn what_is_kept_is_completed_where_it_could_not_work() {
    let machine = Machine::new(&json!({"gateway": {"mode": "local"}}), &[]);
    let mut wizard = machine.wizard(Flags::default());

    answer_all(
        &mut wizard,
        &[(Ask::Existing, one("keep")), (Ask::Provider, one("skip")), (Ask::Confirm, one("write"))],
    );

    let config = machine.written(&wizard.plan(&decided(&wizard)));
    assert_eq!(config["gateway"]["auth"]["token"], json!("f".repeat(48)));
}

#[test]
fn a_gateway_that_others_reach_lets_the_control_ui_of_this_machine_in() {
    let machine = Machine::empty();
    let flags = Flags { bind: Some("lan".to_owned()), port: Some(4711), ..Flags::default() };

    let setup = flags.setup(&machine.facts).unwrap();

    let config = machine.written(&Plan::of(&setup, &machine.facts, None));
    let expected = json!(["http://localhost:4711", "http://127.0.0.1:4711"]);
    assert_eq!(config["gateway"]["controlUi"]["allowedOrigins"], expected);
}

#[test]
fn a_pasted_token_is_of_the_provider_that_was_named() {
    let machine = Machine::empty();
    let flags = Flags {
        auth_choice: Some("token".to_owned()),
        token_provider: Some("openrouter".to_owned()),
        token: Some(Secret::new("t")),
        token_expires: Some(5),
        ..Flags::default()
    };

    let model = flags.setup(&machine.facts).unwrap().model.unwrap();

    assert_eq!(model.reference().unwrap(), "openrouter/auto");
    assert_eq!((model.profile.as_str(), model.expires), ("openrouter:manual", Some(5)));
}

#[test]
fn the_token_of_a_container_is_the_one_it_was_started_with() {
    let config = json!({"gateway": {"auth": {"token": "old"}}});
    let mut machine = Machine::new(&config, &[(TOKEN_VARIABLE, "from-env")]);

    let outside = machine.facts.token();
    machine.facts.in_container = true;
    let inside = machine.facts.token();

    assert!(matches!(outside, Token::Kept));
    assert!(matches!(inside, Token::Given(token) if token.expose() == "from-env"));
}

#[test]
fn a_key_in_the_environment_is_offered_and_not_stored() {
    let machine = Machine::new(&json!({}), &[("OPENAI_API_KEY", "sk-env")]);
    let mut wizard = machine.wizard(Flags::default());
    answer_all(&mut wizard, &[(Ask::Flow, one("quickstart"))]);
    let Turn::Ask(Question { kind: Kind::One { initial, .. }, .. }) = wizard.turn() else {
        panic!("no choice of providers")
    };
    answer_all(
        &mut wizard,
        &[
            (Ask::Provider, one("openai-api-key")),
            (Ask::KeySource, one("env")),
            (Ask::Model, one("gpt-5-mini")),
        ],
    );

    let setup = wizard.setup();

    assert_eq!(initial, "openai-api-key");
    assert!(setup.model.as_ref().unwrap().secret.is_none());
    assert!(wizard.plan(&setup).profile.is_none());
}

#[test]
fn a_server_of_ones_own_gets_a_block_with_its_model() {
    let machine = Machine::empty();
    let mut wizard = machine.wizard(Flags::default());

    answer_all(
        &mut wizard,
        &[
            (Ask::Flow, one("quickstart")),
            (Ask::Provider, one("custom-api-key")),
            (Ask::BaseUrl, line("http://10.0.0.2:8000/v1")),
            (Ask::Dialect, one("openai")),
            (Ask::Key, secret("")),
            (Ask::ModelName, line("my-model")),
        ],
    );

    let setup = wizard.setup();
    let config = machine.written(&wizard.plan(&setup));
    let block = &config["models"]["providers"]["custom"];
    assert_eq!(block["baseUrl"], json!("http://10.0.0.2:8000/v1"));
    assert_eq!(block["models"][0]["id"], json!("my-model"));
    assert_eq!(block.get("apiKey"), None);
    assert_eq!(config["agents"]["defaults"]["model"]["primary"], json!("custom/my-model"));
}

#[test]
fn a_gateway_elsewhere_needs_an_address_and_nothing_else() {
    let machine = Machine::empty();
    let mut wizard = machine.wizard(Flags::default());
    answer_all(&mut wizard, &[(Ask::Flow, one("advanced")), (Ask::Mode, one("remote"))]);

    let refused = wizard.answer(line("https://host"));
    answer_all(
        &mut wizard,
        &[
            (Ask::RemoteUrl, line("wss://host")),
            (Ask::RemoteToken, secret("t")),
            (Ask::Confirm, one("write")),
        ],
    );

    assert_eq!(refused, Err("an address begins with ws:// or wss://".to_owned()));
    let setup = decided(&wizard);
    assert!(matches!(setup.target, Some(Target::Remote { .. })));
    let expected =
        json!({"gateway": {"mode": "remote", "remote": {"url": "wss://host", "token": "t"}}});
    assert_eq!(wizard.plan(&setup).patch, expected);
}

#[test]
fn configure_asks_about_its_sections_alone_and_leaves_the_rest() {
    let config =
        json!({"gateway": {"mode": "local"}, "skills": {"install": {"nodeManager": "bun"}}});
    let machine = Machine::new(&config, &[]);
    let mut wizard = Wizard::configure(machine.facts.clone(), [Section::Skills, Section::Daemon]);

    answer_all(
        &mut wizard,
        &[
            (Ask::NodeManager, one("keep")),
            (Ask::Daemon, Answer::Seen),
            (Ask::Confirm, one("write")),
        ],
    );

    let setup = decided(&wizard);
    assert_eq!(wizard.plan(&setup).patch, json!({}));
    assert_eq!(wizard.plan(&setup).command, Some("configure"));
}

#[test]
fn every_question_is_in_both_languages_and_hides_what_is_secret() {
    let machine = Machine::empty();
    let chinese = Facts { language: Language::Chinese, ..machine.facts.clone() };
    let english = machine.wizard(Flags::default());
    let chinese = Wizard::onboard(chinese, Flags::default(), "onboard").unwrap();

    for ask in Ask::ALL {
        let (english, chinese) = (english.question(ask), chinese.question(ask));
        assert!(!english.title.is_empty() && !chinese.title.is_empty(), "{ask:?}");
        if !matches!(ask, Ask::WhatsApp) {
            assert_ne!(english.title, chinese.title, "{ask:?}");
        }
        let hides = matches!(english.kind, Kind::Secret { .. });
        let is_secret = matches!(
            ask,
            Ask::Key
                | Ask::Token
                | Ask::Password
                | Ask::RemoteToken
                | Ask::TelegramToken
                | Ask::DiscordToken
                | Ask::WebKey
        );
        assert_eq!(hides, is_secret, "{ask:?}");
    }
}

#[test]
fn a_check_sees_the_new_key_and_no_other() {
    let vars = [("ANTHROPIC_OAUTH_TOKEN", "old"), ("ANTHROPIC_API_KEY", "older")];
    let machine = Machine::new(&json!({}), &vars);
    let flags = Flags { keys: vec![("apiKey", Secret::new("new"))], ..Flags::default() };
    let setup = flags.setup(&machine.facts).unwrap();
    let model = setup.model.as_ref().unwrap();
    let plan = Plan::of(&setup, &machine.facts, None);

    let check = Check::of(model, &plan, &machine.place(), Arc::new(SystemClock)).unwrap().unwrap();

    let seen: BTreeMap<&str, &str> = check
        .env()
        .iter()
        .filter(|(name, _)| name.starts_with("ANTHROPIC"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(seen, BTreeMap::from([("ANTHROPIC_API_KEY", "new")]));
    assert!(!Path::new("/nonexistent/home").exists());
}

/// A move of a person who does not know what they want.
#[derive(Clone, Debug)]
enum Move {
    Choose(usize),
    Type(String),
    Yes(bool),
    Back,
    Fail,
}

fn any_move() -> impl Strategy<Value = Move> {
    let texts = prop_oneof![
        Just(String::new()),
        Just("18790".to_owned()),
        Just("http://127.0.0.1:1/v1".to_owned()),
        Just("wss://host".to_owned()),
        Just("10.0.0.1".to_owned()),
        Just("${NOT_SET}".to_owned()),
        Just("a b".to_owned()),
        "[a-z0-9:/]{1,12}",
        any::<String>(),
    ];
    prop_oneof![
        6 => (0_usize..40).prop_map(Move::Choose),
        6 => texts.prop_map(Move::Type),
        1 => any::<bool>().prop_map(Move::Yes),
        1 => Just(Move::Back),
        1 => Just(Move::Fail),
    ]
}

/// The answer that `step` is to this question.
fn meant(kind: &Kind, step: &Move) -> Answer {
    match (kind, step) {
        (Kind::Note, _) => Answer::Seen,
        (Kind::Confirm { .. }, Move::Yes(yes)) => Answer::Yes(*yes),
        (Kind::Confirm { .. }, _) => Answer::Yes(true),
        (Kind::One { choices, .. }, Move::Choose(n)) => {
            Answer::One(choices[n % choices.len()].value.clone())
        }
        (Kind::One { initial, .. }, _) => Answer::One(initial.clone()),
        (Kind::Many { choices, .. }, Move::Choose(n)) => {
            Answer::Many(choices.iter().take(n % 4).map(|it| it.value.clone()).collect())
        }
        (Kind::Many { initial, .. }, _) => Answer::Many(initial.clone()),
        (Kind::Text { .. }, Move::Type(text)) => Answer::Text(text.clone()),
        (Kind::Text { initial, .. }, _) => Answer::Text(initial.clone()),
        (Kind::Secret { .. }, Move::Type(text)) => Answer::Secret(Secret::new(text.as_str())),
        (Kind::Secret { .. }, _) => Answer::Secret(Secret::new("s3cret")),
    }
}

/// The simplest answer that will do, to bring a lost person home.
fn simplest(question: &Question) -> Answer {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have a value that will do")]
    match question.ask {
        Ask::CheckFailed => one("keep"),
        Ask::Confirm => one("write"),
        Ask::BaseUrl => line("http://127.0.0.1:1/v1"),
        Ask::RemoteUrl => line("wss://host"),
        Ask::Host => line("10.0.0.1"),
        Ask::ModelName => line("m"),
        Ask::Risk => Answer::Yes(true),
        _ => meant(&question.kind, &Move::Back),
    }
}

proptest! {
    #[test]
    fn any_order_of_answers_ends_in_a_valid_config(
        moves in proptest::collection::vec(any_move(), 0..60),
        has_config in any::<bool>(),
        section in proptest::option::of(0_usize..8),
    ) {
        let config = if has_config {
            json!({"gateway": {"mode": "local", "bind": "custom", "customBindHost": "10.0.0.9"}})
        } else {
            json!({})
        };
        let machine = Machine::new(&config, &[("GEMINI_API_KEY", "g")]);
        let mut wizard = match section {
            Some(n) => Wizard::configure(machine.facts.clone(), [Section::ALL[n].1]),
            None => machine.wizard(Flags::default()),
        };

        for step in &moves {
            match (wizard.turn(), step) {
                (Turn::Done(_) | Turn::Declined, _) | (Turn::Ask(_), Move::Back) => {
                    wizard.back();
                }
                (Turn::Check(_), Move::Fail) => wizard.checked(Err(refused_key())),
                (Turn::Check(_), _) => wizard.checked(Ok(())),
                (Turn::Ask(question), step) => {
                    // A refused answer leaves the question where it was.
                    if wizard.answer(meant(&question.kind, step)).is_err() {
                        prop_assert_eq!(asked(&wizard), question.ask);
                    }
                }
            }
        }
        let mut steps = 0;
        let setup = loop {
            match wizard.turn() {
                Turn::Done(setup) => break setup,
                Turn::Declined => {
                    wizard.back();
                }
                Turn::Check(_) => wizard.checked(Ok(())),
                Turn::Ask(question) => {
                    let simplest = simplest(&question);
                    prop_assert_eq!(wizard.answer(simplest), Ok(()), "{:?}", question);
                }
            }
            steps += 1;
            prop_assert!(steps < 100, "no end in sight");
        };

        let config = machine.written(&wizard.plan(&setup));

        if section.is_none() {
            prop_assert!(config["gateway"]["mode"].is_string());
        }
    }
}
