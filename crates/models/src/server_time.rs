//! What time it is for a model's server: for `doctor`. Sends no key and reads one header.

use domain::UnixMillis;
use reqwest::header::{DATE, HeaderMap};

use crate::{
    Models,
    http::innermost,
    resolve::{describe, route_of},
};

/// The time of a server, to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTime {
    /// Who says so.
    pub host: String,
    /// What time it is there.
    pub at: UnixMillis,
}

impl Models {
    /// Asks the server of the agent's first model what time it is.
    ///
    /// `None` when the agent has no model, or its server has no address. The caller sets the
    /// time limit.
    ///
    /// # Errors
    ///
    /// Why the server said nothing of it.
    pub async fn server_time(
        &self,
        config: &config::Config,
        agent: &config::Agent,
    ) -> Option<Result<ServerTime, String>> {
        let first = agent.models.first()?;
        let model = describe(&config.models, agent, first).ok()?;
        let base_url = route_of(&config.models, agent, &model).base_url;
        let host = url::Url::parse(&base_url).ok()?.host_str()?.to_owned();
        let asking = async {
            let client =
                self.shared.clients.for_url(&base_url).map_err(|error| error.to_string())?;
            let answer = client.head(&base_url).send().await.map_err(|error| innermost(&error))?;
            let at = date_of(answer.headers()).ok_or("its answer has no date")?;
            Ok(ServerTime { host, at })
        };
        Some(asking.await)
    }
}

fn date_of(headers: &HeaderMap) -> Option<UnixMillis> {
    let date = jiff::fmt::rfc2822::parse(headers.get(DATE)?.to_str().ok()?.trim()).ok()?;
    Some(UnixMillis(date.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_date_is_read_as_servers_write_it() {
        let mut headers = HeaderMap::new();
        let none = date_of(&headers);
        headers.insert(DATE, HeaderValue::from_static("Sun, 22 Nov 2026 15:24:35 GMT"));

        assert_eq!((none, date_of(&headers)), (None, Some(UnixMillis(1_795_361_075_000))));
    }
}
