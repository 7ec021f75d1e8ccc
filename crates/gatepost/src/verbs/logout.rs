//! `gatepost logout MAILBOX`: forgets a sign-in.

use gatepost_oauth::Grants as _;

use crate::cli::Settings;
use crate::compose::{Scope, compose};
use crate::failure::Failure;
use crate::verbs::{configuration, login, named_mailbox};
use crate::{compose, logging, runtime, screen};

/// What `logout` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The address of the mailbox.
    mailbox: String,
}

/// Forgets what the sign-in of the person who opens the mailbox brought.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = named_mailbox(&config, &arguments.mailbox)?.clone();
    let person = login::person(&mailbox)?.to_owned();
    logging::start_quietly(settings.verbose)?;
    let mut ids = compose::former_credential_ids(&config, &mailbox);
    ids.push(compose::credential_id(&config, &mailbox));
    let known = runtime::briefly(async {
        let gatepost = compose(config, Scope::Store).await?;
        let known = gatepost.store.list().await;
        let mut removed = Ok(());
        for id in &ids {
            removed = removed.and(gatepost.store.remove(id).await);
        }
        gatepost.end().await;
        removed?;
        let known = known?;
        Ok::<_, Failure>(ids.iter().any(|id| known.contains(id)))
    })?;
    if !known {
        return screen::line(&format!("{person} was not signed in here"));
    }
    screen::line(&format!("{person} is signed out here"))?;
    screen::note(
        "A running serve keeps its present token for an hour at most; restart it to end that. To \
         end every session of the person, revoke them in the Entra admin center.",
    );
    Ok(())
}
