//! `chat.history` of a transcript of ten megabytes, asked by the first client after the start.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    time::Instant,
};

use serde_json::json;
use testkit::{gateway::Gateway, home::TempHome};

use super::{
    lab::{Lab, median, ms},
    report::{Row, Verdict},
    wire::Wire,
};

const SESSION: &str = "5ca1ab1e-0000-4000-8000-000000000001";
const KEY: &str = "agent:main:long";
const BYTES: usize = 10 * 1000 * 1000;

/// 2026-11-22T12:00:00Z.
const BEGIN_MS: u64 = 1_795_348_800_000;

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let home = TempHome::minimal()?;
    write_transcript(&home)?;
    // The most that may be asked for, and what is asked for by default.
    let most = json!({ "sessionKey": KEY, "limit": 1000 });
    let usual = json!({ "sessionKey": KEY });
    let (mut cold, mut warm, mut short) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..lab.rounds(10) {
        let gateway = Gateway::start(&lab.openclaw, &home)?;
        let mut wire = Wire::connect(gateway.port(), gateway.token()).await?;
        let asked = [(&mut cold, &most), (&mut warm, &most), (&mut short, &usual)];
        for (samples, params) in asked {
            let begin = Instant::now();
            let reply = wire.call("chat.history", params).await?;
            samples.push(ms(begin.elapsed()));
            anyhow::ensure!(reply.contains("assistant"), "no messages in the history");
        }
        drop(wire);
        gateway.terminate()?;
        gateway.wait()?;
    }
    let first = median(&mut cold);
    Ok(vec![Row {
        figure: "`chat.history` of a 10 MB transcript, 1,000 messages",
        goal: "≤ 30 ms",
        reference: "",
        measured: format!(
            "{first:.1} ms at first, {:.1} ms again (200 messages: {:.1} ms)",
            median(&mut warm),
            median(&mut short)
        ),
        verdict: Verdict::of(first <= 30.0),
    }])
}

/// Writes a session as OpenClaw 2026.2 would have left it: turns of about two kilobytes.
fn write_transcript(home: &TempHome) -> anyhow::Result<()> {
    let folder = home.state_dir().join("agents/main/sessions");
    fs::create_dir_all(&folder)?;
    let iso = "2026-11-22T12:00:00.000Z";
    let mut file = BufWriter::new(File::create(folder.join(format!("{SESSION}.jsonl")))?);
    let mut written = 0;
    let mut put = |line: serde_json::Value| -> anyhow::Result<usize> {
        let text = line.to_string();
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        Ok(text.len() + 1)
    };
    written += put(json!({
        "type": "session", "version": 3, "id": SESSION, "timestamp": iso, "cwd": "/",
    }))?;
    let words = "All work and no play makes a long transcript. ".repeat(20);
    let (mut parent, mut number) = (json!(null), 0_u64);
    while written < BYTES {
        let time_ms = BEGIN_MS + number;
        let content = json!([{ "type": "text", "text": format!("{number}: {words}") }]);
        let message = if number.is_multiple_of(2) {
            json!({ "role": "user", "content": content, "timestamp": time_ms })
        } else {
            json!({
                "role": "assistant", "content": content, "timestamp": time_ms,
                "api": "openai-completions", "provider": "mock", "model": "mock-1",
                "usage": { "input": 10, "output": 10, "totalTokens": 20 }, "stopReason": "stop",
            })
        };
        let id = format!("{number:08x}");
        written += put(json!({
            "type": "message", "id": id, "parentId": parent, "timestamp": iso,
            "message": message,
        }))?;
        parent = json!(id);
        number += 1;
    }
    file.flush()?;
    let index = json!({ KEY: { "sessionId": SESSION, "updatedAt": BEGIN_MS + number } });
    fs::write(folder.join("sessions.json"), index.to_string())?;
    Ok(())
}
