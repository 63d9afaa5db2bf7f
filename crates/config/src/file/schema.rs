//! The table as a JSON schema (draft 07), with labels for forms.
