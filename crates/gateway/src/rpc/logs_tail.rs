//! `logs.tail`: the newest lines of the log file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Cx, Method, RpcError};

const LINES_DEFAULT: usize = 500;
const BYTES_DEFAULT: u64 = 250_000;

/// Reads the log.
pub(super) struct LogsTail;

/// Where to go on, and how much at once.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Params {
    cursor: Option<u64>,
    #[schemars(range(min = 1, max = 5000))]
    limit: Option<usize>,
    #[schemars(range(min = 1, max = 1_000_000))]
    max_bytes: Option<u64>,
}

/// The lines, and where to go on.
#[derive(Serialize)]
pub(super) struct Reply {
    file: String,
    cursor: u64,
    size: u64,
    lines: Vec<String>,
    truncated: bool,
    reset: bool,
}

impl Method for LogsTail {
    const NAME: &'static str = "logs.tail";
    const SCOPE: domain::Scope = domain::Scope::Read;
    const KIND: super::Kind = super::Kind::Read;
    type Params = Params;
    type Reply = Reply;

    async fn call(cx: Cx, params: Params) -> Result<Reply, RpcError> {
        let file = cx.gateway.config().logging.file.clone();
        let now = cx.gateway.clock.now();
        let limit = params.limit.unwrap_or(LINES_DEFAULT);
        let bytes_max = params.max_bytes.unwrap_or(BYTES_DEFAULT);
        let read = move || {
            let path = store::log_path(file.as_deref(), now);
            store::tail_log(&path, params.cursor, limit, bytes_max)
        };
        let tail = match tokio::task::spawn_blocking(read).await {
            Ok(Ok(tail)) => tail,
            Ok(Err(cause)) => return Err(RpcError::internal("log read failed", &cause)),
            Err(cause) => return Err(RpcError::internal("log read failed", &cause)),
        };
        let store::LogTail { file, cursor, size, lines, truncated, reset } = tail;
        Ok(Reply { file, cursor, size, lines, truncated, reset })
    }
}
