//! `read`: shows a file to the model, text by lines and images as they are.

mod variants;
mod window;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Content, Effect, Part};
use policy::Permit;
use sandbox::{FileKind, SandboxError};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Tool, ToolCx, ToolError, ToolOutput, path,
    schema::{missing, trimmed},
};

/// Largest file that is read at all.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Largest image that models take: 5 MB as base64.
const IMAGE_BYTES_MAX: usize = 3_750_000;

/// Reads files.
pub(crate) struct Read;

/// Arguments of `read`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Args {
    /// File to read, relative to the workspace or absolute.
    #[schemars(extend(
        "x-aliases" = ["file", "filename", "fileName", "target", "targetFile", "absolutePath"]
    ))]
    path: Option<String>,
    /// Same as path.
    file_path: Option<String>,
    /// First line to show, from 1.
    #[schemars(extend("x-aliases" = ["startLine", "lineStart", "line"]))]
    offset: Option<u64>,
    /// Most lines to show.
    #[schemars(extend("x-aliases" = ["lines", "numLines", "maxLines", "lineCount"]))]
    limit: Option<u64>,
}

impl Args {
    fn path(&self) -> Option<String> {
        trimmed(self.path.as_deref()).or(trimmed(self.file_path.as_deref())).map(path::clean)
    }
}

impl Tool for Read {
    const NAME: &'static str = "read";
    const DESCRIPTION: &'static str = "Read a file. Text comes up to 2000 lines or 50 KB at a \
        time; go on with offset and limit. Images (jpeg, png, gif, webp) are shown.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        Effect::Read { path: args.path().unwrap_or_default() }
    }

    async fn run(&self, args: Args, _permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let path = args.path().ok_or_else(|| missing("path", "path or file_path"))?;
        if cx.limits.workspace_only {
            path::confine(cx.sandbox.workdir(), &path)?;
        }
        let bytes = load(&path, cx).await?;
        if let Some(mime_type) = image_type(&bytes) {
            return Ok(image(&bytes, mime_type));
        }
        let text = String::from_utf8_lossy(&bytes);
        let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let shown = window::window(&path, &text, args.offset.map(index), args.limit.map(index))
            .map_err(ToolError::Failed)?;
        Ok(ToolOutput::text(shown))
    }
}

/// The file's bytes, also when its name on disk is spelt in one of the ways of macOS.
async fn load(path: &str, cx: &ToolCx) -> Result<Vec<u8>, ToolError> {
    match cx.sandbox.read(path, FILE_BYTES_MAX).await {
        Ok(bytes) => return Ok(bytes),
        Err(SandboxError::NotFound { .. }) => {}
        Err(error) => return Err(explain(error, path, cx).await),
    }
    for variant in variants::of(path) {
        if let Ok(bytes) = cx.sandbox.read(&variant, FILE_BYTES_MAX).await {
            return Ok(bytes);
        }
    }
    Err(ToolError::Failed(format!("File not found: {path}")))
}

/// A failure in words that say what to do instead.
async fn explain(error: SandboxError, path: &str, cx: &ToolCx) -> ToolError {
    if let SandboxError::TooLarge { bytes, .. } = &error {
        return ToolError::Failed(format!(
            "{path} has {bytes} bytes, too many to read; use exec with head, tail, sed or grep."
        ));
    }
    match cx.sandbox.stat(path).await {
        Ok(Some(stat)) if stat.kind == FileKind::Directory => {
            ToolError::Failed(format!("{path} is a directory; list it with exec (ls)."))
        }
        Ok(_) | Err(_) => error.into(),
    }
}

fn image_type(bytes: &[u8]) -> Option<&'static str> {
    let kind = infer::get(bytes)?.mime_type();
    ["image/jpeg", "image/png", "image/gif", "image/webp"].into_iter().find(|mime| *mime == kind)
}

fn image(bytes: &[u8], mime_type: &str) -> ToolOutput {
    if bytes.len() > IMAGE_BYTES_MAX {
        return ToolOutput::text(format!(
            "An image ({mime_type}) of {} bytes, too large to show; shrink it first.",
            bytes.len()
        ));
    }
    let note = Part::text(format!("Image file ({mime_type}):"));
    let picture = Part::Image { data: STANDARD.encode(bytes), mime_type: mime_type.to_owned() };
    ToolOutput { content: Content(vec![note, picture]), details: None }
}
