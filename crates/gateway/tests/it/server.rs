//! A gateway in this process, on a port of the system's choice.

use std::{collections::BTreeMap, time::Duration};

use config::{Env, Locations};
use gateway::{App, Options, Overrides, Running, StartError};
use serde_json::{Value, json};
use testkit::{
    home::{TOKEN, TempHome},
    llm::Llm,
};

use crate::client::Client;

/// A gateway, its home and its model.
pub(crate) struct Server {
    pub(crate) home: TempHome,
    pub(crate) running: Running,
}

impl Server {
    /// Starts a gateway whose model is `llm`.
    pub(crate) async fn with_model(llm: &Llm) -> Self {
        let home = TempHome::with_model(&format!("{}/v1", llm.base_url())).unwrap();
        Self::at(home).await
    }

    /// Starts a gateway that needs no model.
    pub(crate) async fn plain() -> Self {
        Self::at(TempHome::minimal().unwrap()).await
    }

    /// Starts a gateway in `home`.
    pub(crate) async fn at(home: TempHome) -> Self {
        let running = start(&home, overrides()).await.unwrap();
        Self { home, running }
    }

    /// Starts a gateway that waits only so long for `connect`.
    pub(crate) async fn patient(home: TempHome, patience: Duration) -> Self {
        let variable = ("OPENCLAW_HANDSHAKE_TIMEOUT_MS", patience.as_millis().to_string());
        let running = start_with(&home, overrides(), &[variable]).await.unwrap();
        Self { home, running }
    }

    /// Starts a gateway in `home` with this in its environment.
    pub(crate) async fn with_variable(home: TempHome, name: &str, value: &str) -> Self {
        let running = start_with(&home, overrides(), &[(name, value.to_owned())]).await.unwrap();
        Self { home, running }
    }

    /// Opens a WebSocket, says nothing yet.
    pub(crate) async fn open(&self) -> Client {
        Client::open(self.running.addr, &[]).await
    }

    /// Connects as the program that tests speak as.
    pub(crate) async fn connect(&self, version: u32) -> Client {
        let mut client = self.open().await;
        let hello = client.connect(&connect_params(version)).await;
        assert_eq!(hello["ok"], true, "{hello}");
        client
    }

    /// Stops the gateway.
    pub(crate) async fn stop(self) -> TempHome {
        self.running.stop("gateway stopping", None).await;
        self.home
    }
}

/// Params of a good `connect`.
pub(crate) fn connect_params(version: u32) -> Value {
    json!({
        "minProtocol": version,
        "maxProtocol": version,
        "client": {"id": "gateway-client", "version": "1.0.0", "platform": "linux",
            "mode": "backend"},
        "role": "operator",
        "scopes": ["operator.admin", "operator.read", "operator.write",
            "operator.approvals", "operator.pairing"],
        "caps": ["tool-events"],
        "auth": {"token": TOKEN},
    })
}

/// Flags that let many gateways run beside each other.
pub(crate) fn overrides() -> Overrides {
    Overrides { port: Some(0), ..Overrides::default() }
}

/// Starts a gateway in `home`.
pub(crate) async fn start(home: &TempHome, overrides: Overrides) -> Result<Running, StartError> {
    start_with(home, overrides, &[]).await
}

async fn start_with(
    home: &TempHome,
    overrides: Overrides,
    variables: &[(&str, String)],
) -> Result<Running, StartError> {
    let path = home.path().to_path_buf();
    let mut vars = BTreeMap::from([("HOME".to_owned(), path.display().to_string())]);
    vars.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let env = Env::of(vars, &path, &path);
    let locations = Locations::find(&env, None, false).unwrap();
    let loaded = config::load(&locations, &env);
    App::start(Options {
        locations,
        env,
        loaded,
        overrides,
        allow_unconfigured: false,
        clock: domain::SystemClock::shared(),
    })
    .await
}
