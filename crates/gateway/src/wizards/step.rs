//! A question of the wizard as clients read it.

use onboard::{Ask, Choice, Kind, Question};
use serde::Serialize;
use serde_json::{Value, json};

/// A question as clients read it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Vec<StepOption>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholder: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensitive: Option<bool>,
    executor: &'static str,
}

#[derive(Clone, Debug, Serialize)]
struct StepOption {
    value: String,
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// The name of a step, another one after each answer.
pub(super) fn id_of(ask: Ask, serial: u32) -> String {
    format!("{ask:?}-{serial}").to_ascii_lowercase()
}

impl Step {
    pub(super) fn of(question: &Question, serial: u32) -> Self {
        let mut step = Self {
            id: id_of(question.ask, serial),
            kind: "note",
            title: question.title.clone(),
            message: Some(question.message.clone()).filter(|text| !text.is_empty()),
            options: None,
            initial_value: None,
            placeholder: None,
            sensitive: None,
            executor: "client",
        };
        match &question.kind {
            Kind::Note => {}
            Kind::Confirm { initial } => {
                step.kind = "confirm";
                step.initial_value = Some(json!(initial));
            }
            Kind::One { choices, initial } => {
                step.kind = "select";
                step.options = Some(options(choices));
                step.initial_value = Some(json!(initial));
            }
            Kind::Many { choices, initial } => {
                step.kind = "multiselect";
                step.options = Some(options(choices));
                step.initial_value = Some(json!(initial));
            }
            Kind::Text { initial, placeholder } => {
                step.kind = "text";
                step.initial_value = Some(json!(initial)).filter(|_| !initial.is_empty());
                step.placeholder = Some(placeholder.clone()).filter(|text| !text.is_empty());
            }
            Kind::Secret { .. } => {
                step.kind = "text";
                step.sensitive = Some(true);
            }
        }
        step
    }
}

fn options(choices: &[Choice]) -> Vec<StepOption> {
    choices
        .iter()
        .map(|choice| StepOption {
            value: choice.value.clone(),
            label: choice.label.clone(),
            hint: Some(choice.hint.clone()).filter(|text| !text.is_empty()),
        })
        .collect()
}
