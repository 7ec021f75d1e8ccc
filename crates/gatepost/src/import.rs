//! Takes the place of another program: what its configuration means here, what cannot be taken
//! over, what is unsafe about it, and what remains to be done. The plan is a pure function of the
//! file and the passwords; `carry` puts into the store what a file of ours must not hold.

mod accounts;
mod carry;
mod doors;
mod error;
mod opening;
mod options;
mod origin;
mod plan;
mod report;
mod sign_ins;
#[cfg(test)]
mod tests;
mod waiting;
mod ways;
mod written;

pub use carry::{Carried, carry};
pub use error::TakeoverError;
pub use opening::{Opening, Passwords};
pub use plan::{
    CloudPlan, DoorPlan, FoundFile, Keepsake, MailboxPlan, Plan, RegistrationPlan, plan,
};
pub use report::{Finding, Heading, Report};
pub use waiting::Waiting;
pub use written::{Written, written};
