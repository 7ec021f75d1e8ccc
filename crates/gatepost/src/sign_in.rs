//! A person signs in: the browser is sent to the sign-in page and comes back to a listener on
//! loopback (RFC 8252 §7.3). The conversation itself is the grant's; this drives it.

mod loopback;
mod page;

use std::sync::Arc;
use std::time::Duration;

use gatepost_oauth::grants::Opening;
use gatepost_oauth::{
    Asking, Audience, Endpoint, Event, Flow, Granted, Prompt, Step, TokenError, TokenKeeper,
};
use url::Url;

use crate::compose::Gatepost;
use crate::config::MailboxSettings;
use crate::failure::Failure;
pub use loopback::LoopbackError;
use loopback::{Loopback, Visitor};

/// Shows the person where to sign in.
pub type Show<'a> = &'a mut dyn FnMut(&Url);

/// Signs the person in who opens `mailbox`, and stores what was granted. Stray requests and
/// answers to other sign-ins do not end it.
pub async fn sign_in(
    gatepost: &Gatepost,
    mailbox: &MailboxSettings,
    show: Show<'_>,
) -> Result<Granted, Failure> {
    let keeper = gatepost.keeper(mailbox);
    let loopback = Loopback::bind().await?;
    let mut conversation = Conversation {
        flow: begin(gatepost, keeper, loopback.redirect()),
        endpoint: gatepost.endpoint(mailbox),
        gatepost,
        who: &mailbox.address,
    };
    let work = async {
        let url = conversation.opened().await?;
        show(&url);
        loop {
            let visitor = loopback.next(&gatepost.clock).await?;
            match conversation.redirected(&visitor).await {
                Err(error @ TokenError::StateMismatch { .. }) => {
                    visitor.answer(&page::stray(&error)).await;
                }
                Err(error) => {
                    visitor.answer(&page::failed(&error)).await;
                    return Err(Failure::from(error));
                }
                Ok(granted) => {
                    let kept = keeper.signed_in(granted.clone()).await;
                    visitor.answer(&page::of(&kept)).await;
                    return Ok(kept.map(|()| granted)?);
                }
            }
        }
    };
    let who = mailbox.address.clone();
    let waited = gatepost.clock.within(LIMIT, work).await;
    waited.unwrap_or_else(|_| {
        let reason = format!("nobody came back within {} minutes", LIMIT.as_secs() / 60);
        Err(TokenError::SignInUnfinished { who, reason }.into())
    })
}

fn begin(gatepost: &Gatepost, keeper: &TokenKeeper, redirect: String) -> Box<dyn Flow> {
    let credential = keeper.credential();
    (credential.grant.begin)(Opening {
        asking: Asking {
            registration: Arc::clone(&credential.registration),
            person: credential.person.clone(),
            audience: Audience::Exchange,
            chance: gatepost.chance.clone(),
        },
        also: Vec::new(),
        redirect: Some(redirect),
    })
}

/// The grant's conversation, and what it is led with.
struct Conversation<'a> {
    flow: Box<dyn Flow>,
    endpoint: Arc<dyn Endpoint>,
    gatepost: &'a Gatepost,
    who: &'a str,
}

impl Conversation<'_> {
    /// Where the person signs in.
    async fn opened(&mut self) -> Result<Url, TokenError> {
        let first = self.flow.resume(self.gatepost.clock.now(), Event::Start)?;
        match self.lead(first).await? {
            Led::Shown(Prompt::Open(url)) => Ok(url),
            Led::Granted(_) => Err(self.unfinished("it asks for nobody")),
        }
    }

    /// What came of the visit of the browser.
    async fn redirected(&mut self, visitor: &Visitor) -> Result<Granted, TokenError> {
        let now = self.gatepost.clock.now();
        let step = self.flow.resume(now, Event::Redirected(visitor.url()))?;
        match self.lead(step).await? {
            Led::Granted(granted) => Ok(*granted),
            Led::Shown(_) => Err(self.unfinished("the sign-in server wants another sign-in")),
        }
    }

    /// Takes steps until a person or the end is reached.
    async fn lead(&mut self, mut step: Step) -> Result<Led, TokenError> {
        for _ in 0..MOST_STEPS {
            step = match step {
                Step::Show(prompt) => return Ok(Led::Shown(prompt)),
                Step::Done(granted) => return Ok(Led::Granted(granted)),
                Step::Post(form) => {
                    let reply = self.endpoint.post(&form).await?;
                    self.flow
                        .resume(self.gatepost.clock.now(), Event::Reply(&reply))?
                }
                Step::Wait(time) => {
                    self.gatepost.clock.sleep(time).await;
                    self.flow.resume(self.gatepost.clock.now(), Event::Woken)?
                }
            };
        }
        Err(self.unfinished("it took too many steps"))
    }

    fn unfinished(&self, reason: &str) -> TokenError {
        TokenError::SignInUnfinished {
            who: self.who.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

/// Where steps without a person lead.
enum Led {
    Shown(Prompt),
    Granted(Box<Granted>),
}

/// How long a code of Entra's sign-in page lives; a person needs less.
const LIMIT: Duration = Duration::from_mins(10);
const MOST_STEPS: usize = 20;
