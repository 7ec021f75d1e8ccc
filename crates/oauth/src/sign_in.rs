//! A person's sign-in from its first step to the token, by whatever way the person has.

use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::oneshot;

use crate::conversation::{Halt, Line};
use crate::flow::{Event, Flow, Granted, Person, Prompt, Step};
use crate::grants::{Grant, Means, Opening, authorization_code, device_code, password};
use crate::loopback::Page;
use crate::{Audience, Loopback, TokenError, TokenKeeper};

/// How a person signs in.
#[derive(Debug)]
pub struct SignIn {
    /// By which way.
    pub way: Way,
    /// What the first token is for.
    pub audience: Audience,
    /// Further audiences to consent to in the same sign-in.
    pub also: Vec<Audience>,
}

/// The way a person signs in. It need not be the one of the credential's own grant: what it
/// leads to, a refresh token, is the same.
#[derive(Debug)]
pub enum Way {
    /// With a browser on this machine.
    Browser {
        /// Where the browser comes back to.
        loopback: Loopback,
        /// How long the person has; [`SignIn::PATIENCE`] is usual.
        patience: Duration,
    },
    /// On another device, with a code. The server says how long the person has.
    Device,
    /// With a password.
    Password(SecretString),
}

impl SignIn {
    /// Long enough to find a phone for the second factor.
    pub const PATIENCE: Duration = Duration::from_mins(15);

    /// With a browser on this machine, which comes back to a free port of 127.0.0.1. The person
    /// has [`SignIn::PATIENCE`].
    pub async fn by_browser(keeper: &TokenKeeper, audience: Audience) -> Result<Self, TokenError> {
        let loopback = Loopback::bind(&keeper.surroundings().tasks).await?;
        let patience = Self::PATIENCE;
        Ok(Self {
            way: Way::Browser { loopback, patience },
            audience,
            also: Vec::new(),
        })
    }

    /// On another device, with a code.
    pub fn by_device(audience: Audience) -> Self {
        Self {
            way: Way::Device,
            audience,
            also: Vec::new(),
        }
    }
}

impl TokenKeeper {
    /// Signs the person of this credential in. `show` is called with what the person must see.
    /// What was granted is stored when this returns.
    ///
    /// Redirects of other sign-ins are answered and otherwise ignored. The browser is told of
    /// success when what was granted is stored, not before.
    pub async fn sign_in(
        &self,
        sign_in: SignIn,
        show: impl FnMut(&Prompt),
    ) -> Result<Granted, TokenError> {
        let SignIn {
            way,
            audience,
            also,
        } = sign_in;
        let asking = self.asking(audience).await?;
        let opening = |means| Opening {
            asking,
            also,
            means,
        };
        match way {
            Way::Device => {
                let granted = self
                    .elsewhere(&device_code::GRANT, opening(Means::Nothing), show)
                    .await?;
                self.accept(granted, None).await
            }
            Way::Password(secret) => {
                let opening = opening(Means::Password(secret.clone()));
                let granted = self.elsewhere(&password::GRANT, opening, show).await?;
                self.accept(granted, Some(secret)).await
            }
            Way::Browser { loopback, patience } => {
                let redirect = loopback.redirect().to_owned();
                let flow = (authorization_code::GRANT.begin)(opening(Means::Browser { redirect }));
                let visit = Visit {
                    keeper: self,
                    loopback,
                    patience,
                };
                visit.by_browser(flow, show).await
            }
        }
    }

    /// A sign-in that brings no browser back here.
    async fn elsewhere(
        &self,
        grant: &Grant,
        opening: Opening,
        mut show: impl FnMut(&Prompt),
    ) -> Result<Granted, TokenError> {
        let around = self.surroundings();
        let (who, endpoint) = (self.who(), self.endpoint());
        let line = Line {
            endpoint: &endpoint,
            clock: &around.clock,
            who: &who,
        };
        let mut flow = (grant.begin)(opening);
        let mut step = flow.resume(around.clock.now(), Event::Start)?;
        loop {
            match line.lead(&mut *flow, step).await? {
                Halt::Show(prompt) => {
                    show(&prompt);
                    step = flow.resume(around.clock.now(), Event::Woken)?;
                }
                Halt::Done(granted) => return Ok(*granted),
            }
        }
    }

