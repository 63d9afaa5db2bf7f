//! `write`: makes a file, or replaces one.

use domain::Effect;
use policy::Permit;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Tool, ToolCx, ToolError, ToolOutput, path,
    schema::{missing, trimmed},
};

/// Writes whole files.
pub(crate) struct Write;

/// Arguments of `write`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Args {
    /// File to write, relative to the workspace or absolute.
    #[schemars(extend(
        "x-aliases" = ["file", "filename", "fileName", "target", "targetFile", "absolutePath"]
    ))]
    path: Option<String>,
    /// Same as path.
    file_path: Option<String>,
    /// All of its new text.
    #[schemars(extend("x-aliases" = ["contents", "text", "fileText", "data", "body"]))]
    content: Option<String>,
}

impl Args {
    fn path(&self) -> Option<String> {
        trimmed(self.path.as_deref()).or(trimmed(self.file_path.as_deref())).map(path::clean)
    }
}

impl Tool for Write {
    const NAME: &'static str = "write";
    const DESCRIPTION: &'static str = "Write a file, replacing what was there. Missing \
        directories are made. To change a part of a file use edit.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        Effect::Write { paths: args.path().into_iter().collect() }
    }

    async fn run(&self, args: Args, _permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let path = args.path().ok_or_else(|| missing("path", "path or file_path"))?;
        let content = args.content.ok_or_else(|| missing("content", "content"))?;
        if cx.limits.workspace_only {
            path::confine(cx.sandbox.workdir(), &path)?;
        }
        cx.sandbox.write(&path, content.as_bytes()).await?;
        Ok(ToolOutput::text(format!("Successfully wrote {} bytes to {path}", content.len())))
    }
}
