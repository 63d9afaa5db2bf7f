//! Every method that changes something: what it answered is there after a `kill -9` at once.
//!
//! A method without a row fails the test. Text in a row that begins with `@` stands for a part of
//! an earlier answer: `@0/key` is `key` of the first preparing call, `@/key` of the call itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, WsClient},
    home::TempHome,
    llm::{Llm, says},
};

use crate::program::openclaw;

mod rows;

/// What a method is tried with.
enum Row {
    /// Call it, and look for what it changed.
    Kept(Box<Kept>),
    /// What it changes is not meant to outlive the process, for this reason.
    Passing(&'static str),
}

/// One call whose change stays.
struct Kept {
    /// Calls that prepare it.
    before: Vec<(&'static str, Value)>,
    params: Value,
    /// Where the change is seen.
    look: (&'static str, Value),
    /// Texts that are there afterwards.
    has: Vec<&'static str>,
    /// Texts that are not.
    lacks: Vec<&'static str>,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_writing_method_answered_is_there_after_a_kill() {
    let rows = rows::all();
    let named: BTreeSet<&str> = rows.iter().map(|(name, _)| *name).collect();
    let methods: BTreeSet<&str> = gateway::writing_methods().into_iter().collect();
    assert_eq!(named, methods, "each writing method has a row");

    let model = Llm::respond_with(|_| says("As you like."));
    let home = TempHome::with_model(&format!("{}/v1", model.base_url())).unwrap();
    rows::seed(&home);
    let mut gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    let mut failed = BTreeMap::new();
    for (method, row) in rows {
        let row = match row {
            Row::Kept(row) => row,
            Row::Passing(reason) => {
                assert!(!reason.is_empty());
                continue;
            }
        };
        let called = row.call(method, &mut client).await;
        gateway.kill().unwrap();
        gateway = Gateway::start(openclaw(), &home).unwrap();
        client = gateway.connect(4).await.unwrap();
        if let Err(why) = called {
            failed.insert(method, why);
            continue;
        }
        let answers = called.unwrap_or_default();
        if let Err(why) = row.check(&answers, &mut client).await {
            failed.insert(method, why);
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

impl Row {
    fn kept(kept: Kept) -> Self {
        Self::Kept(Box::new(kept))
    }
}

impl Kept {
    /// Makes the calls; gives the answers, that of the method last.
    async fn call(&self, method: &str, client: &mut WsClient) -> Result<Vec<Value>, String> {
        let mut answers = Vec::new();
        for (name, params) in &self.before {
            let params = filled(params, &answers);
            let answer = client.call(name, params).await.map_err(|it| format!("{name}: {it:?}"))?;
            answers.push(answer);
        }
        let params = filled(&self.params, &answers);
        answers.push(client.call(method, params).await.map_err(|it| format!("{it:?}"))?);
        Ok(answers)
    }

    async fn check(&self, answers: &[Value], client: &mut WsClient) -> Result<(), String> {
        let (name, params) = &self.look;
        let seen = client.call(name, filled(params, answers)).await;
        let seen = seen.map_err(|it| format!("{name}: {it:?}"))?.to_string();
        for text in &self.has {
            let text = words(text, answers);
            if !seen.contains(&text) {
                return Err(format!("`{text}` is lost; there is {seen}"));
            }
        }
        for text in &self.lacks {
            let text = words(text, answers);
            if seen.contains(&text) {
                return Err(format!("`{text}` is still there: {seen}"));
            }
        }
        Ok(())
    }
}

/// The text, or the part of an answer that it stands for.
fn words(text: &str, answers: &[Value]) -> String {
    let Some(place) = text.strip_prefix('@') else { return text.to_owned() };
    let (number, path) = place.split_at(place.find('/').unwrap());
    let answer = match number {
        "" => answers.last(),
        number => answers.get(number.parse::<usize>().unwrap()),
    };
    let found = answer.and_then(|it| it.pointer(path));
    found
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no `{text}` in {answers:#?}"))
        .to_owned()
}

fn filled(params: &Value, answers: &[Value]) -> Value {
    match params {
        Value::String(text) => json!(words(text, answers)),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), filled(value, answers))).collect()
        }
        Value::Array(values) => values.iter().map(|value| filled(value, answers)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => params.clone(),
    }
}
