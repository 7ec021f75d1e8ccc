//! Who may come in at the doors of the gateway: what the configuration says of it.

use std::sync::Arc;

use gatepost_gateway::admission::{
    Cost, Gatehouse, Gatekeeper, Inheritance, Lockout, Logins, Opens, Rules,
};

use super::Gatepost;
use crate::config::Config;

impl Gatepost {
    /// The gatekeeper over the store, and over what another gateway left behind.
    pub fn gatekeeper(&self, inheritance: Arc<dyn Inheritance>) -> Gatekeeper {
        Gatekeeper::new(Gatehouse {
            passwords: Arc::new(self.store.clone()),
            inheritance: Some(inheritance),
            rules: rules(&self.config),
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            cost: Cost::USUAL,
        })
    }
}

/// What `config` says of login names, and of those that are wrong too often.
pub fn rules(config: &Config) -> Rules {
    let gateway = &config.gateway;
    let mut logins = Logins::new().with_mailboxes(config.mailboxes.keys().map(String::as_str));
    for (name, login) in &gateway.logins {
        let opens = Opens {
            mailbox: login.mailbox.clone(),
            senders: login.senders.clone(),
        };
        logins = logins.with_login(name, opens);
    }
    for domain in gateway.domains.keys() {
        logins = logins.with_domain(domain);
    }
    Rules {
        logins,
        lockout: Lockout {
            failures: gateway.lockout.failures,
            within: gateway.lockout.within,
            lasts: gateway.lockout.lasts,
        },
    }
}
