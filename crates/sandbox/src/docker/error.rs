//! Why Docker would not give us a sandbox, each with what a person can do about it.
//!
//! The fix stands in the text itself: it reaches people through chats and logs, too.

use std::fmt;

use super::settings::DEFAULT_IMAGE;

/// Why Docker would not give us a sandbox.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No engine answers.
    #[error(
        "docker does not answer at `{endpoint}`: start Docker, or set \
         agents.defaults.sandbox.mode=off ({said})"
    )]
    Unreachable {
        /// Where we looked.
        endpoint: String,
        /// What the system said.
        said: String,
    },
    /// The address of the engine is none that we can speak to.
    #[error(
        "cannot use the docker endpoint `{endpoint}` ({from}): {why}; correct it, or set \
         agents.defaults.sandbox.mode=off"
    )]
    Endpoint {
        /// The address.
        endpoint: String,
        /// Who named it.
        from: String,
        /// What is wrong with it.
        why: String,
    },
    /// The image is not there, and nothing is pulled or put in its place.
    #[error("sandbox image `{image}` not found: {}", image_fix(image))]
    ImageMissing {
        /// Its name.
        image: String,
    },
    /// The settings ask for what is never given to a sandbox.
    #[error("refused: {0}")]
    Refused(crate::security::Violation),
    /// A value of the settings cannot be understood.
    #[error("`sandbox.docker.{key}` cannot be `{value}`: {why}")]
    Invalid {
        /// The config key below `sandbox.docker`.
        key: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// A busy container has other mounts than it should have by now.
    #[error("the mounts of `{name}` changed while it is in use: run `{command}`, then try again")]
    MountsChanged {
        /// The container.
        name: String,
        /// What makes it anew.
        command: String,
    },
    /// A container of that name is not ours to use.
    #[error(
        "container `{name}` is there but not ours ({why}), so it is left alone; set another \
         `sandbox.docker.containerPrefix` to make one beside it"
    )]
    Foreign {
        /// The container.
        name: String,
        /// How we know.
        why: &'static str,
    },
    /// The setup command failed; the container is gone again.
    #[error(
        "setupCommand failed in `{name}` ({ended}): {said} (package installs need a network, \
         `readOnlyRoot: false` and `user: \"0:0\"`)"
    )]
    Setup {
        /// The container.
        name: String,
        /// Its exit code or signal.
        ended: String,
        /// The end of what it wrote.
        said: String,
    },
    /// A directory of ours is not what the sandbox sees at its place.
    #[error("{0}")]
    Mount(String),
    /// A directory for the sandbox cannot be made ready on our side.
    #[error("cannot make `{path}` ready for a sandbox")]
    Directory {
        /// The directory or file.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The servant inside does not answer as it should.
    #[error("the servant in `{name}` does not answer: {said}")]
    Servant {
        /// The container.
        name: String,
        /// What we know.
        said: String,
    },
    /// The engine has not made the wall that the settings ask for; the container is gone again.
    #[error("nothing was run, for the wall of `{name}` is not as it should be: {failed}")]
    Wall {
        /// The container.
        name: String,
        /// Each setting that does not hold, what it asks for, and what was found.
        failed: String,
    },
    /// The list of sandboxes on disk cannot be read or written.
    #[error("the registry of sandboxes cannot be used")]
    Registry(#[source] store::StoreError),
    /// Creation went wrong, and so did clearing it away.
    #[error("{first}; and `{name}` could not be removed: {second}")]
    Twice {
        /// The container.
        name: String,
        /// What went wrong first.
        first: Box<Error>,
        /// What went wrong then.
        second: Box<Error>,
    },
    /// The engine refused something else.
    #[error("docker cannot {verb} `{what}`: {said}")]
    Engine {
        /// What was tried.
        verb: &'static str,
        /// On what.
        what: String,
        /// The engine's words.
        said: String,
    },
    /// The backend was shut down.
    #[error("sandboxes are shut down")]
    Closed,
}

fn image_fix(image: &str) -> impl fmt::Display + '_ {
    fmt::from_fn(move |f| {
        if image == DEFAULT_IMAGE {
            f.write_str(
                "build it with scripts/sandbox-setup.sh (plain Debian is not put in its place: \
                 it lacks python3, git, curl and jq)",
            )
        } else {
            f.write_str("build or pull it first")
        }
    })
}

/// What of a bollard error matters to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody is there to speak to.
    Down,
    /// The named thing does not exist.
    NotFound,
    /// It is there already, or in the wrong state.
    Conflict,
    /// Anything else.
    Other,
}

/// Sorts an error of the engine.
pub(crate) fn fault(error: &bollard::errors::Error) -> Fault {
    use bollard::errors::Error as E;
    if let E::DockerResponseServerError { status_code, message } = error {
        return match status_code {
            404 => Fault::NotFound,
            409 => Fault::Conflict,
            _ if is_daemon_down(message) => Fault::Down,
            _ => Fault::Other,
        };
    }
    let is_transport = matches!(
        error,
        E::IOError { .. }
            | E::HyperResponseError { .. }
            | E::HyperLegacyError { .. }
            | E::RequestTimeoutError
            | E::SocketNotFoundError(_)
    );
    if is_transport || is_daemon_down(&error.to_string()) { Fault::Down } else { Fault::Other }
}

/// The words by which proxies and wrappers of the engine say that it is not there.
fn is_daemon_down(text: &str) -> bool {
    let text = text.to_lowercase();
    [
        "cannot connect to the docker daemon",
        "dial unix",
        "docker daemon is not running",
        "connection refused",
    ]
    .iter()
    .any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_image_names_what_builds_it() {
        let of = |image: &str| Error::ImageMissing { image: image.to_owned() }.to_string();

        assert!(of(DEFAULT_IMAGE).contains("scripts/sandbox-setup.sh"));
        assert!(of("mine:1").contains("`mine:1`"));
        assert!(of("mine:1").contains("build or pull it first"));
    }

    #[test]
    fn an_absent_daemon_is_told_from_an_absent_container() {
        let said = |status_code, message: &str| {
            fault(&bollard::errors::Error::DockerResponseServerError {
                status_code,
                message: message.to_owned(),
            })
        };

        assert_eq!(said(404, "No such container: x"), Fault::NotFound);
        assert_eq!(said(409, "in use"), Fault::Conflict);
        assert_eq!(said(500, "Cannot connect to the Docker daemon at …"), Fault::Down);
        assert_eq!(said(500, "bad parameter"), Fault::Other);
    }
}
