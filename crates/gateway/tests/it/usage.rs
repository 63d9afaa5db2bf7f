//! What conversations cost, asked over the wire.

use serde_json::{Value, json};
use testkit::llm::{Llm, calls, says};

use crate::server::Server;

#[tokio::test]
async fn the_cost_of_a_turn_is_found_in_every_view() {
    let llm = Llm::respond_with(|request| match request.results_since_user() {
        0 => calls("exec", json!({"command": "true"})),
        _ => says("Done."),
    });
    let server = Server::with_model(&llm).await;
    let mut client = server.connect(4).await;
    let send = json!({"sessionKey": "main", "message": "go", "idempotencyKey": "k1"});
    client.call("chat.send", send).await;
    client.until(|it| it["event"] == "chat" && it["payload"]["state"] == "final").await;

    let all = client.call("sessions.usage", json!({"mode": "utc"})).await;
    let cost = client.call("usage.cost", json!({"days": 3})).await;
    let grown = client.call("sessions.usage.timeseries", json!({"key": "main"})).await;
    let logs = client.call("sessions.usage.logs", json!({"key": "main"})).await;
    let other = client.call("sessions.usage", json!({"key": "agent:main:nobody"})).await;
    let bad = client.call_raw("sessions.usage", &json!({"startDate": "2026-02-30"})).await;

    let total = all["totals"]["totalTokens"].as_u64().unwrap();
    assert!(total > 0, "{all}");
    let row = &all["sessions"][0];
    assert_eq!((&row["key"], &row["model"]), (&json!("agent:main:main"), &json!("mock-1")));
    assert_eq!(row["usage"]["totalTokens"], total);
    let counts = &all["aggregates"]["messages"];
    assert_eq!(
        (&counts["user"], &counts["assistant"], &counts["toolCalls"], &counts["toolResults"]),
        (&json!(1), &json!(2), &json!(1), &json!(1))
    );
    assert_eq!(all["aggregates"]["tools"]["tools"], json!([{"name": "exec", "count": 1}]));
    assert_eq!((&cost["days"], cost["daily"].as_array().unwrap().len()), (&json!(3), 3));
    assert_eq!(cost["totals"]["totalTokens"], total);
    assert_eq!(cost["daily"][2]["totalTokens"], total);
    let points = grown["points"].as_array().unwrap();
    assert_eq!(points.last().unwrap()["cumulativeTokens"], total);
    let roles: Vec<&Value> =
        logs["logs"].as_array().unwrap().iter().map(|it| &it["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "toolResult", "assistant"]);
    assert_eq!(other["sessions"], json!([]));
    assert_eq!(bad["error"]["message"], "no such date: 2026-02-30");
    server.stop().await;
}
