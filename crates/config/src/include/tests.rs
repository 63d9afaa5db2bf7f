//! Real files in a real directory.

use serde_json::json;

use super::*;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.0.path().join(name), text).unwrap();
        self
    }

    fn resolve(&self, mut value: Value, roots: Option<&str>) -> (Value, Vec<String>) {
        let vars = roots.map(|list| ("OPENCLAW_INCLUDE_ROOTS".to_owned(), list.to_owned()));
        let mut env = Env::of(vars.into_iter().collect(), self.0.path(), "/");
        env.fill("OPENCLAW_CONFIG_PATH", &self.0.path().join("main.json").to_string_lossy());
        let locations = Locations::find(&env, None, false).unwrap();
        let outcome = resolve(&mut value, &locations, &env);
        (value, outcome.findings.into_iter().map(|finding| finding.message).collect())
    }
}

#[test]
fn siblings_lie_over_the_file_and_arrays_are_joined() {
    let home = Home::new()
        .file("a.json5", "{ x: { p: 1, list: [1] }, y: 1, }")
        .file("b.json5", "// note\n{ x: { list: [2] }, y: 2 }");

    let (value, findings) = home.resolve(
        json!({ "k": { "$include": ["./a.json5", "b.json5"], "x": { "list": [3] }, "z": 3 } }),
        None,
    );

    assert_eq!(findings, Vec::<String>::new());
    assert_eq!(value, json!({ "k": { "x": { "p": 1, "list": [1, 2, 3] }, "y": 2, "z": 3 } }));
}

#[test]
fn a_cycle_shows_its_chain() {
    let home = Home::new()
        .file("a.json", r#"{ "n": { "$include": "b.json" } }"#)
        .file("b.json", r#"{ "m": { "$include": "a.json" } }"#);

    let (_, findings) = home.resolve(json!({ "$include": "a.json" }), None);

    assert_eq!(findings.len(), 1);
    let chain: Vec<_> =
        findings[0].trim_start_matches("circular include: ").split(" -> ").collect();
    let names: Vec<_> = chain.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["main.json", "a.json", "b.json", "a.json"]);
}

#[test]
fn the_tenth_level_is_read_and_the_eleventh_is_not() {
    let chain = |levels: usize| {
        let mut home = Home::new().file(&format!("{levels}.json"), "{ end: true }");
        for level in 1..levels {
            let text = format!("{{ n: {{ $include: '{}.json' }} }}", level + 1);
            home = home.file(&format!("{level}.json"), &text);
        }
        home.resolve(json!({ "$include": "1.json" }), None).1
    };

    assert_eq!(chain(10), Vec::<String>::new());
    assert!(chain(11)[0].ends_with("is nested deeper than 10 levels"), "{:?}", chain(11));
}

#[test]
fn includes_that_multiply_are_cut_off() {
    let list =
        |name: &str| format!("{{ a: {{ $include: [{}] }} }}", format!("'{name}',").repeat(9));
    let home = Home::new()
        .file("1.json", &list("2.json"))
        .file("2.json", &list("3.json"))
        .file("3.json", &list("4.json"))
        .file("4.json", "{}");

    let (_, findings) = home.resolve(json!({ "$include": "1.json" }), None);

    assert!(findings[0].ends_with("is one of more than 256 includes"), "{}", findings[0]);
}

#[test]
fn wrong_forms_and_missing_files_are_findings() {
    let home = Home::new().file("list.json", "[1]").file("bad.json", "{\n!");

    let said = |value| home.resolve(value, None).1.remove(0);

    assert_eq!(
        said(json!({ "$include": ["list.json", 1] })),
        "`$include` lists something that is no text"
    );
    assert!(said(json!({ "$include": 7 })).starts_with("`$include` must be"));
    assert!(said(json!({ "$include": "none.json" })).ends_with("/none.json) does not exist"));
    assert!(said(json!({ "$include": "bad.json" })).ends_with("on line 2"));
    assert!(said(json!({ "$include": "list.json", "a": 1 })).starts_with("keys beside"));
}

#[test]
fn roots_confine_includes_only_when_they_are_set() {
    let outside = Home::new().file("x.json", "{ x: 1 }");
    let home = Home::new();
    let name = outside.0.path().join("x.json");
    let value = json!({ "$include": name });

    assert_eq!(home.resolve(value.clone(), None).1, Vec::<String>::new());
    assert_eq!(home.resolve(value.clone(), Some(outside.0.path().to_str().unwrap())).1.len(), 0);
    assert!(
        home.resolve(value, Some("/nowhere")).1[0].ends_with("outside the allowed directories")
    );
}
