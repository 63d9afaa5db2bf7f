//! `gateway.http.endpoints.responses`: what requests may bring along.

use std::time::Duration;

use crate::{
    node::Node,
    resolved::{Intake, IntakeKind},
};

pub(super) fn intake(node: Node<'_>) -> Intake {
    let usual = Intake::usual();
    Intake {
        body_bytes_max: node.at("maxBodyBytes").size().unwrap_or(usual.body_bytes_max),
        urls_max: node.at("maxUrlParts").size().unwrap_or(usual.urls_max),
        file_chars_max: node.at("files.maxChars").size().unwrap_or(usual.file_chars_max),
        files: kind(node.at("files"), usual.files),
        images: kind(node.at("images"), usual.images),
    }
}

fn kind(node: Node<'_>, usual: IntakeKind) -> IntakeKind {
    let types = node.at("allowedMimes").texts().unwrap_or(usual.types);
    IntakeKind {
        may_fetch: node.at("allowUrl").flag().unwrap_or(usual.may_fetch),
        hosts: node.at("urlAllowlist").texts().unwrap_or(usual.hosts),
        types: types.into_iter().map(|it| it.trim().to_ascii_lowercase()).collect(),
        bytes_max: node.at("maxBytes").size().unwrap_or(usual.bytes_max),
        redirects_max: node.at("maxRedirects").size().unwrap_or(usual.redirects_max),
        patience: node.at("timeoutMs").int().map_or(usual.patience, Duration::from_millis),
    }
}
