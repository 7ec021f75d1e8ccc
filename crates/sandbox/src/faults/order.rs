//! An order for a fault, as values and as text.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use gatepost_fault::{Fault, Next, Owner};
use gatepost_wire::smtp::exchange::{KNOWN, KnownReply};

use super::{FaultKind, OnDemand, Target};

/// What shall go wrong, for whom, how often.
///
/// As text: `throttle`, `throttle,mailbox=ada@contoso.com`, `server-error,app=GUID,times=3`,
/// `refuse,code=53003`, `refuse-mail,code=5.2.252`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultOrder {
    /// What goes wrong.
    pub kind: FaultKind,
    /// For whom.
    pub reach: Reach,
    /// How often; `None` until it is taken back.
    pub times: Option<u32>,
    /// With what it is refused; for [`FaultKind::Refuse`] alone.
    pub refusal: Option<&'static OnDemand>,
    /// With what mail is refused; for [`FaultKind::RefuseMail`] alone.
    pub reply: Option<&'static KnownReply>,
}

/// Whom a fault concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Everybody.
    All,
    /// The app with this client id.
    App(String),
    /// The mailbox, or the person, with this address.
    Mailbox(String),
}

impl FaultOrder {
    /// For everybody, until it is taken back.
    pub fn everywhere(kind: FaultKind) -> Self {
        Self {
            kind,
            reach: Reach::All,
            times: None,
            refusal: None,
            reply: None,
        }
    }

    pub(super) fn hits(&self, kind: FaultKind, target: Target<'_>) -> bool {
        let same = |wanted: &str, given: Option<&str>| {
            given.is_some_and(|given| given.to_lowercase() == wanted.to_lowercase())
        };
        self.kind == kind
            && match &self.reach {
                Reach::All => true,
                Reach::App(client_id) => same(client_id, target.app),
                Reach::Mailbox(address) => same(address, target.mailbox),
            }
    }
}

impl fmt::Display for FaultOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match &self.reach {
            Reach::All => {}
            Reach::App(client_id) => write!(f, ",app={client_id}")?,
            Reach::Mailbox(address) => write!(f, ",mailbox={address}")?,
        }
        if let Some(refusal) = self.refusal {
            write!(f, ",code={}", refusal.code)?;
        }
        if let Some(reply) = self.reply {
            write!(f, ",code={}", named_by(reply))?;
        }
        self.times
            .map_or(Ok(()), |times| write!(f, ",times={times}"))
    }
}

impl FromStr for FaultOrder {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let mut parts = text.split(',').map(str::trim);
        let mut order = Self::everywhere(parts.next().unwrap_or_default().parse()?);
        for part in parts {
            let unknown = || OrderError::Part {
                part: part.to_owned(),
            };
            match part.split_once('=').ok_or_else(unknown)? {
                ("app", client_id) => order.reach = Reach::App(client_id.to_owned()),
                ("mailbox", address) => order.reach = Reach::Mailbox(address.to_owned()),
                ("times", count) => {
                    let count = count.parse().ok().filter(|count| *count > 0);
                    order.times = Some(count.ok_or_else(unknown)?);
                }
                ("code", number) if order.kind == FaultKind::Refuse => {
                    let refusal = number.parse().ok().and_then(OnDemand::find);
                    order.refusal = Some(refusal.ok_or_else(|| OrderError::Code {
                        code: number.to_owned(),
                    })?);
                }
                ("code", code) if order.kind == FaultKind::RefuseMail => {
                    order.reply = Some(reply(code).ok_or_else(|| OrderError::Reply {
                        code: code.to_owned(),
                    })?);
                }
                _ => return Err(unknown()),
            }
        }
        if order.kind == FaultKind::Refuse && order.refusal.is_none() {
            return Err(OrderError::NoCode);
        }
        if order.kind == FaultKind::RefuseMail && order.reply.is_none() {
            return Err(OrderError::NoReply);
        }
        Ok(order)
    }
}

/// The text is no order for a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// There is no such fault.
    #[error("the sandbox knows no fault `{name}`; it knows {}", names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The rest is not understood.
    #[error(
        "`{part}` is not understood in the order for a fault; write app=CLIENT_ID, \
         mailbox=ADDRESS or times=NUMBER"
    )]
    Part {
        /// The part.
        part: String,
    },
    /// Nobody knows how that number reads.
    #[error("the sandbox does not refuse with `{code}`; it knows {}", codes())]
    Code {
        /// What was asked for.
        code: String,
    },
    /// It is not said with what.
    #[error("say with which AADSTS number the sandbox shall refuse, as in `refuse,code=53003`")]
    NoCode,
    /// Exchange is not known to say that.
    #[error(
        "the sandbox does not refuse mail with `{code}`; it knows {}",
        replies()
    )]
    Reply {
        /// What was asked for.
        code: String,
    },
    /// It is not said with what.
    #[error(
        "say with which code or status the sandbox shall refuse mail, as in \
         `refuse-mail,code=5.2.252`"
    )]
    NoReply,
}

impl OrderError {
    /// Every code this error answers.
    pub const CODES: &'static [&'static str] = &["sandbox_fault_unknown"];
}

impl Fault for OrderError {
    fn code(&self) -> &'static str {
        "sandbox_fault_unknown"
    }

    fn owner(&self) -> Owner {
        Owner::Operator
    }

    fn next(&self) -> Next {
        Next::Discard
    }
}

fn names() -> String {
    let names: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

fn codes() -> String {
    let codes: Vec<String> = OnDemand::all()
        .map(|refusal| refusal.code.to_string())
        .collect();
    codes.join(", ")
}

/// The reply of Exchange's that has this status or this code; the first that has it.
fn reply(code: &str) -> Option<&'static KnownReply> {
    let has = |known: &&KnownReply| known.sample.split(' ').take(2).any(|word| word == code);
    KNOWN.iter().find(has)
}

/// What an order calls it: by its status.
fn named_by(reply: &KnownReply) -> &'static str {
    reply.sample.split(' ').nth(1).unwrap_or_default()
}

fn replies() -> String {
    let names: BTreeSet<&str> = KNOWN.iter().map(named_by).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_reads_as_it_is_written() {
        for text in [
            "throttle",
            "expire-tokens,mailbox=ada@contoso.com",
            "server-error,app=1b0b0c2f,times=3",
            "refuse-mail,code=5.2.252,times=1",
        ] {
            let order: FaultOrder = text.parse().expect(text);
            assert_eq!(order.to_string(), text);
        }
    }

    #[test]
    fn every_name_is_understood() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.name().parse(), Ok(*kind));
        }
    }

    #[test]
    fn a_wrong_order_says_what_is_possible() {
        let unknown = "throtle".parse::<FaultOrder>().expect_err("misspelt");
        assert!(unknown.to_string().contains("throttle"), "{unknown}");
        let reply = "refuse-mail,code=5.9.9".parse::<FaultOrder>();
        let reply = reply.expect_err("nobody says that").to_string();
        assert!(reply.contains("5.2.252"), "{reply}");
        for text in ["throttle,times=0", "throttle,user=ada", "throttle,often"] {
            let error = text.parse::<FaultOrder>().expect_err(text);
            assert!(error.to_string().contains("times=NUMBER"), "{error}");
        }
    }
}
