//! How the servers of a cloud are reached. Reading the system's authorities takes longer than
//! all the rest of `gatepost token`, so it waits until somebody really connects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use gatepost_host::{Chance, Clock, HttpError, Trust, TrustError, files, http_client_apart};
use gatepost_mail::Addresses;
use gatepost_mail::graph::{Governor, GraphSettings};
use gatepost_oauth::answers::Reply;
use gatepost_oauth::{Endpoint, Form, HttpEndpoint, TokenError};
use rustls::ClientConfig;

/// The servers of a cloud, by the authorities that are trusted there.
#[derive(Debug)]
pub(super) struct Reach {
    ca_file: Option<PathBuf>,
    /// What stood in that file when this was made.
    authority: Option<Vec<u8>>,
    clock: Clock,
    chance: Chance,
    http: Mutex<Option<HttpEndpoint>>,
    tls: Mutex<Option<Arc<ClientConfig>>>,
    addresses: Addresses,
    graph: Mutex<Option<reqwest::Client>>,
    /// By app and mailbox.
    governors: Mutex<BTreeMap<(String, String), Governor>>,
}

impl Reach {
    /// Reaches nothing yet.
    pub(super) fn new(ca_file: Option<PathBuf>, clock: &Clock, chance: &Chance) -> Self {
        Self {
            authority: read(ca_file.as_deref()),
            ca_file,
            clock: clock.clone(),
            chance: chance.clone(),
            http: Mutex::default(),
            tls: Mutex::default(),
            addresses: Addresses::new(),
            graph: Mutex::default(),
            governors: Mutex::default(),
        }
    }

    /// Whether one that is made now would trust the same authorities.
    pub(super) fn is_current(&self) -> bool {
        self.authority == read(self.ca_file.as_deref())
    }

    /// Where the mail servers are.
    pub(super) fn addresses(&self) -> Addresses {
        self.addresses.clone()
    }

    /// How TLS is spoken with the mail servers: by one for all, which resumes sessions.
    pub(super) fn tls(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let mut built = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tls) = &*built {
            return Ok(Arc::clone(tls));
        }
        let tls = self.trust()?.client_config()?;
        *built = Some(Arc::clone(&tls));
        Ok(tls)
    }

    /// How Microsoft Graph is asked.
    pub(super) fn graph_client(&self) -> Result<reqwest::Client, HttpError> {
        let mut built = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*built {
            return Ok(client.clone());
        }
        let client = http_client_apart(&self.trust()?, GraphSettings::HTTP)?;
        *built = Some(client.clone());
        Ok(client)
    }

    /// What keeps everything that `app` asks of `mailbox` within Graph's limits.
    pub(super) fn governor(&self, app: &str, mailbox: &str) -> Governor {
        let mut governors = self
            .governors
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let governor = governors.entry((app.to_owned(), mailbox.to_owned()));
        governor.or_default().clone()
    }

    fn http(&self) -> Result<HttpEndpoint, HttpError> {
        let mut built = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(http) = &*built {
            return Ok(http.clone());
        }
        let http = HttpEndpoint::new(&self.trust()?, self.clock.clone(), self.chance.clone())?;
        *built = Some(http.clone());
        Ok(http)
    }

    fn trust(&self) -> Result<Trust, TrustError> {
        match &self.ca_file {
            Some(file) => Trust::with_authority(file),
            None => Ok(Trust::system()),
        }
    }
}

/// What stands in the file. One that cannot be read is complained of where it is used.
pub(super) fn read(file: Option<&Path>) -> Option<Vec<u8>> {
    let content = files::read_public(file?, MOST).ok()?;
    Some(content.to_vec())
}

/// No list of authorities is longer.
const MOST: usize = 4 * 1024 * 1024;

#[async_trait]
impl Endpoint for Reach {
    async fn post(&self, form: &Form) -> Result<Reply, TokenError> {
        let http = self.http().map_err(|error| TokenError::Unreachable {
            host: form.to.host_str().unwrap_or_default().to_owned(),
            reason: error.to_string(),
        })?;
        http.post(form).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_asks_of_a_mailbox_is_governed_by_one() {
        let reach = Reach::new(None, &Clock::system(), &Chance::seeded(1));
        let one = reach.governor("contoso/1", "ada@contoso.com");
        assert!(one.is(&reach.governor("contoso/1", "ada@contoso.com")));
        for (app, mailbox) in [
            ("contoso/1", "bob@contoso.com"),
            ("contoso/2", "ada@contoso.com"),
        ] {
            assert!(!one.is(&reach.governor(app, mailbox)), "{app} {mailbox}");
        }
    }
}