    /// Keeps what the person of this credential brought, and refuses what anybody else did:
    /// browsers remember who signed in last, and a token of that person opens other mailboxes.
    async fn accept(
        &self,
        granted: Granted,
        password: Option<SecretString>,
    ) -> Result<Granted, TokenError> {
        let credential = self.credential();
        let registration = || credential.registration.name.clone();
        let person = granted.person.as_ref();
        let signed_in = person.map_or("", |person| person.name.as_str());
        match &credential.person {
            // A password went out with the name whose it is. Whoever opened a page or entered a
            // code was named to nobody before: only the answer says who it was.
            Some(expected) if signed_in.is_empty() && password.is_none() => {
                Err(TokenError::PersonUnnamed {
                    registration: registration(),
                    expected: expected.clone(),
                    known: person.map_or_else(String::new, Person::ids),
                })
            }
            Some(expected)
                if !signed_in.is_empty() && signed_in.to_lowercase() != expected.to_lowercase() =>
            {
                Err(TokenError::OtherPerson {
                    registration: registration(),
                    expected: expected.clone(),
                    signed_in: signed_in.to_owned(),
                })
            }
            _ => {
                self.signed_in_with(granted.clone(), password).await?;
                Ok(granted)
            }
        }
    }
}

/// The browser that waits to be shown how the sign-in ended.
type Browser = Option<oneshot::Sender<Page>>;

/// A sign-in under way with a browser.
struct Visit<'a> {
    keeper: &'a TokenKeeper,
    loopback: Loopback,
    patience: Duration,
}

impl Visit<'_> {
    async fn by_browser(
        mut self,
        mut flow: Box<dyn Flow>,
        show: impl FnMut(&Prompt),
    ) -> Result<Granted, TokenError> {
        let (keeper, patience) = (self.keeper, self.patience);
        let clock = &keeper.surroundings().clock;
        let mut browser = None;
        let ended = clock
            .within(patience, self.converse(&mut *flow, show, &mut browser))
            .await
            .unwrap_or_else(|_| Err(self.nobody_came()));
        let ended = match ended {
            Ok(granted) => keeper.accept(granted, None).await,
            Err(error) => Err(error),
        };
        if let Some(page) = browser {
            // Whoever closed the window does not miss the page.
            let _ = page.send(match ended {
                Ok(_) => Page::Done,
                Err(_) => Page::Failed,
            });
        }
        self.loopback.close(clock).await;
        ended
    }

    async fn converse(
        &mut self,
        flow: &mut dyn Flow,
        mut show: impl FnMut(&Prompt),
        browser: &mut Browser,
    ) -> Result<Granted, TokenError> {
        let around = self.keeper.surroundings();
        let (who, endpoint) = (self.keeper.who(), self.keeper.endpoint());
        let line = Line {
            endpoint: &endpoint,
            clock: &around.clock,
            who: &who,
        };
        let mut step = flow.resume(around.clock.now(), Event::Start)?;
        loop {
            match line.lead(flow, step).await? {
                Halt::Show(prompt) => {
                    show(&prompt);
                    step = self.redirected(flow, browser).await?;
                }
                Halt::Done(granted) => return Ok(*granted),
            }
        }
    }

    /// Waits for the browser that belongs to this sign-in.
    async fn redirected(
        &mut self,
        flow: &mut dyn Flow,
        browser: &mut Browser,
    ) -> Result<Step, TokenError> {
        let mut strays = 0_u32;
        while let Some(arrival) = self.loopback.arrival().await {
            let now = self.keeper.surroundings().clock.now();
            match flow.resume(now, Event::Redirected(&arrival.url)) {
                // However many come: whoever can reach the port must not end the sign-in. It
                // ends when the person's time is over.
                Err(error @ TokenError::StateMismatch { .. }) => {
                    strays = strays.saturating_add(1);
                    if strays <= STRAYS_LOGGED {
                        tracing::warn!("{error}");
                    }
                    let _ = arrival.page.send(Page::Foreign);
                }
                judged => {
                    *browser = Some(arrival.page);
                    return judged;
                }
            }
        }
        Err(self.unfinished("the redirect cannot be received any more"))
    }

    fn unfinished(&self, reason: &str) -> TokenError {
        TokenError::SignInUnfinished {
            who: self.keeper.who(),
            reason: reason.to_owned(),
        }
    }

    fn nobody_came(&self) -> TokenError {
        self.unfinished(&format!(
            "nobody came back from the browser within {} minutes",
            self.patience.as_secs() / 60
        ))
    }
}

/// Reloaded tabs of earlier sign-ins and other programs' mistakes; more say nothing new.
const STRAYS_LOGGED: u32 = 10;
