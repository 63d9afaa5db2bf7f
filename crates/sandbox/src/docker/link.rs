//! The servant's side of a container's life: greeting it over the attached pipe.

use std::sync::Arc;

use super::{
    attach::Attached,
    engine::Engine,
    error::Error,
    machine::{Machine, Reach, Way},
    settings::Container,
};
use crate::boxed::{self, Attach, BoxedSandbox, Link};

/// Greets the servant and makes it a sandbox.
pub(crate) async fn open(
    engine: &Engine,
    name: &str,
    docker: &Container,
    attached: Attached,
    before: Attach,
) -> Result<Machine, Error> {
    let Attached { reader, writer, watch } = attached;
    let options = boxed::Options::new(before);
    let link = Link::start(&engine.options.tasks, reader, writer, options).await;
    let link = link.map_err(|error| {
        let said = format!("{error} {}", watch.complaint());
        Error::Servant { name: name.to_owned(), said: said.trim().to_owned() }
    })?;
    let config = boxed::Config {
        workdir: docker.workdir.clone(),
        env: docker.env.clone(),
        // As with any shell: a server put into the background serves the next command.
        keeps_leftovers: true,
    };
    let sandbox = Arc::new(BoxedSandbox::new(link.clone(), config));
    let way = Way { link, gone: watch.gone };
    Ok(Machine { sandbox, reach: Reach::Servant, way: Some(way), place: None, wall: [].into() })
}
