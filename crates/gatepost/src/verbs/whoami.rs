//! `gatepost whoami MAILBOX`: what the token of a mailbox is and may do, without the token.

use std::time::Duration;

use gatepost_host::Clock;
use gatepost_oauth::{ProofStrength, TokenClaims};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::Settings;
use crate::config::ReadBy;
use crate::failure::Failure;
use crate::screen::{self, Form};
use crate::times;
use crate::token_form::TokenUse;
use crate::verbs::{Chosen, configuration, token};

/// What `whoami` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// What the token is for; how the mailbox is read, if it is left away.
    #[arg(long = "for", value_enum, value_name = "PROTOCOL")]
    purpose: Option<TokenUse>,
    /// Give up after this time, such as 5s; then the exit code is 75.
    #[arg(long, value_name = "TIME", default_value = token::USUAL_TIMEOUT, value_parser = times::duration)]
    timeout: Duration,
    #[command(flatten)]
    form: Form,
}

/// Says what the token is, from the running `serve` if there is one.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    let purpose = arguments.purpose.unwrap_or(match mailbox.read {
        ReadBy::Graph => TokenUse::Graph,
        ReadBy::Pop3 => TokenUse::Pop3,
        ReadBy::Imap | ReadBy::Auto => TokenUse::Imap,
    });
    let wanted = token::Wanted {
        mailbox: &mailbox,
        audience: purpose.audience(),
        timeout: arguments.timeout,
        is_configured: arguments.chosen.is_configured(),
    };
    let token = token::obtained(config, settings, &wanted)?;
    let known = Known::of(&mailbox.address, TokenClaims::of(&token), token.expires_at);
    if arguments.form.is_json() {
        return screen::json(&known);
    }
    known.show(Clock::system().now())
}

/// What is known of a token.
#[derive(Debug, Serialize)]
struct Known {
    mailbox: String,
    /// Whether it says anything of itself: tokens of personal accounts do not.
    readable: bool,
    audience: Option<String>,
    acts_as: Option<ActsAs>,
    person: Option<String>,
    client_id: Option<String>,
    app_name: Option<String>,
    tenant: Option<String>,
    object_id: Option<String>,
    roles: Vec<String>,
    scopes: Vec<String>,
    app_proved_by: Option<&'static str>,
    person_proved_by: Vec<String>,
    not_before: Option<Timestamp>,
    expires_at: Timestamp,
}

/// In whose name it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum ActsAs {
    App,
    Person,
}

impl Known {
    fn of(mailbox: &str, claims: Option<TokenClaims>, expires_at: Timestamp) -> Self {
        let readable = claims.is_some();
        let claims = claims.unwrap_or_else(TokenClaims::nothing);
        let acts_as = match claims.identity_type.as_deref() {
            Some("app") => Some(ActsAs::App),
            Some("user") => Some(ActsAs::Person),
            // The claim is there only where the tenant wants it.
            _ if !claims.scopes.is_empty() => Some(ActsAs::Person),
            _ => readable.then_some(ActsAs::App),
        };
        Self {
            mailbox: mailbox.to_owned(),
            readable,
            audience: claims.audience,
            acts_as,
            person: claims.person,
            client_id: claims.client_id,
            app_name: claims.app_name,
            tenant: claims.tenant,
            object_id: claims.object_id,
            roles: claims.roles,
            scopes: claims.scopes,
            app_proved_by: claims.strength.map(proof),
            person_proved_by: claims.methods,
            not_before: claims.not_before,
            expires_at: claims.expires_at.unwrap_or(expires_at),
        }
    }

    fn show(&self, now: Timestamp) -> Result<(), Failure> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        screen::field("mailbox", &self.mailbox)?;
        if !self.readable {
            screen::note("The token says nothing of itself, as those of personal accounts do.");
        }
        // The claim is called `aud`: the service that takes the token.
        screen::field("opens", &text(&self.audience))?;
        screen::field(
            "acts as",
            match self.acts_as {
                Some(ActsAs::App) => "the app itself",
                Some(ActsAs::Person) => "the person who signed in",
                None => "",
            },
        )?;
        screen::field("person", &text(&self.person))?;
        let app = match (&self.client_id, &self.app_name) {
            (Some(id), Some(name)) => format!("{id} ({name})"),
            (id, _) => text(id),
        };
        screen::field("app", &app)?;
        screen::field("tenant", &text(&self.tenant))?;
        screen::field("object id", &text(&self.object_id))?;
        let list = |names: &[String], acts_as| match (names.is_empty(), self.acts_as) {
            (true, found) if found == Some(acts_as) => "none: nothing was consented to".to_owned(),
            _ => names.join(" "),
        };
        screen::field("roles", &list(&self.roles, ActsAs::App))?;
        screen::field("scopes", &list(&self.scopes, ActsAs::Person))?;
        screen::field("app proved by", self.app_proved_by.unwrap_or_default())?;
        screen::field("person proved by", &self.person_proved_by.join(" "))?;
        let ends = times::ahead_of(now, self.expires_at);
        screen::field("valid until", &format!("{} ({ends})", self.expires_at))
    }
}

fn proof(strength: ProofStrength) -> &'static str {
    match strength {
        ProofStrength::Public => "nothing (a public client)",
        ProofStrength::Secret => "a client secret",
        ProofStrength::Assertion => "a certificate or another assertion",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_acts_is_told_also_where_the_tenant_does_not_say_it() {
        let claims = |scopes: &[&str]| TokenClaims {
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            ..TokenClaims::nothing()
        };
        for (claims, wanted) in [
            (Some(claims(&[])), Some(ActsAs::App)),
            (Some(claims(&["Mail.Read"])), Some(ActsAs::Person)),
            (None, None),
        ] {
            let known = Known::of("ada@contoso.com", claims, Timestamp::MAX);
            assert_eq!(known.acts_as, wanted);
        }
    }
}
