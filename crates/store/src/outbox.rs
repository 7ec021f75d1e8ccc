//! What is on its way out.

mod accept;
mod damaged;
mod look;
mod row;
mod settle;
mod turn;

use async_trait::async_trait;
pub use damaged::DamagedSubmission;
use gatepost_mail::Trace;
use gatepost_mailroom::{
    Accepted, Addressee, Decision, DueNow, DueSubmission, LeftBy, NewSubmission, Outbox, Recovered,
    SendLease, Settlement, StorageError, Submission, SubmissionFilter, SubmissionId, Term, Traffic,
};
use jiff::Timestamp;

use crate::Store;
use crate::outbox::accept::Sealed;
use crate::outbox::turn::Whose;
use crate::writer::Haste;

#[async_trait]
impl Outbox for Store {
    async fn accept(&self, new: NewSubmission) -> Result<Accepted, StorageError> {
        let sealed = Sealed::seal(self.key(), new).await;
        let mut sealed = self.answer(sealed)?;
        let accepted = self.write_behind(Haste::AtOnce, sealed.first(), move |db, rows| {
            Box::pin(accept::accept_behind(db, rows, sealed))
        });
        self.answer(accepted.await)
    }

    async fn claim_for(
        &self,
        mailbox: &str,
        term: Term,
        limit: usize,
    ) -> Result<DueNow, StorageError> {
        let whose = Whose::Mailbox(mailbox.to_owned(), limit);
        self.answer(self.claim_submissions(whose, term).await)
    }

    async fn claim_one(&self, id: &SubmissionId, term: Term) -> Result<DueNow, StorageError> {
        let claimed = self.claim_submissions(Whose::One(id.clone()), term).await;
        self.answer(claimed)
    }

    async fn unknown_due(
        &self,
        mailbox: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<DueNow, StorageError> {
        self.answer(self.unknown_submissions(mailbox, now, limit).await)
    }

    async fn depart(
        &self,
        due: &DueSubmission,
        how: (&Trace, &[Addressee]),
        when: (Timestamp, Timestamp),
    ) -> Result<bool, StorageError> {
        let departing = turn::departure(self.key(), due, how, when).await;
        let departing = self.answer(departing)?;
        let departed = self.write_behind(Haste::AtOnce, departing, |_, rows| {
            Box::pin(async move { Ok(!rows.is_empty()) })
        });
        self.answer(departed.await)
    }

    async fn note_draft(
        &self,
        lease: &SendLease,
        draft: Option<&str>,
    ) -> Result<bool, StorageError> {
        let (lease, draft, key) = (lease.clone(), draft.map(str::to_owned), self.key());
        let noted = self.write(move |db| {
            Box::pin(async move { turn::note_draft(db, &key, &lease, draft).await })
        });
        self.answer(noted.await)
    }

    async fn conclude(
        &self,
        settlements: Vec<Settlement>,
        now: Timestamp,
    ) -> Result<Vec<bool>, StorageError> {
        let mut prepared = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            let one = settle::Prepared::seal(self.key(), settlement).await;
            prepared.push(self.answer(one)?);
        }
        let (groups, key) = (settle::Groups::of(prepared), self.key());
        // What is sent next departs right behind this.
        let settled = self.write_behind(Haste::InCompany, groups.first(), move |db, rows| {
            Box::pin(async move { groups.settle(db, rows, (&key, now)).await })
        });
        self.answer(settled.await)
    }

    async fn recover(&self, left_by: LeftBy, now: Timestamp) -> Result<Recovered, StorageError> {
        // Most looks find nothing that is void, and cost no transaction.
        if !self.answer(turn::anything_in_hand(self.readers()).await)? {
            return Ok(Recovered::default());
        }
        let recovered = self.write(move |db| Box::pin(turn::recover(db, left_by, now)));
        self.answer(recovered.await)
    }

    async fn hold_others(&self, open: &[String], now: Timestamp) -> Result<usize, StorageError> {
        let open = open.to_vec();
        let held =
            self.write(move |db| Box::pin(async move { turn::hold_others(db, &open, now).await }));
        self.answer(held.await)
    }

    async fn next_due_of(&self, mailbox: &str) -> Result<Option<Timestamp>, StorageError> {
        self.answer(turn::next_due(self.readers(), mailbox).await)
    }

    async fn waiting_of(&self, mailbox: &str) -> Result<usize, StorageError> {
        self.answer(turn::waiting(self.readers(), mailbox).await)
    }

    async fn traffic(&self, mailbox: &str, since: Timestamp) -> Result<Vec<Traffic>, StorageError> {
        self.answer(turn::traffic(self.readers(), mailbox, since).await)
    }

    async fn submissions(
        &self,
        filter: &SubmissionFilter,
    ) -> Result<Vec<Submission>, StorageError> {
        let (listed, damaged) = self.page_of_submissions(filter).await?;
        for one in damaged {
            tracing::error!(submission = one.id, "{}", one.reason);
        }
        Ok(listed)
    }

    async fn submission(&self, id: &SubmissionId) -> Result<Option<Submission>, StorageError> {
        self.answer(self.one_submission(id).await)
    }

    async fn retry_sending(
        &self,
        ids: &[SubmissionId],
        now: Timestamp,
    ) -> Result<usize, StorageError> {
        let (ids, key) = (ids.to_vec(), self.key());
        let retried =
            self.write(move |db| Box::pin(async move { look::retry(db, &key, &ids, now).await }));
        self.answer(retried.await)
    }

    async fn cancel(&self, ids: &[SubmissionId], now: Timestamp) -> Result<usize, StorageError> {
        let ids = ids.to_vec();
        let cancelled =
            self.write(move |db| Box::pin(async move { look::cancel(db, &ids, now).await }));
        self.answer(cancelled.await)
    }

    async fn resolve(
        &self,
        id: &SubmissionId,
        decision: Decision,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let decided = look::Decided::seal(self.key(), decision).await;
        let (decided, id, key) = (self.answer(decided)?, id.clone(), self.key());
        let resolved = self.write(move |db| {
            Box::pin(async move { look::resolve(db, &key, (&id, decided), now).await })
        });
        self.answer(resolved.await)
    }

    async fn forget_sent(&self, before: Timestamp, limit: usize) -> Result<usize, StorageError> {
        let forgotten = self.write(move |db| Box::pin(look::forget(db, before, limit)));
        self.answer(forgotten.await)
    }
}

/// Statements that the program runs by itself.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    accept::BY_KEY,
    turn::IN_TURN,
    turn::UNKNOWN,
    turn::ONE_DUE,
    turn::DEPART,
    turn::COUNT_DEPARTURE,
    turn::DRAFTED,
    turn::IN_HAND,
    turn::RECOVER,
    turn::NEXT_DUE,
    turn::WAITING,
    turn::TRAFFIC,
    settle::AMONG_IN_HAND,
    settle::DROP_OCTETS,
    settle::FORGET_FILE,
    look::RETRIABLE,
    look::CANCEL,
    look::RESOLVABLE,
    look::FORGET,
    look::FORGET_TRAFFIC,
];

/// Those that run for each claim and for each round of a dispatcher.
#[cfg(test)]
pub(crate) const OF_EACH_ROUND: [&str; 3] = [turn::IN_TURN, turn::UNKNOWN, turn::NEXT_DUE];
