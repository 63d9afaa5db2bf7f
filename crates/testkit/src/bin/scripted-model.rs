//! Serves the steered scripted model for demos and benches: `scripted-model [--port <port>]`.

use std::io::Write as _;

use testkit::llm::Llm;

#[expect(clippy::disallowed_methods, reason = "its address is for a script")]
fn main() -> anyhow::Result<()> {
    let mut port = 0;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--port" => {
                let value = arguments.next().unwrap_or_default();
                port = value.parse().map_err(|_| anyhow::anyhow!("`{value}` is no port"))?;
            }
            other => anyhow::bail!("unknown argument `{other}`; use --port <port>"),
        }
    }
    let llm = Llm::steered_at(port);
    let mut out = std::io::stdout();
    writeln!(out, "{}", llm.base_url())?;
    out.flush()?;
    loop {
        std::thread::park();
    }
}
