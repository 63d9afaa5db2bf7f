//! What requests to `POST /v1/responses` may bring along. Data only.

use std::time::Duration;

const FILE_TYPES: [&str; 6] =
    ["text/plain", "text/markdown", "text/html", "text/csv", "application/json", "application/pdf"];
const IMAGE_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// What requests may bring along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intake {
    /// Largest request.
    pub body_bytes_max: usize,
    /// Things that are fetched for one request.
    pub urls_max: usize,
    /// Characters of one file that reach the model.
    pub file_chars_max: usize,
    /// Files.
    pub files: IntakeKind,
    /// Images.
    pub images: IntakeKind,
}

/// What of one kind requests may bring along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntakeKind {
    /// Whether what is named by URL is fetched.
    pub may_fetch: bool,
    /// Hosts that may be asked; empty is any on the public network.
    pub hosts: Vec<String>,
    /// MIME types that are taken, in lower case.
    pub types: Vec<String>,
    /// Largest one.
    pub bytes_max: usize,
    /// How often a URL may lead on to another.
    pub redirects_max: usize,
    /// How long fetching may take.
    pub patience: Duration,
}

impl Intake {
    /// What holds where the file says nothing.
    pub fn usual() -> Self {
        let kind = |types: &[&str], bytes_max| IntakeKind {
            may_fetch: true,
            hosts: Vec::new(),
            types: types.iter().map(|it| (*it).to_owned()).collect(),
            bytes_max,
            redirects_max: 3,
            patience: Duration::from_secs(10),
        };
        Self {
            // Two of the largest images, in base64, and words about them.
            body_bytes_max: 30 << 20,
            urls_max: 8,
            file_chars_max: 60_000,
            files: kind(&FILE_TYPES, 5 << 20),
            images: kind(&IMAGE_TYPES, 10 << 20),
        }
    }
}
