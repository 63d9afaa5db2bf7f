//! From the start of the gateway's process to `hello-ok` at its first client.

use std::time::{Duration, Instant};

use testkit::{
    gateway::{Gateway, free_port},
    home::TempHome,
};
use tokio::{net::TcpStream, time::sleep};

use super::{
    lab::{Lab, median, ms},
    report::{Row, Verdict},
    wire::Wire,
};

pub(super) async fn measure(lab: &Lab) -> anyhow::Result<Vec<Row>> {
    let home = TempHome::minimal()?;
    let mut samples = Vec::new();
    for _ in 0..lab.rounds(20) {
        let port = free_port()?;
        let begin = Instant::now();
        let gateway = Gateway::spawn(&lab.openclaw, &home, port, &[])?;
        let stream = listening(port, begin).await?;
        let wire = Wire::hello(stream, port, gateway.token()).await?;
        samples.push(ms(begin.elapsed()));
        drop(wire);
        gateway.terminate()?;
        gateway.wait()?;
    }
    let middle = median(&mut samples);
    Ok(vec![Row {
        figure: "start of the process → `hello-ok`",
        goal: "≤ 30 ms",
        reference: "11,568 ms",
        measured: format!("{middle:.1} ms"),
        verdict: Verdict::of(middle <= 30.0),
    }])
}

/// Tries to connect until somebody listens.
async fn listening(port: u16, begin: Instant) -> anyhow::Result<TcpStream> {
    loop {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) if begin.elapsed() > Duration::from_secs(20) => return Err(error.into()),
            Err(_) => sleep(Duration::from_micros(250)).await,
        }
    }
}
