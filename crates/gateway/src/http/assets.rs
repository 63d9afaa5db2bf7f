//! The files of the page: built in, or from the folder that `gateway.controlUi.root` names.
//!
//! Knows files, types and encodings; not paths of requests, and no headers but those of a file.

use std::{borrow::Cow, path::PathBuf};

use axum::http::{HeaderMap, header};
use held::{Dir, Links};
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

/// Largest file served from a folder.
const BYTES_MAX: u64 = 32 << 20;

/// What `npm run build` made. Nothing when it was not run.
#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Built;

/// Where files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Our page.
    Built,
    /// Somebody else's.
    Folder(PathBuf),
}

/// One file, as it goes out.
pub(super) struct Asset {
    /// The bytes, encoded.
    pub(super) bytes: Cow<'static, [u8]>,
    /// How they are encoded.
    pub(super) encoding: Option<&'static str>,
    /// What they are.
    pub(super) kind: &'static str,
    /// Changes when they do.
    pub(super) etag: String,
}

/// Encodings that the browser takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Encodings {
    brotli: bool,
    gzip: bool,
}

impl Encodings {
    /// Reads `Accept-Encoding`.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let takes = |name: &str| {
            let values = headers.get_all(header::ACCEPT_ENCODING).iter();
            values.filter_map(|value| value.to_str().ok()).flat_map(|it| it.split(',')).any(|it| {
                let (coding, quality) = it.split_once(';').unwrap_or((it, ""));
                let quality = quality.replace(' ', "");
                let is_refused = matches!(quality.as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
                coding.trim().eq_ignore_ascii_case(name) && !is_refused
            })
        };
        Self { brotli: takes("br"), gzip: takes("gzip") }
    }
}

impl Source {
    /// The file called `name`, in the smallest form that there is and that is taken.
    ///
    /// Reads the disk, but for built-in files of a release build.
    pub(super) fn find(&self, name: &str, takes: Encodings) -> Option<Asset> {
        if !is_plain(name) {
            return None;
        }
        let forms = [
            (takes.brotli, ".br", Some("br")),
            (takes.gzip, ".gz", Some("gzip")),
            (true, "", None),
        ];
        forms.into_iter().filter(|(is_taken, ..)| *is_taken).find_map(|(_, ending, encoding)| {
            let (bytes, hash) = self.read(&format!("{name}{ending}"))?;
            let etag = format!("\"{}\"", hex::encode(hash.get(..12)?));
            Some(Asset { bytes, encoding, kind: kind_of(name), etag })
        })
    }

    /// Whether there is a page at all.
    pub(super) fn is_empty(&self) -> bool {
        self.read("index.html").is_none()
    }

    /// The first page, whole.
    pub(super) fn index(&self) -> Option<String> {
        let (bytes, _) = self.read("index.html")?;
        String::from_utf8(bytes.into_owned()).ok()
    }

    fn read(&self, name: &str) -> Option<(Cow<'static, [u8]>, [u8; 32])> {
        match self {
            Self::Built => {
                let file = Built::get(name)?;
                Some((file.data, file.metadata.sha256_hash()))
            }
            Self::Folder(root) => {
                let bytes = read_inside(&Dir::open(root).ok()?, name, BYTES_MAX)?;
                let hash = Sha256::digest(&bytes).into();
                Some((Cow::Owned(bytes), hash))
            }
        }
    }
}

/// Reads `name` if it is a regular file beneath `root`, of at most `bytes_max` bytes. Links that
/// stay inside are followed.
pub(super) fn read_inside(root: &Dir, name: &str, bytes_max: u64) -> Option<Vec<u8>> {
    let read = root.look(name, Links::Inside).and_then(|spot| spot.read(bytes_max)).ok()?;
    (!read.is_cut).then_some(read.bytes)
}

/// Whether a name has only parts that lead downwards.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !name.contains(['\\', '\0'])
}

/// The type of a file by its name.
pub(super) fn kind_of(name: &str) -> &'static str {
    let ending = name.rsplit('/').next().and_then(|file| file.rsplit_once('.'));
    match ending.map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "application/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the folders that are served")]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn takes(header: &'static str) -> Encodings {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static(header));
        Encodings::of(&headers)
    }

    #[test]
    fn the_smallest_form_that_is_taken_goes_out() {
        let folder = folder(&[("a/x.js", "plain"), ("a/x.js.br", "br"), ("a/x.js.gz", "gz")]);
        let source = Source::Folder(folder.path().to_owned());

        let find = |header| {
            let asset = source.find("a/x.js", takes(header)).unwrap();
            (asset.encoding, String::from_utf8(asset.bytes.into_owned()).unwrap(), asset.kind)
        };

        let kind = "application/javascript; charset=utf-8";
        assert_eq!(find("gzip, deflate, br"), (Some("br"), "br".to_owned(), kind));
        assert_eq!(find("GZIP;q=0.5, br;q=0"), (Some("gzip"), "gz".to_owned(), kind));
        assert_eq!(find("identity"), (None, "plain".to_owned(), kind));
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let outside = folder(&[("secret.txt", "no")]);
        let inside = folder(&[("x.txt", "yes")]);
        std::os::unix::fs::symlink(outside.path(), inside.path().join("link")).unwrap();
        let source = Source::Folder(inside.path().to_owned());
        let any = takes("identity");

        assert!(source.find("x.txt", any).is_some());
        for name in ["../secret.txt", "link/secret.txt", "a/../x.txt", "/x.txt", "", "x.txt\0"] {
            assert!(source.find(name, any).is_none(), "{name:?}");
        }
    }
}
