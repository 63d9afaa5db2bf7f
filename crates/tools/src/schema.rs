//! Arguments of tools: their schema for the model, and reading what the model sent.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ToolError;

/// The JSON schema of `Args`: an object without `$schema`, `$ref` and titles, which some
/// providers refuse.
pub(crate) fn parameters<Args: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|s| s.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Args>();
    schema.remove("$schema");
    schema.remove("title");
    schema.to_value()
}

/// Reads the arguments that the model sent for `tool`.
pub(crate) fn read<Args: DeserializeOwned>(
    tool: &str,
    arguments: Value,
) -> Result<Args, ToolError> {
    serde_json::from_value(arguments)
        .map_err(|error| ToolError::Arguments(format!("arguments of `{tool}`: {error}")))
}
