//! The image of a sandbox's browser: built by its script, started as a gateway would start it,
//! controlled by CDP with its token, and watched through its page with its password.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    self, Message, WebSocket, client::IntoClientRequest as _, http::HeaderValue,
};

use crate::{
    rig::{Ran, bridge, docker, root},
    vnc,
};

const IMAGE: &str = "openclaw-sandbox-browser:test";
const CONTRACT: &str = "2026-05-12-cdp-relay-auth";
const TOKEN: &str = "5f1d";
const PASSWORD: &str = "watch-me";
/// How long a started browser may take until it answers.
const START_MAX: Duration = Duration::from_mins(1);
/// How long it may take to say something. `x11vnc` waits up to 20 s for a watcher who hung up in the
/// middle of a message.
const PATIENCE: Duration = Duration::from_mins(1);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A container of the image, as a gateway makes it: any user, nothing to write but `/tmp`.
struct Browser {
    name: String,
}

impl Browser {
    fn start(settings: &[&str]) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("openclaw-test-browser-{}-{number}", std::process::id());
        let mut args = vec!["run", "-d", "--name", &name, "--label", "openclaw.test=browser"];
        args.extend(["--read-only", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp", "--tmpfs", "/run"]);
        args.extend(["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]);
        args.extend(["--user", "4321:4321", "-p", "127.0.0.1::9222", "-p", "127.0.0.1::6080"]);
        args.extend(["-e", "OPENCLAW_BROWSER_NO_SANDBOX=1"]);
        for setting in settings {
            args.extend(["-e", setting]);
        }
        args.push(IMAGE);
        docker(&args).assert_done();
        Self { name }
    }

    fn address(&self, port: u16) -> SocketAddr {
        let ran = docker(&["port", &self.name, &format!("{port}/tcp")]);
        ran.out.trim().parse().unwrap_or_else(|_| panic!("{}: {}", ran.err, self.log()))
    }

    fn log(&self) -> String {
        let ran = docker(&["logs", &self.name]);
        ran.out + &ran.err
    }

    /// The address of the debugging port, once it answers.
    fn cdp(&self) -> SocketAddr {
        let address = self.address(9222);
        let begin = Instant::now();
        while get(address, "GET", "/json/version", Some(TOKEN)).0 != 200 {
            assert!(begin.elapsed() < START_MAX, "no browser answers: {}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
        address
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(docker(&["rm", "-fv", &self.name]));
    }
}

fn build() {
    let output = Command::new(root().join("scripts/sandbox-browser-setup.sh"))
        .env("TARGET_IMAGE", IMAGE)
        .current_dir("/")
        .output()
        .unwrap();
    let ran = Ran::from(output);
    ran.assert_done();
    assert_eq!(ran.out.lines().last(), Some("Built openclaw-sandbox-browser:test"));
}

/// Asks for a path. Gives the status, 0 when nobody answers, and the body.
fn get(address: SocketAddr, verb: &str, path: &str, token: Option<&str>) -> (u16, String) {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let proof = token.map(|it| format!("Authorization: Bearer {it}\r\n")).unwrap_or_default();
        let head = format!("{verb} {path} HTTP/1.1\r\nHost: {address}\r\n{proof}");
        stream.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = ask().unwrap_or_default();
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

fn socket(
    url: &str,
    headers: &[(&'static str, String)],
) -> tungstenite::Result<WebSocket<TcpStream>> {
    let mut request = url.into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
    }
    let stream = TcpStream::connect(request.uri().authority().unwrap().as_str())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    match tungstenite::client::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(error)) => Err(error),
        Err(tungstenite::HandshakeError::Interrupted(_)) => panic!("no answer to the handshake"),
    }
}

/// What a page's script comes to.
fn evaluate(socket: &mut WebSocket<TcpStream>, script: &str) -> Value {
    let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
    let call = json!({ "id": 1, "method": "Runtime.evaluate", "params": params });
    socket.send(Message::text(call.to_string())).unwrap();
    loop {
        let message = socket.read().unwrap();
        let Message::Text(text) = message else { continue };
        let answer: Value = serde_json::from_str(&text).unwrap();
        if answer["id"] == 1 {
            return answer["result"]["result"]["value"].clone();
        }
    }
}

/// A page of this machine, for whoever comes over the engine's bridge.
fn page() -> String {
    let listener = TcpListener::bind((bridge(), 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let text = "<title>wait</title><script>document.title = 'made by ' + 6 * 7</script>";
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            if stream.read(&mut head).is_ok() {
                let length = text.len();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close";
                drop(write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{text}"));
            }
        }
    });
    format!("http://{address}/")
}

#[test]
fn the_image_keeps_the_contract_and_shows_pages_to_who_has_the_token() {
    build();
    let format = "{{json .Config}}";
    let config: Value =
        serde_json::from_str(&docker(&["image", "inspect", "-f", format, IMAGE]).out).unwrap();
    assert_eq!(config["Labels"]["org.openclaw.sandbox-browser.contract"], CONTRACT);
    assert_eq!(
        (&config["User"], &config["Cmd"]),
        (&json!("sandbox"), &json!(["openclaw-sandbox-browser"]))
    );
    let ports: Vec<&String> = config["ExposedPorts"].as_object().unwrap().keys().collect();
    assert_eq!(ports, ["5900/tcp", "6080/tcp", "9222/tcp"]);

    let browser = Browser::start(&[
        &format!("OPENCLAW_BROWSER_CDP_AUTH_TOKEN={TOKEN}"),
        &format!("OPENCLAW_BROWSER_NOVNC_PASSWORD={PASSWORD}"),
    ]);
    let cdp = browser.cdp();

    // The token, and nothing else.
    let version: Value =
        serde_json::from_str(&get(cdp, "GET", "/json/version", Some(TOKEN)).1).unwrap();
    assert!(version["Browser"].as_str().unwrap().starts_with("Chrome/"), "{version}");
    let url = version["webSocketDebuggerUrl"].as_str().unwrap();
    assert!(url.starts_with(&format!("ws://{cdp}/devtools/browser/")), "{url}");
    assert_eq!(get(cdp, "GET", "/json/version", None).0, 401);
    assert_eq!(get(cdp, "GET", "/json/version", Some("5f1")).0, 401);
    assert!(matches!(socket(url, &[]), Err(tungstenite::Error::Http(it)) if it.status() == 401));

    // A page is loaded, and its script runs.
    let (status, target) = get(cdp, "PUT", &format!("/json/new?{}", page()), Some(TOKEN));
    assert_eq!(status, 200, "{target}");
    let target: Value = serde_json::from_str(&target).unwrap();
    let url = target["webSocketDebuggerUrl"].as_str().unwrap();
    let mut tab = socket(url, &[("authorization", format!("Bearer {TOKEN}"))]).unwrap();
    let loaded = "new Promise(done => { const look = () => document.title.startsWith('made') ? \
                  done(document.title) : setTimeout(look, 20); look(); })";
    assert_eq!(evaluate(&mut tab, loaded), "made by 42");

    // Who is told the password can watch it.
    let pages = browser.address(6080);
    let (status, text) = get(pages, "GET", "/vnc.html", None);
    assert!(status == 200 && text.contains("noVNC"), "{status}");
    let watch = |password| {
        let url = format!("ws://{pages}/websockify");
        let protocol = [("sec-websocket-protocol", "binary".to_owned())];
        vnc::signs_in(socket(&url, &protocol).unwrap(), password)
    };
    assert!(watch(PASSWORD));
    assert!(!watch("guess-me"));
}

#[test]
fn without_a_display_it_serves_all_the_same_and_stops_when_told() {
    build();
    let browser = Browser::start(&[
        &format!("OPENCLAW_BROWSER_CDP_AUTH_TOKEN={TOKEN}"),
        "OPENCLAW_BROWSER_HEADLESS=1",
    ]);

    let cdp = browser.cdp();
    let running = docker(&["top", &browser.name, "-eo", "comm"]).out;
    let pages = TcpStream::connect(browser.address(6080))
        .map(|_| get(browser.address(6080), "GET", "/", None).0);

    assert_eq!(cdp.ip(), Ipv4Addr::LOCALHOST);
    assert!(!running.contains("Xvfb") && !running.contains("x11vnc"), "{running}");
    assert_eq!(pages.unwrap_or(0), 0);
    let begin = Instant::now();
    docker(&["stop", &browser.name]).assert_done();
    assert!(begin.elapsed() < Duration::from_secs(9), "it had to be killed");
    let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", &browser.name]).out;
    assert_eq!(code, "0\n");
}

#[test]
fn without_a_token_it_does_not_start() {
    build();
    let ran = docker(&["run", "--rm", "--label", "openclaw.test=browser", IMAGE]);

    assert!(!ran.is_done);
    assert!(ran.err.contains("error: OPENCLAW_BROWSER_CDP_AUTH_TOKEN is not set"), "{}", ran.err);
}
