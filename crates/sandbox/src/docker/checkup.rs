//! Is the engine fit for use: for `doctor`. Makes nothing and removes nothing.

use super::{Backend, Settings, connect, error::Error, mounts, own};

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkup {
    /// Where it answers.
    pub endpoint: String,
    /// Its version.
    pub version: String,
    /// Its time of day, in ISO 8601 as it gave it.
    pub time: Option<String>,
    /// The runtime of containers that name none.
    pub default_runtime: Option<String>,
}

impl Backend {
    /// Asks the engine who it is.
    ///
    /// # Errors
    ///
    /// Why it does not answer.
    pub async fn checkup(&self) -> Result<Checkup, Error> {
        let client = self.known.client().await?;
        let about = client.docker.info().await.map_err(|error| client.fail("ask", "it", &error))?;
        Ok(Checkup {
            endpoint: client.endpoint.url.clone(),
            version: about.server_version.unwrap_or_default(),
            time: about.system_time,
            default_runtime: about.default_runtime,
        })
    }

    /// Who names the engine's address: a variable, a context, or the usual sockets.
    pub async fn endpoint(&self) -> Result<(String, String), Error> {
        let options = &self.known.options;
        let endpoint = connect::endpoint(options.engine, &options.env).await?;
        Ok((endpoint.url, endpoint.from))
    }

    /// Whether the engine has this image.
    ///
    /// # Errors
    ///
    /// Why it cannot be asked.
    pub async fn has_image(&self, image: &str) -> Result<bool, Error> {
        match self.known.client().await?.image_arch(image).await {
            Ok(_) => Ok(true),
            Err(Error::ImageMissing { .. }) => Ok(false),
            Err(other) => Err(other),
        }
    }

    /// Why the engine cannot mount the directories that a sandbox of `settings` sees, should we
    /// run in one of its containers; `None` when it can, or when we run in none of them.
    ///
    /// # Errors
    ///
    /// Why it cannot be asked.
    pub async fn unseen(&self, settings: &Settings) -> Result<Option<String>, Error> {
        let client = self.known.client().await?;
        let managed = mounts::managed(settings, mounts::main_dir(settings));
        let mut why = None;
        for id in own::candidates().await {
            if client.inspect(&id).await?.is_none() {
                continue;
            }
            match own::translate(&managed, &own::mounts_of(&client, &id).await) {
                Ok(_) => return Ok(None),
                Err(text) => why = why.or(Some(text)),
            }
        }
        Ok(why)
    }
}
