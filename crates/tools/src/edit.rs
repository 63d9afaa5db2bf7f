//! `edit`: replaces exact text in a file and leaves every other byte alone.

mod diff;
mod replace;

use domain::Effect;
use policy::Permit;
use sandbox::SandboxError;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Tool, ToolCx, ToolError, ToolOutput, path,
    schema::{missing, trimmed},
};
use domain::Content;
use replace::{Failure, Replacement};

/// Largest file that is edited.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Edits files.
pub(crate) struct Edit;

/// Arguments of `edit`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Args {
    /// File to change, relative to the workspace or absolute.
    #[schemars(extend(
        "x-aliases" = ["file", "filename", "fileName", "target", "targetFile", "absolutePath"]
    ))]
    path: Option<String>,
    /// Same as path.
    file_path: Option<String>,
    /// Text to replace; it must occur exactly once, so include enough lines around it.
    #[serde(rename = "oldText")]
    #[schemars(extend("x-aliases" = ["oldStr", "old", "search", "find"]))]
    old_text: Option<String>,
    /// Same as oldText.
    old_string: Option<String>,
    /// Text to put in its place.
    #[serde(rename = "newText")]
    #[schemars(extend("x-aliases" = ["newStr", "new", "replace", "replacement"]))]
    new_text: Option<String>,
    /// Same as newText.
    new_string: Option<String>,
    /// Several replacements at once, each found in the file as it is now.
    edits: Option<Vec<Pair>>,
}

/// One replacement.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Pair {
    /// Text to replace; it must occur exactly once.
    #[serde(rename = "oldText")]
    #[schemars(extend("x-aliases" = ["oldString", "oldStr", "old", "search", "find"]))]
    old_text: Option<String>,
    /// Text to put in its place.
    #[serde(rename = "newText")]
    #[schemars(extend(
        "x-aliases" = ["newString", "newStr", "new", "replace", "replacement"]
    ))]
    new_text: Option<String>,
}

impl Args {
    fn path(&self) -> Option<String> {
        trimmed(self.path.as_deref()).or(trimmed(self.file_path.as_deref())).map(path::clean)
    }

    fn replacements(self) -> Result<Vec<Replacement>, ToolError> {
        let old = self.old_text.or(self.old_string);
        let new = self.new_text.or(self.new_string);
        let mut pairs: Vec<_> = self.edits.unwrap_or_default();
        if old.is_some() || new.is_some() || pairs.is_empty() {
            pairs.push(Pair { old_text: old, new_text: new });
        }
        pairs
            .into_iter()
            .map(|pair| {
                let old = pair.old_text.filter(|old| !old.is_empty());
                Ok(Replacement {
                    old: old.ok_or_else(|| missing("oldText", "oldText or old_string"))?,
                    new: pair
                        .new_text
                        .ok_or_else(|| missing("newText", "newText or new_string"))?,
                })
            })
            .collect()
    }
}

impl Tool for Edit {
    const NAME: &'static str = "edit";
    const DESCRIPTION: &'static str = "Change a part of a file by replacing text that occurs \
        exactly once. Small differences in spaces at line ends and in quotes are forgiven. Use \
        edits for several changes to one file.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        Effect::Write { paths: args.path().into_iter().collect() }
    }

    async fn run(&self, args: Args, _permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let path = args.path().ok_or_else(|| missing("path", "path or file_path"))?;
        let replacements = args.replacements()?;
        if cx.limits.workspace_only {
            path::confine(cx.sandbox.workdir(), &path)?;
        }
        let bytes = cx.sandbox.read(&path, FILE_BYTES_MAX).await.map_err(|error| {
            if matches!(error, SandboxError::NotFound { .. }) {
                ToolError::Failed(format!("File not found: {path}"))
            } else {
                error.into()
            }
        })?;
        let before = String::from_utf8(bytes)
            .map_err(|_| ToolError::Failed(format!("{path} is not UTF-8 text.")))?;
        let after = replace::apply(&before, &replacements)
            .map_err(|failure| ToolError::Failed(explain(&failure, &path)))?;
        cx.sandbox.write(&path, after.as_bytes()).await?;
        let text = match replacements.len() {
            1 => format!("Successfully replaced text in {path}."),
            count => format!("Successfully replaced {count} texts in {path}."),
        };
        let (diff, first_changed_line) = diff::numbered(&before, &after);
        let details = json!({ "diff": diff, "firstChangedLine": first_changed_line });
        Ok(ToolOutput { content: Content::text(text), details: Some(details) })
    }
}

fn explain(failure: &Failure, path: &str) -> String {
    match failure {
        Failure::NotFound { nth } => format!(
            "Could not find the text{} in {path}. Read the file again: the text must match \
             exactly, with all spaces and line breaks.",
            of_edit(*nth)
        ),
        Failure::Ambiguous { nth, count } => format!(
            "Found {count} occurrences of the text{} in {path}. It must occur once: add lines \
             around it.",
            of_edit(*nth)
        ),
        Failure::Overlap => format!("Two edits touch the same text of {path}. Join them."),
        Failure::Unchanged => {
            format!("Nothing would change in {path}: old and new text are the same.")
        }
    }
}

fn of_edit(nth: Option<usize>) -> String {
    nth.map_or_else(String::new, |nth| format!(" of edit {nth}"))
}
