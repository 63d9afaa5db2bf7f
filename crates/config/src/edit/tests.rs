//! Edits on whole texts.

use proptest::prelude::*;

use super::*;

struct Home {
    locations: Locations,
    env: Env,
}

impl Home {
    fn new() -> Self {
        let env = Env::of([("KEY".to_owned(), "k".to_owned())].into(), "/nowhere", "/nowhere");
        Self { locations: Locations::find(&env, None, false).unwrap(), env }
    }

    fn editor(&self) -> Editor<'_> {
        Editor {
            locations: &self.locations,
            env: &self.env,
            version: "2026.11.0",
            now: UnixMillis(0),
        }
    }
}

const RAW: &str = "\
// My gateway.
{
  gateway: {
    port: 18789, // the usual one
    auth: { token: '${KEY}' },
  },
  /* people */
  agents: {
    list: [
      { id: 'a' }, // first
      { id: 'b' }, // second
    ],
  },
}
";

fn path(text: &str) -> KeyPath {
    text.parse().unwrap()
}

#[test]
fn a_write_changes_one_value_and_keeps_the_rest_of_the_text() {
    let home = Home::new();

    let edited = home.editor().set(RAW, &path("gateway.port"), json!(19000)).unwrap();

    let expected = RAW.replace("18789", "19000").replace(
        "  },\n}\n",
        "  },\n  \"meta\": {\n    \"lastTouchedVersion\": \"2026.11.0\",\n    \
         \"lastTouchedAt\": \"1970-01-01T00:00:00.000Z\",\n  },\n}\n",
    );
    assert_eq!(edited.raw, expected);
    assert_eq!(edited.loaded.config.unwrap().gateway.port, 19000);
}

#[test]
fn an_item_goes_and_the_others_keep_their_comments() {
    let home = Home::new();

    let edited = home.editor().unset(RAW, &path("agents.list[0]")).unwrap();

    assert!(edited.raw.contains("{ id: 'b' }, // second"), "{}", edited.raw);
    assert!(!edited.raw.contains("id: 'a'"), "{}", edited.raw);
    assert!(edited.raw.contains("${KEY}"), "{}", edited.raw);
}

#[test]
fn a_patch_removes_with_null_and_merges_the_rest() {
    let home = Home::new();
    let patch = json!({ "agents": null, "gateway": { "bind": "lan", "port": null } });

    let edited = home.editor().merge_patch(RAW, &patch).unwrap();

    let mut value = syntax::parse(&edited.raw).unwrap();
    tree::take(&mut value, &["meta"]);
    assert_eq!(value, json!({ "gateway": { "auth": { "token": "${KEY}" }, "bind": "lan" } }));
    assert!(edited.raw.starts_with("// My gateway."));
}

#[test]
fn an_outcome_with_problems_is_refused_with_all_of_them() {
    let home = Home::new();
    let patch = json!({ "gateway": { "port": "x" }, "agent": {}, "gatewy": 1 });

    let refused = home.editor().merge_patch(RAW, &patch).unwrap_err();

    let EditError::Invalid(problems) = refused else { panic!("{refused:?}") };
    let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["agent", "gateway.port", "gatewy"]);
}

#[test]
fn a_replacement_with_problems_is_refused_unless_they_were_there_before() {
    let home = Home::new();
    let broken = RAW.replace("18789", "'x'");
    let more = broken.replace("gateway:", "gatewy: 1, gateway:");

    assert!(matches!(home.editor().replace(RAW, "[1]"), Err(EditError::Invalid(_))));
    assert!(matches!(home.editor().replace(RAW, &broken), Err(EditError::Invalid(_))));
    assert!(matches!(home.editor().replace(&broken, &more), Err(EditError::Invalid(_))));
    assert!(home.editor().replace(&broken, &broken).is_ok());
}

#[test]
fn a_replacement_gets_its_masked_secrets_back() {
    let home = Home::new();
    let new = redact::redact_raw(RAW).unwrap().replace("18789", "18790");

    let edited = home.editor().replace(RAW, &new).unwrap();
    let refused = home.editor().replace("{}", &new);

    assert!(edited.raw.contains("// the usual one"));
    assert!(edited.raw.contains("token: \"${KEY}\""), "{}", edited.raw);
    let at = "gateway.auth.token".to_owned();
    assert_eq!(refused.unwrap_err(), EditError::NothingBehindMask(at));
}

