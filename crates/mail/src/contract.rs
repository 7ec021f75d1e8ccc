//! The sentences that every transport obeys, against a real counterpart.
//!
//! A package that can start a counterpart implements [`Counterpart`] and calls [`obeys`], or
//! [`SubmissionPoint`] and [`submits`]. Every
//! sentence uses a folder of its own, so that none depends on another.

mod changing;
mod collector;
mod inbox_only;
mod letter;
mod reading;
mod submitting;
mod watching;

use async_trait::async_trait;
use gatepost_host::Clock;

pub use collector::{Collected, Collector};
pub use letter::{Letter, Told, envelope};
pub use submitting::{SubmissionPoint, submits};

use crate::{FolderName, Mailbox, Opener};

/// A server, and a way to make things happen on it that is not the transport under test.
#[async_trait]
pub trait Counterpart: Send {
    /// Opens one mailbox of it, the same for every call.
    fn opener(&self) -> &dyn Opener;

    /// The time that the opener goes by.
    fn clock(&self) -> Clock;

    /// What the transport shows of a mailbox.
    fn view(&self) -> View {
        View::Whole
    }

    /// Makes a folder of this name in that mailbox, or, where there is only the inbox, empties
    /// that.
    async fn create_folder(&mut self, folder: &FolderName);

    /// Puts a message into a folder of it; lines end in CRLF.
    async fn deliver(&mut self, folder: &FolderName, message: &[u8]);

    /// Makes the server forget every key of a folder and keep its messages.
    async fn forget_keys(&mut self, folder: &FolderName);
}

/// What a transport shows of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Every folder, with marks on the messages.
    Whole,
    /// The inbox, without marks: POP3.
    Inbox,
}

/// Tries every sentence; panics with the first that is broken.
pub async fn obeys(counterpart: &mut dyn Counterpart) {
    match counterpart.view() {
        View::Whole => {
            reading::folders_are_listed_by_their_names(counterpart).await;
            reading::odd_names_open_their_folders(counterpart).await;
        }
        View::Inbox => inbox_only::it_is_the_only_folder(counterpart).await,
    }
    reading::messages_are_listed_newest_first(counterpart).await;
    reading::a_query_finds_what_it_says(counterpart).await;
    reading::bodies_come_octet_for_octet_in_the_order_asked(counterpart).await;
    reading::what_is_no_good_message_comes_as_it_is(counterpart).await;
    reading::a_header_comes_alone(counterpart).await;
    reading::a_missing_message_is_gone_and_a_missing_folder_is_named(counterpart).await;
    watching::changes_come_oldest_first_in_pages(counterpart).await;
    watching::what_is_present_is_behind_the_cursor(counterpart).await;
    watching::what_goes_while_it_is_watched_harms_nothing(counterpart).await;
    watching::looking_changes_nothing(counterpart).await;
    watching::a_wait_ends_with_an_arrival_or_with_its_time(counterpart).await;
    watching::forgotten_keys_are_told_with_fingerprints(counterpart).await;
    watching::a_cursor_of_another_transport_is_answered_with_fingerprints(counterpart).await;
    match counterpart.view() {
        View::Whole => {
            changing::flags_are_put_on_and_taken_off(counterpart).await;
            changing::messages_move_and_go(counterpart).await;
        }
        View::Inbox => {
            inbox_only::what_it_has_not_is_refused(counterpart).await;
            inbox_only::messages_go(counterpart).await;
        }
    }
}

/// A fresh folder with these messages, and a session.
async fn folder_with(
    counterpart: &mut dyn Counterpart,
    name: &str,
    messages: &[&str],
) -> (FolderName, Box<dyn Mailbox>) {
    let folder = match counterpart.view() {
        View::Whole => FolderName::new(name),
        View::Inbox => FolderName::inbox(),
    };
    counterpart.create_folder(&folder).await;
    for message in messages {
        counterpart.deliver(&folder, message.as_bytes()).await;
    }
    let session = counterpart
        .opener()
        .open()
        .await
        .expect("the mailbox opens");
    (folder, session)
}

/// A small message with this subject.
fn message(subject: &str) -> String {
    format!(
        "Received: by contract; Thu, 26 Nov 2020 08:00:00 +0000\r\nFrom: Ada <ada@contoso.com>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@contract>\r\n\r\nText of {subject}.\r\n"
    )
}
