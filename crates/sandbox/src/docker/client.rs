//! The few things that we ask of an engine, in our own words and errors.
//!
//! Knows no settings; every answer is plain data.

use std::{collections::HashMap, time::Duration};

use bollard::{
    Docker, container::AttachContainerResults, models::ContainerCreateBody,
    query_parameters as query,
};

use super::{
    connect::Endpoint,
    create::SERVANT_FILE,
    error::{Error, Fault, fault},
    machine::Reach,
    own::{self, OwnMount},
    wall::Host,
};

/// An engine that answered once.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) docker: Docker,
    pub(crate) endpoint: Endpoint,
    /// Whether it confines by labels (`SELinux`).
    pub(crate) has_labels: bool,
    /// The machine that sandboxes run on.
    pub(crate) host: Host,
}

/// A container that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: String,
    /// And not frozen.
    pub(crate) is_running: bool,
    /// Whether somebody has frozen it.
    pub(crate) is_paused: bool,
    pub(crate) image: String,
    pub(crate) labels: HashMap<String, String>,
    /// What it runs first.
    pub(crate) entrypoint: String,
    pub(crate) mounts: Vec<OwnMount>,
}

impl Found {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// By its first program: it has no other way in.
    pub(crate) fn reach(&self) -> Reach {
        if self.entrypoint.ends_with(SERVANT_FILE) { Reach::Servant } else { Reach::EngineExec }
    }
}

impl Client {
    /// Looks a container up by name or id.
    pub(crate) async fn inspect(&self, name: &str) -> Result<Option<Found>, Error> {
        if !is_name(name) {
            return Ok(None);
        }
        let options = None::<query::InspectContainerOptions>;
        let answer = match self.docker.inspect_container(name, options).await {
            Ok(answer) => answer,
            Err(error) if fault(&error) == Fault::NotFound => return Ok(None),
            Err(error) => return Err(self.fail("inspect", name, &error)),
        };
        let state = answer.state.unwrap_or_default();
        let config = answer.config.unwrap_or_default();
        Ok(Some(Found {
            id: answer.id.unwrap_or_default(),
            is_running: state.running == Some(true) && state.paused != Some(true),
            is_paused: state.paused == Some(true),
            image: config.image.unwrap_or_default(),
            labels: config.labels.unwrap_or_default(),
            entrypoint: answer.path.unwrap_or_default(),
            mounts: own::rows(answer.mounts.unwrap_or_default()),
        }))
    }

    /// The architecture of an image, in the engine's words; an error names a missing one.
    pub(crate) async fn image_arch(&self, image: &str) -> Result<String, Error> {
        match self.docker.inspect_image(image).await {
            Ok(found) => Ok(found.architecture.unwrap_or_default()),
            Err(error) if fault(&error) == Fault::NotFound => {
                Err(Error::ImageMissing { image: image.to_owned() })
            }
            Err(error) => Err(self.fail("inspect", image, &error)),
        }
    }

    /// Makes a container and returns its id.
    pub(crate) async fn create(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<String, Error> {
        let image = body.image.clone().unwrap_or_default();
        let options = query::CreateContainerOptionsBuilder::default().name(name).build();
        match self.docker.create_container(Some(options), body).await {
            Ok(made) => Ok(made.id),
            Err(error)
                if fault(&error) == Fault::NotFound
                    && error.to_string().to_lowercase().contains("no such image") =>
            {
                Err(Error::ImageMissing { image })
            }
            Err(error) => Err(self.fail("create", name, &error)),
        }
    }

    pub(crate) async fn start(&self, name: &str) -> Result<(), Error> {
        let options = None::<query::StartContainerOptions>;
        self.docker
            .start_container(name, options)
            .await
            .map_err(|error| self.fail("start", name, &error))
    }

    /// Kills what runs in a container, and starts it again.
    pub(crate) async fn restart(&self, name: &str) -> Result<(), Error> {
        let options = query::RestartContainerOptionsBuilder::default().t(0).build();
        self.docker
            .restart_container(name, Some(options))
            .await
            .map_err(|error| self.fail("restart", name, &error))
    }

    /// Lets a container go on if somebody has frozen it; says whether that was so.
    pub(crate) async fn thaw(&self, found: &Found) -> Result<bool, Error> {
        if !found.is_paused {
            return Ok(false);
        }
        match self.docker.unpause_container(&found.id).await {
            Ok(()) => tracing::info!(container = %found.id, "a frozen sandbox goes on"),
            // Somebody else was quicker.
            Err(error) if fault(&error) == Fault::Conflict => {}
            Err(error) => return Err(self.fail("unpause", &found.id, &error)),
        }
        Ok(true)
    }

    /// Kills and removes; one that is gone, or on its way, is removed well enough once it is
    /// away.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Error> {
        let options = query::RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        match self.docker.remove_container(name, Some(options)).await {
            Ok(()) => Ok(()),
            Err(error) => match fault(&error) {
                Fault::NotFound => Ok(()),
                Fault::Conflict => self.wait_until_gone(name).await,
                Fault::Down | Fault::Other => Err(self.fail("remove", name, &error)),
            },
        }
    }

    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let options = query::RenameContainerOptionsBuilder::default().name(to).build();
        self.docker
            .rename_container(from, options)
            .await
            .map_err(|error| self.fail("rename", from, &error))
    }

    /// Names and ids of the containers, running or not, that carry all these labels.
    pub(crate) async fn with_labels(
        &self,
        labels: &[String],
    ) -> Result<Vec<(String, String)>, Error> {
        let filters = HashMap::from([("label".to_owned(), labels.to_vec())]);
        let options =
            query::ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let found = self
            .docker
            .list_containers(Some(options))
            .await
            .map_err(|error| self.fail("list", "containers", &error))?;
        let name = |names: Option<Vec<String>>| {
            let first = names.unwrap_or_default().into_iter().next().unwrap_or_default();
            first.trim_start_matches('/').to_owned()
        };
        Ok(found.into_iter().map(|it| (name(it.names), it.id.unwrap_or_default())).collect())
    }

    /// Takes hold of a container's input and output.
    pub(crate) async fn attach(&self, name: &str) -> Result<AttachContainerResults, Error> {
        let options = query::AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .build();
        self.docker
            .attach_container(name, Some(options))
            .await
            .map_err(|error| self.fail("attach to", name, &error))
    }

    /// The error for a request that failed.
    pub(crate) fn fail(
        &self,
        verb: &'static str,
        what: &str,
        error: &bollard::errors::Error,
    ) -> Error {
        let said = if let bollard::errors::Error::DockerResponseServerError { message, .. } = error
        {
            message.clone()
        } else {
            error.to_string()
        };
        match fault(error) {
            Fault::Down => self.endpoint.unreachable(&said),
            Fault::NotFound | Fault::Conflict | Fault::Other => {
                Error::Engine { verb, what: what.to_owned(), said }
            }
        }
    }

    async fn wait_until_gone(&self, name: &str) -> Result<(), Error> {
        const PATIENCE: Duration = Duration::from_secs(10);
        const PAUSE: Duration = Duration::from_millis(50);
        let gone = async {
            // The engine has no event for "was removed" that an earlier removal cannot miss.
            while self.inspect(name).await?.is_some() {
                tokio::time::sleep(PAUSE).await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, gone).await.unwrap_or_else(|_| {
            let said = "it is still being removed".to_owned();
            Err(Error::Engine { verb: "remove", what: name.to_owned(), said })
        })
    }
}

/// Whether a container can have this name at all; another text would be another request.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}