#[test]
fn what_is_not_there_or_in_the_way_is_said() {
    let home = Home::new();
    let editor = home.editor();

    let missing = editor.unset(RAW, &path("gateway.nope")).unwrap_err();
    let blocked = editor.set(RAW, &path("gateway.port.x"), json!(1)).unwrap_err();
    let gap = editor.set(RAW, &path("agents.list[7].id"), json!("x")).unwrap_err();
    let broken = editor.set("{ a", &path("a"), json!(1)).unwrap_err();

    assert_eq!(missing, EditError::NotFound("gateway.nope".to_owned()));
    assert_eq!(blocked, EditError::Blocked("gateway.port".to_owned()));
    assert_eq!(gap, EditError::Blocked("agents.list".to_owned()));
    assert!(matches!(broken, EditError::Syntax(_)));
}

#[test]
fn a_repair_moves_and_removes_and_leaves_comments_alone() {
    let home = Home::new();
    let raw = "{\n  // keep me\n  bogus: 1,\n  gateway: { token: '${KEY}' }, // and me\n}\n";

    let (edited, changes) = home.editor().repair(raw).unwrap();

    let shown: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["moved `gateway.token` to `gateway.auth.token`", "removed `bogus`"]);
    assert!(
        edited.raw.contains("// keep me") && edited.raw.contains("// and me"),
        "{}",
        edited.raw
    );
    let config = edited.loaded.config.unwrap();
    assert_eq!(config.gateway.auth.token.as_ref().unwrap().expose(), "k");
}

#[test]
fn json5_spellings_survive_a_write_nearby() {
    let raw = "{\r\n  // note\r\n  'cron': { maxConcurrentRuns: +0x2, },\r\n  env: { \
               $X: 'a\\\r\nb', Y_1: 'it\\'s' },\r\n}\r\n";
    let home = Home::new();

    let edited = home.editor().set(raw, &path("gateway.port"), json!(5)).unwrap();

    let kept = raw.strip_suffix("}\r\n").unwrap();
    assert!(edited.raw.starts_with(kept), "{}", edited.raw);
}

#[test]
fn an_include_stays_an_include() {
    let raw = "{ $include: './none.json', gateway: { port: 1 } } // end";

    let text =
        text::brought_to(raw, &json!({ "$include": "./none.json", "gateway": { "port": 2 } }));

    assert_eq!(text, "{ $include: './none.json', gateway: { port: 2 } } // end\n");
}

#[test]
fn a_first_write_makes_a_plain_file() {
    let home = Home::new();

    let edited = home.editor().set("", &path("agents.list[0].id"), json!("a")).unwrap();

    assert!(edited.raw.starts_with("{\n  \"agents\": {\n    \"list\": [\n"), "{}", edited.raw);
    assert!(edited.raw.ends_with("}\n"));
}

#[test]
fn text_that_only_json5_reads_is_written_plainly() {
    let raw = "{ gateway: { port: 1, port: 2 }, \\u0074ools: {} }";
    let home = Home::new();

    let edited = home.editor().set(raw, &path("gateway.port"), json!(3)).unwrap();

    assert_eq!(syntax::parse(&edited.raw).unwrap()["gateway"], json!({ "port": 3 }));
}

fn tree_of_lists() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![any::<i32>().prop_map(Value::from), "[a-z\"\\\\\n]{0,4}".prop_map(Value::from)];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-d.]{1,2}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_can_be_brought_to_any_value(from in tree_of_lists(), to in tree_of_lists()) {
        let (from, to) = (json!({ "x": from }), json!({ "x": to, "y": 1 }));
        let raw = format!("// note\n{from:#}");

        let text = text::brought_to(&raw, &to);

        prop_assert_eq!(syntax::parse(&text).unwrap(), to);
        prop_assert!(text.starts_with("// note\n"));
    }

    #[test]
    fn what_was_set_is_found_and_unset_takes_it_away(
        base in tree_of_lists(), key in "[a-z]{1,3}", value in tree_of_lists(),
    ) {
        let before = json!({ "base": base });
        let path = ["new".to_owned(), key];
        let mut after = before.clone();

        tree::put(&mut after, &path, value.clone()).unwrap();
        prop_assert_eq!(tree::get(&after, &path), Some(&value));

        tree::take(&mut after, &path);
        tree::take(&mut after, &path[..1]);
        prop_assert_eq!(after, before);
    }
}
