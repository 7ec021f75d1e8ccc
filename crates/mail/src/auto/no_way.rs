//! Every way to a mailbox is closed.

use std::error::Error;
use std::fmt;

use gatepost_fault::{Fault, Next, Owner};

/// Every way to a mailbox is closed, each for its own reason. To programs it is the reason of the
/// way that was tried first; people are told them all.
#[derive(Debug)]
pub struct NoWay<E> {
    mailbox: String,
    first: Box<E>,
    others: Vec<(&'static str, E)>,
    tried: &'static str,
}

impl<E: Fault> NoWay<E> {
    /// The ways that were tried, in their order, each with the reason. There is at least one.
    pub(super) fn of(mailbox: &str, closed: Vec<(&'static str, E)>) -> Self {
        let mut closed = closed.into_iter();
        let (tried, first) = closed.next().expect("there is at least one way");
        Self {
            mailbox: mailbox.to_owned(),
            first: Box::new(first),
            others: closed.collect(),
            tried,
        }
    }
}

impl<E: Fault> fmt::Display for NoWay<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mailbox,
            first,
            others,
            tried,
        } = self;
        write!(f, "every way to {mailbox} is closed: {tried}: {first}")?;
        for (way, error) in others {
            write!(f, "; {way}: {error}")?;
        }
        Ok(())
    }
}

impl<E: Fault> Error for NoWay<E> {}

impl<E: Fault> Fault for NoWay<E> {
    fn code(&self) -> &'static str {
        self.first.code()
    }

    fn owner(&self) -> Owner {
        self.first.owner()
    }

    fn next(&self) -> Next {
        self.first.next()
    }
}
