//! Replies of a hostile model server. Each ends with a message, is not asked for again where it
//! was cut, and takes no more than 64 MiB of memory; the gateway answers on.

use std::{fs, time::Duration};

use serde_json::{Value, json};
use testkit::{
    gateway::{Gateway, WsClient},
    home::TempHome,
    llm::{Answer, Dialect, Llm, Step, floods, says},
};

use crate::program::{openclaw, quiet};

/// Most memory above the idle gateway's.
const ABOVE_IDLE_KIB_MAX: u64 = 64 * 1024;

/// How long one kind may take on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// How a turn with such a reply ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// With an error, after one request.
    Cut,
    /// With an error; the server may be asked again.
    Error,
    /// With an answer.
    Said,
}

/// A reply, and how its turn ends.
type Kind = (&'static str, Step, End);

fn chunk(delta: &str) -> String {
    format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{delta}}}]}}\n\n")
}

fn event(body: &str) -> String {
    format!("data: {body}\n\n")
}

fn sends(status: u16, headers: Vec<(&'static str, String)>, head: &str, repeated: &str) -> Step {
    let (head, repeated) = (head.to_owned().into(), repeated.to_owned().into());
    Step::Sends(Answer { status, headers, head, repeated })
}

fn chat_kinds() -> Vec<Kind> {
    let long = "y".repeat(50_000);
    let call = |more: &str| chunk(&format!("{{\"tool_calls\":[{more}]}}"));
    let begun =
        call(r#"{"index":0,"id":"c","function":{"name":"exec","arguments":"{\"command\":\""}}"#);
    let nested = "[".repeat(200_000);
    let finish =
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let said = chunk(r#"{"content":"hello"}"#);
    vec![
        ("text", floods("", &chunk(&format!("{{\"content\":\"{long}\"}}"))), End::Cut),
        ("thinking", floods("", &chunk(&format!("{{\"reasoning\":\"{long}\"}}"))), End::Cut),
        ("thinking in tags", floods(&chunk(r#"{"content":"<think>"}"#), &chunk(&format!("{{\"content\":\"{long}\"}}"))), End::Cut),
        ("arguments", floods(&begun, &call(&format!("{{\"index\":0,\"function\":{{\"arguments\":\"{long}\"}}}}"))), End::Cut),
        ("calls", floods("", &call(r#"{"function":{"name":"exec","arguments":"{}"}}"#)), End::Cut),
        ("calls in one event", floods("", &call(&format!("{}{{}}", r#"{"id":"x","function":{"name":"n","arguments":"{}"}},"#.repeat(500)))), End::Cut),
        ("signatures", floods(&begun, &call(&format!("{{\"index\":0,\"extra_content\":{{\"a\":\"{long}\"}}}}"))), End::Cut),
        ("details of thinking", floods("", &chunk(&format!("{{\"reasoning_details\":[{{\"type\":\"t\",\"text\":\"{long}\"}}]}}"))), End::Cut),
        ("a refusal", floods("", &chunk(&format!("{{\"refusal\":\"{long}\"}}"))), End::Cut),
        ("an id", floods("", &call(&format!("{{\"id\":\"{long}\",\"function\":{{\"name\":\"{long}\"}}}}"))), End::Cut),
        ("nested content", Step::Raw((event(&format!("{{\"choices\":[{{\"delta\":{{\"content\":{nested}")) + &said + finish).into()), End::Error),
        ("nested arguments", Step::Raw((call(&format!("{{\"index\":0,\"id\":\"c\",\"function\":{{\"name\":\"exec\",\"arguments\":\"{nested}\"}}}}")) + finish).into()), End::Said),
        ("a vast list", Step::Raw((event(&format!("{{\"choices\":[{}{{}}]}}", "{},".repeat(1_000_000))) + &said + finish).into()), End::Said),
        ("vast parts", Step::Raw((chunk(&format!("{{\"content\":[{}0]}}", "0,".repeat(1_500_000))) + &said + finish).into()), End::Said),
        ("empty choices", floods("", "data: {\"choices\":[]}\n\n"), End::Cut),
        ("empty deltas", floods("", &chunk(r#"{"content":""}"#)), End::Cut),
        ("a vast error", Step::Raw(event(&format!("{{\"error\":[{}0]}}", "0,".repeat(1_500_000))).into()), End::Error),
        ("odd numbers", Step::Raw((said.clone() + "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":-1e308,\"completion_tokens\":1e999}}\n\n" + finish).into()), End::Said),
    ]
}

fn messages_kinds() -> Vec<Kind> {
    let long = "y".repeat(50_000);
    let start = |block: &str| {
        event(&format!(
            "{{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{block}}}"
        ))
    };
    let delta = |delta: &str| {
        event(&format!("{{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{delta}}}"))
    };
    let text = start(r#"{"type":"text","text":""}"#);
    let thinking = start(r#"{"type":"thinking","thinking":""}"#);
    let call = start(r#"{"type":"tool_use","id":"t","name":"exec","input":{}}"#);
    vec![
        ("text", floods(&text, &delta(&format!("{{\"text\":\"{long}\"}}"))), End::Cut),
        ("thinking", floods(&thinking, &delta(&format!("{{\"thinking\":\"{long}\"}}"))), End::Cut),
        (
            "signature",
            floods(&thinking, &delta(&format!("{{\"signature\":\"{long}\"}}"))),
            End::Cut,
        ),
        ("arguments", floods(&call, &delta(&format!("{{\"partial_json\":\"{long}\"}}"))), End::Cut),
        ("calls", floods("", &call), End::Cut),
        ("blocks", floods("", &text), End::Cut),
        ("pings", floods("", "event: ping\ndata: {\"type\":\"ping\"}\n\n"), End::Cut),
    ]
}

fn responses_kinds() -> Vec<Kind> {
    let long = "y".repeat(50_000);
    let added = |item: &str| {
        event(&format!(
            "{{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{item}}}"
        ))
    };
    let delta = |sort: &str| {
        event(&format!(
            "{{\"type\":\"response.{sort}.delta\",\"output_index\":0,\"delta\":\"{long}\"}}"
        ))
    };
    let call =
        added(r#"{"type":"function_call","id":"fc_1","call_id":"c","name":"exec","arguments":""}"#);
    vec![
        (
            "text",
            floods(&added(r#"{"type":"message","id":"msg_1"}"#), &delta("output_text")),
            End::Cut,
        ),
        (
            "thinking",
            floods(&added(r#"{"type":"reasoning","id":"rs_1"}"#), &delta("reasoning_text")),
            End::Cut,
        ),
        ("arguments", floods(&call, &delta("function_call_arguments")), End::Cut),
        ("calls", floods("", &call), End::Cut),
        ("unknown events", floods("", &event("{\"type\":\"response.odd\"}")), End::Cut),
    ]
}

/// What does not depend on the dialect.
fn transport_kinds() -> Vec<Kind> {
    let plain = || vec![("content-type", "text/event-stream".to_owned())];
    let json = || vec![("content-type", "application/json".to_owned())];
    let years = || vec![("retry-after", "99999999999".to_owned())];
    let packed = || vec![("content-encoding", "gzip".to_owned())];
    let heads = |length: usize| vec![("x-long", "y".repeat(length))];
    let page = "<html>".repeat(20_000);
    vec![
        ("an event without end", floods("data: ", "y"), End::Cut),
        ("a line without end", floods("", "y"), End::Cut),
        ("comments", floods("", ": keep-alive\n\n"), End::Cut),
        ("blank lines", floods("", "\n"), End::Cut),
        ("JSON without end", sends(200, json(), "{\"a\":\"", &"y".repeat(65_536)), End::Cut),
        ("JSON nested without end", sends(200, json(), "{\"a\":", &"[".repeat(65_536)), End::Cut),
        (
            "binary",
            sends(200, plain(), "\u{1}\u{0}\u{7f}", &"\u{1}\u{0}\n".repeat(20_000)),
            End::Cut,
        ),
        (
            "an error body without end",
            sends(500, json(), "{\"a\":\"", &"y".repeat(65_536)),
            End::Error,
        ),
        ("a refusal without end", sends(400, json(), "{\"a\":\"", &"y".repeat(65_536)), End::Error),
        ("a compressed answer", sends(200, packed(), "\u{1f}", &"\u{0}".repeat(65_536)), End::Cut),
        ("a compressed error", sends(500, packed(), "\u{1f}", &"\u{0}".repeat(65_536)), End::Error),
        ("a web page", sends(200, plain(), &page, &page), End::Cut),
        ("a page of an error", sends(503, Vec::new(), &page, &page), End::Error),
        (
            "redirects",
            sends(307, vec![("location", "/v1/chat/completions".to_owned())], "", ""),
            End::Cut,
        ),
        ("a wait of ages", sends(429, years(), "", ""), End::Cut),
        ("a long header", sends(200, heads(2_000_000), "", ""), End::Cut),
        (
            "many headers",
            sends(200, (0..300).map(|_| ("x-a", "b".to_owned())).collect(), "", ""),
            End::Cut,
        ),
        ("nothing", sends(200, plain(), "", ""), End::Error),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_chat_completions_are_cut_and_survived() {
    let mut kinds = chat_kinds();
    kinds.extend(transport_kinds());
    assert!(kinds.len() > 30);
    survive(Dialect::Chat, kinds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_messages_are_cut_and_survived() {
    survive(Dialect::Messages, messages_kinds()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_responses_are_cut_and_survived() {
    survive(Dialect::Responses, responses_kinds()).await;
}

async fn survive(dialect: Dialect, kinds: Vec<Kind>) {
    let llm = Llm::script([says("ready")]);
    let home = quiet(TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap());
    let provider = llm.provider_config(dialect);
    home.merge_config(&json!({"models": {"providers": {"mock": provider}}})).unwrap();
    let gateway = Gateway::start(openclaw(), &home).unwrap();
    let mut client = gateway.connect(4).await.unwrap();
    assert_eq!(turn(&mut client, dialect, "warm-up").await["state"], "final");
    let idle = memory(&gateway, "VmRSS:");

    for (name, step, end) in kinds {
        let before = llm.count();
        // What is asked for again is answered, which tells on a kind that must be cut.
        llm.then([step.clone(), says("again")]);
        let ended = turn(&mut client, dialect, name).await;
        let asked = llm.count() - before;

        let peak = memory(&gateway, "VmHWM:");
        let what = format!("{dialect:?}, {name}: asked {asked} times, {peak} KiB, {ended}");
        assert!(peak < idle + ABOVE_IDLE_KIB_MAX, "{what}, idle {idle} KiB");
        match end {
            End::Cut => {
                assert_eq!((&ended["state"], asked), (&json!("error"), 1), "{what}");
                let told = ended["errorMessage"].as_str().unwrap_or_default();
                assert!(told.len() > 20 && told.len() < 1000, "{what}");
                llm.skip(1);
            }
            End::Error | End::Said => {
                let said = ["final", "error"].map(Value::from);
                assert!(said.contains(&ended["state"]), "{what}");
                llm.skip(2 - asked.min(2));
            }
        }
        llm.then([says("still here")]);
        let next = turn(&mut client, dialect, &format!("after {name}")).await;
        assert_eq!(next["state"], "final", "{what}: {next}");
    }
}

/// Runs one turn in a session of its own; gives the event that ends it.
async fn turn(client: &mut WsClient, dialect: Dialect, name: &str) -> Value {
    let run = format!("{dialect:?} {name}");
    let key: String = run.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
    let params = json!({"sessionKey": key.to_lowercase(), "message": name, "idempotencyKey": run});
    client.call("chat.send", params).await.unwrap();
    let ends = |it: &Value| {
        it["runId"] == *run && ["final", "aborted", "error"].iter().any(|end| it["state"] == *end)
    };
    client.event("chat", PATIENCE, ends).await.unwrap()
}

/// A line of the process's status, in KiB.
fn memory(gateway: &Gateway, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
