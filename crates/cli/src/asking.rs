//! Commands that ask the gateway one thing and show its answer: their options, and how they do it.

use serde_json::Value;

use crate::{args::Rpc, error::Failure, program::Program, target, ui};

/// How the answer is shown, and who is asked: for at most `PATIENCE_MS`, unless the person says
/// otherwise.
#[derive(Debug, clap::Args)]
pub(crate) struct Asking<const PATIENCE_MS: u64> {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    rpc: Rpc,
}

impl<const PATIENCE_MS: u64> Asking<PATIENCE_MS> {
    /// Calls one method.
    pub(crate) async fn ask(
        &self,
        program: &Program,
        method: &str,
        params: Value,
    ) -> Result<Value, Failure> {
        let patience = self.rpc.patience(PATIENCE_MS);
        target::ask(program, &self.rpc, patience, method, params).await
    }

    /// Shows the answer, as `text` says it to a person.
    pub(crate) fn tell<P: Into<ui::Page>>(&self, answer: &Value, text: impl FnOnce() -> P) {
        if self.json {
            ui::answer_json(answer);
        } else {
            ui::answer(text());
        }
    }
}
