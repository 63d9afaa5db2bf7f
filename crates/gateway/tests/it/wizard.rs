//! `wizard.*`: the setup through the gateway, by the same questions as in the terminal.

use serde_json::{Value, json};
use testkit::{
    home::TempHome,
    llm::{Llm, fails, says},
};

use crate::{client::Client, server::Server};

/// A gateway in a home where Anthropic is the scripted model.
async fn server(llm: &Llm) -> Server {
    let home = TempHome::minimal().unwrap();
    let provider = json!({"baseUrl": llm.base_url(), "models": []});
    home.merge_config(&json!({"models": {"providers": {"anthropic": provider}}})).unwrap();
    Server::at(home).await
}

/// Answers the present step, whose name begins with `ask`; what comes next.
async fn answer(client: &mut Client, session: &str, now: &Value, ask: &str, value: Value) -> Value {
    let step = now["step"]["id"].as_str().unwrap();
    assert!(step.starts_with(ask), "asked for {step}, not {ask}");
    let answer = json!({"stepId": step, "value": value});
    client.call("wizard.next", json!({"sessionId": session, "answer": answer})).await
}

#[tokio::test]
async fn a_client_walks_through_the_setup_and_mends_a_bad_key() {
    let llm = Llm::script([fails(401, None), says("ready")]);
    let server = server(&llm).await;
    let mut client = server.connect(4).await;

    let now = client.call("wizard.start", json!({"mode": "local"})).await;
    let session = now["sessionId"].as_str().unwrap().to_owned();
    let id = session.as_str();
    let expected = (&json!(false), &json!("running"), &json!("confirm"));
    assert_eq!((&now["done"], &now["status"], &now["step"]["type"]), expected);
    let now = answer(&mut client, id, &now, "risk", json!(true)).await;
    let now = answer(&mut client, id, &now, "existing", json!("modify")).await;
    let now = answer(&mut client, id, &now, "flow", json!("quickstart")).await;
    let now = answer(&mut client, id, &now, "provider", json!("apiKey")).await;
    assert_eq!((&now["step"]["type"], &now["step"]["sensitive"]), (&json!("text"), &json!(true)));
    let now = answer(&mut client, id, &now, "key", json!("bad")).await;
    let now = answer(&mut client, id, &now, "model", json!("claude-opus-4-6")).await;
    let now = answer(&mut client, id, &now, "checkfailed", json!("key")).await;
    let refused = answer(&mut client, id, &now, "key", json!("two words")).await;
    let now = answer(&mut client, id, &refused, "key", json!("good")).await;
    let now = answer(&mut client, id, &now, "channels", json!([])).await;
    let last = answer(&mut client, id, &now, "confirm", json!("write")).await;

    assert!(refused["error"].as_str().unwrap().contains("blank in the middle"), "{refused}");
    assert_eq!(last, json!({"done": true, "status": "done"}));
    let gone = client.call_raw("wizard.status", &json!({"sessionId": id})).await;
    assert_eq!(gone["error"]["message"], "wizard not found");
    let home = server.stop().await;
    let config = home.config().unwrap();
    assert_eq!(config["agents"]["defaults"]["model"]["primary"], "anthropic/claude-opus-4-6");
    assert_eq!(config["wizard"]["lastRunCommand"], "onboard");
    assert_eq!(config["gateway"]["auth"]["token"], "test-token");
    assert!(home.state_dir().join("agents/main/agent/auth-profiles.json").exists());
}

#[tokio::test]
async fn one_wizard_runs_at_a_time_and_a_cancelled_one_makes_room() {
    let server = Server::plain().await;
    let mut client = server.connect(3).await;
    let start = json!({});

    let first = client.call("wizard.start", start.clone()).await;
    let id = json!({"sessionId": first["sessionId"]});
    let second = client.call_raw("wizard.start", &start).await;
    let status = client.call("wizard.status", id.clone()).await;
    let cancelled = client.call("wizard.cancel", id.clone()).await;
    let gone = client.call_raw("wizard.next", &id).await;
    let third = client.call("wizard.start", json!({"locale": "zh-CN"})).await;

    assert_eq!(second["error"]["code"], "UNAVAILABLE");
    assert_eq!(second["error"]["message"], "wizard already running");
    assert_eq!(second["error"]["details"]["sessionId"], first["sessionId"]);
    assert_eq!((status, cancelled), (json!({"status": "running"}), json!({"status": "cancelled"})));
    assert_eq!(gone["error"]["code"], "INVALID_REQUEST");
    assert_eq!(gone["error"]["message"], "wizard not found");
    assert_eq!(third["step"]["id"], "risk-0");
    let (english, chinese) = (&first["step"]["title"], &third["step"]["title"]);
    assert_ne!(english, chinese, "who asks says in which language");
    server.stop().await;
}

#[tokio::test]
async fn an_answer_to_another_step_is_refused_and_no_answer_tells_the_step_again() {
    let server = Server::plain().await;
    let mut client = server.connect(4).await;
    let first = client.call("wizard.start", json!({})).await;
    let id = first["sessionId"].clone();

    let stale = json!({"sessionId": id, "answer": {"stepId": "key-7", "value": "x"}});
    let stale = client.call_raw("wizard.next", &stale).await;
    let again = client.call("wizard.next", json!({"sessionId": id})).await;
    let wrong = json!({"sessionId": id, "answer": {"stepId": "risk-0", "value": "maybe"}});
    let wrong = client.call("wizard.next", wrong).await;
    let no = json!({"sessionId": id, "answer": {"stepId": "risk-0", "value": false}});
    let no = client.call("wizard.next", no).await;

    assert_eq!(stale["error"]["message"], "wizard: no pending step");
    assert_eq!(again["step"], first["step"]);
    assert_eq!(wrong["step"], first["step"]);
    assert!(wrong["error"].is_string(), "{wrong}");
    assert_eq!(no, json!({"done": true, "status": "cancelled"}));
    server.stop().await;
}
