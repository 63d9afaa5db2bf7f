//! `apply_patch`: changes several files at once, all of them or, when the patch does not fit,
//! none.
//!
//! Everything is read and worked out before the first file is written.

use std::collections::BTreeMap;

use domain::{Content, Effect};
use policy::Permit;
use sandbox::SandboxError;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::{
    Tool, ToolCx, ToolError, ToolOutput,
    patch::{self, Change},
    path,
    schema::missing,
};

/// Largest file that is patched.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Applies patches.
pub(crate) struct ApplyPatch;

/// Arguments of `apply_patch`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Args {
    /// The patch, from the line `*** Begin Patch` to the line `*** End Patch`.
    #[schemars(required, extend("x-aliases" = ["diff", "patchText"]))]
    input: Option<String>,
    #[schemars(extend("x-hidden" = true))]
    patch: Option<String>,
}

impl Args {
    fn text(&self) -> Option<&str> {
        self.input.as_deref().or(self.patch.as_deref())
    }
}

impl Tool for ApplyPatch {
    const NAME: &'static str = "apply_patch";
    const DESCRIPTION: &'static str = "Change several files with one patch. Between `*** Begin \
        Patch` and `*** End Patch` come `*** Add File: <path>` with + lines, `*** Delete File: \
        <path>`, or `*** Update File: <path>`, maybe `*** Move to: <path>`, with chunks: `@@` \
        (and a line above the place), then lines that start with a space (kept), - (removed) \
        or + (added). Paths are inside the workspace.";
    type Args = Args;

    fn effect(&self, args: &Args) -> Effect {
        let changes = args.text().and_then(|text| patch::parse(text).ok()).unwrap_or_default();
        let mut paths = Vec::new();
        for change in changes {
            match change {
                Change::Add { path, .. } | Change::Delete { path } => paths.push(path),
                Change::Update { path, to, .. } => {
                    paths.push(path);
                    paths.extend(to);
                }
            }
        }
        Effect::Write { paths }
    }

    async fn run(&self, args: Args, _permit: Permit, cx: &ToolCx) -> Result<ToolOutput, ToolError> {
        let text = args.text().ok_or_else(|| missing("input", "input"))?;
        let changes = patch::parse(text).map_err(ToolError::Arguments)?;
        let mut plan = Plan::default();
        for change in changes {
            plan.add(change, cx).await?;
        }
        plan.carry_out(cx).await?;
        Ok(plan.report())
    }
}

/// What the files will be.
#[derive(Default)]
struct Plan {
    /// Text by absolute path; `None` is no file. What a later change of the patch sees.
    files: BTreeMap<String, Option<String>>,
    /// Absolute paths in the order of the patch.
    order: Vec<String>,
    added: Vec<String>,
    modified: Vec<String>,
    deleted: Vec<String>,
}

impl Plan {
    async fn add(&mut self, change: Change, cx: &ToolCx) -> Result<(), ToolError> {
        match change {
            Change::Add { path, text } => {
                self.put(&path, Some(text), cx)?;
                note(&mut self.added, path);
            }
            Change::Delete { path } => {
                self.text(&path, cx).await?;
                self.put(&path, None, cx)?;
                note(&mut self.deleted, path);
            }
            Change::Update { path, to, chunks } => {
                let before = self.text(&path, cx).await?;
                let after = patch::apply(&before, &chunks)
                    .map_err(|error| ToolError::Failed(format!("In {path}: {error}")))?;
                if to.is_some() {
                    self.put(&path, None, cx)?;
                }
                let target = to.unwrap_or(path);
                self.put(&target, Some(after), cx)?;
                note(&mut self.modified, target);
            }
        }
        Ok(())
    }

    /// The file as earlier changes of the patch leave it.
    async fn text(&self, path: &str, cx: &ToolCx) -> Result<String, ToolError> {
        let base = cx.sandbox.workdir();
        path::confine(base, path)?;
        let not_found = || ToolError::Failed(format!("File not found: {path}"));
        if let Some(planned) = self.files.get(&path::absolute(base, path)) {
            return planned.clone().ok_or_else(not_found);
        }
        let bytes = cx.sandbox.read(path, FILE_BYTES_MAX).await.map_err(|error| {
            if matches!(error, SandboxError::NotFound { .. }) { not_found() } else { error.into() }
        })?;
        String::from_utf8(bytes)
            .map_err(|_| ToolError::Failed(format!("{path} is not UTF-8 text.")))
    }

    fn put(&mut self, path: &str, text: Option<String>, cx: &ToolCx) -> Result<(), ToolError> {
        let base = cx.sandbox.workdir();
        path::confine(base, path)?;
        let path = path::absolute(base, path);
        note(&mut self.order, path.clone());
        self.files.insert(path, text);
        Ok(())
    }

    async fn carry_out(&self, cx: &ToolCx) -> Result<(), ToolError> {
        let planned = || self.order.iter().filter_map(|path| Some((path, self.files.get(path)?)));
        for (path, text) in planned() {
            if let Some(text) = text {
                cx.sandbox.write(path, text.as_bytes()).await?;
            }
        }
        for (path, text) in planned() {
            if text.is_none() && cx.sandbox.stat(path).await?.is_some() {
                cx.sandbox.remove(path).await?;
            }
        }
        Ok(())
    }

    fn report(&self) -> ToolOutput {
        let mut text = "The patch was applied.".to_owned();
        for (sign, paths) in [("A", &self.added), ("M", &self.modified), ("D", &self.deleted)] {
            for path in paths {
                text.extend(["\n", sign, " ", path.as_str()]);
            }
        }
        let summary =
            json!({ "added": self.added, "modified": self.modified, "deleted": self.deleted });
        ToolOutput { content: Content::text(text), details: Some(json!({ "summary": summary })) }
    }
}

fn note(list: &mut Vec<String>, path: String) {
    if !list.contains(&path) {
        list.push(path);
    }
}
