//! The owner's answers, and how commands end.

use super::fetch::Fetching;
use super::listing::{Listing, push_folder};
use super::machine::{End, Job, Stage};
use super::numbers::By;
use super::order::{Echo, Order, StatusItem};
use super::text::one_line;
use super::upload::UploadStep;
use super::view::{News, View};
use super::{
    Access, Answer, Ask, Change, Copied, CopyuidForm, Flag, Flags, Opened, Refusal, Server, Status,
};

/// A command that waits for the owner's answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) tag: String,
    pub(super) name: &'static str,
    pub(super) step: Step,
}

/// Which answer a command waits for.
#[derive(Debug)]
pub(super) enum Step {
    SignIn,
    Admit(Order),
    Folders(Listing),
    Status {
        folder: String,
        items: Vec<StatusItem>,
    },
    Open(Access),
    /// It is done when the owner says so.
    Done,
    Search(By),
    /// A message is to be loaded, or marked as read.
    Fetch(Fetching),
    Store {
        echo: Echo,
        by: By,
    },
    Copy,
    Move,
    Upload(UploadStep),
    Changes(Then),
}

/// What follows when the client knows what changed.
#[derive(Debug)]
pub(super) enum Then {
    /// The command is complete, with this response code.
    Complete {
        tag: String,
        name: &'static str,
        code: String,
    },
    /// IDLE goes on.
    Idle { tag: String },
}

impl Server {
    pub(super) fn answered(&mut self, pending: Pending, answer: Answer) {
        let Pending { tag, name, step } = pending;
        match (step, answer) {
            (Step::Upload(step), answer) => self.upload_answered(tag, step, answer),
            (Step::SignIn, Answer::Refused(refusal)) => {
                self.refuse(&tag, &refusal);
                self.count_error();
            }
            (Step::Changes(then), Answer::Refused(refusal)) => {
                self.go_on_without_news(then, refusal);
            }
            (_, Answer::Refused(refusal)) => self.refuse(&tag, &refusal),
            (Step::SignIn, Answer::Done) => {
                self.stage = Stage::SignedIn;
                self.complete(&tag, name, "");
            }
            (Step::SignIn, Answer::HandOver(capability)) => {
                // RFC 3501 §7.1, CAPABILITY: so that nobody goes by what was said before login.
                let code = capability.map(|list| format!("[CAPABILITY {}]", one_line(&list)));
                self.complete(&tag, name, &code.unwrap_or_default());
                self.end = End::HandedOver;
            }
            (Step::Admit(order), Answer::Done) => self.carry_out(tag, order),
            (Step::Done, Answer::Done) => self.finish(tag, name),
            (Step::Folders(listing), Answer::Folders(folders)) => {
                let mut lines = Vec::new();
                listing.push(&mut lines, &folders);
                self.write(&lines);
                self.finish(tag, name);
            }
            (Step::Status { folder, items }, Answer::Status(status)) => {
                self.write_status(&folder, &items, &status);
                self.finish(tag, name);
            }
            (Step::Open(access), Answer::Opened(opened)) => self.opened(&tag, name, opened, access),
            (Step::Search(by), Answer::Found(uids)) => self.found(tag, name, by, &uids),
            (Step::Fetch(fetching), answer) => self.fetch_answered(fetching, answer),
            (Step::Store { echo, by }, Answer::Flags(flags)) => {
                self.stored(echo, by, &flags);
                self.finish_by(tag, name, by);
            }
            (Step::Copy, Answer::Copied(copied)) => {
                let code = copyuid(&copied);
                self.look_for_changes(Then::Complete { tag, name, code });
            }
            (Step::Move, Answer::Copied(copied)) => self.moved(tag, name, &copied),
            (Step::Changes(then), Answer::Changed(change)) => self.tell_changes(then, change),
            (_, _unexpected) => self.lost(),
        }
    }

    /// Ends a command: the client hears what changed, then the tagged `OK`.
    pub(super) fn finish(&mut self, tag: String, name: &'static str) {
        self.look_for_changes(Then::Complete {
            tag,
            name,
            code: String::new(),
        });
    }

    /// Ends a command that named messages. Where it did so by sequence number, nothing may be
    /// expunged (RFC 3501 §7.4.1).
    pub(super) fn finish_by(&mut self, tag: String, name: &'static str, by: By) {
        match by {
            By::Uid => self.finish(tag, name),
            By::Sequence => self.complete(&tag, name, ""),
        }
    }

    pub(super) fn look_for_changes(&mut self, then: Then) {
        match self.view() {
            Some(view) => {
                let (uidvalidity, version) = (view.uidvalidity, view.version);
                let ask = Ask::Changes {
                    uidvalidity,
                    version,
                };
                let step = Step::Changes(then);
                self.ask(
                    ask,
                    Pending {
                        tag: "*".to_owned(),
                        name: "",
                        step,
                    },
                );
            }
            None => self.go_on(then),
        }
    }

    /// The owner answered what it was not asked: there is no way to go on.
    pub(super) fn lost(&mut self) {
        let closed = self.persona.texts.closed;
        self.bye(closed);
    }

    fn go_on(&mut self, then: Then) {
        match then {
            Then::Complete { tag, name, code } => self.complete(&tag, name, &code),
            Then::Idle { tag } => self.job = Job::Idle { tag },
        }
    }

    /// The command itself was done: it completes though nobody knows what changed.
    fn go_on_without_news(&mut self, then: Then, refusal: Refusal) {
        self.go_on(then);
        if let Some(text) = refusal.bye {
            self.bye(&text);
        }
    }

    fn tell_changes(&mut self, then: Then, change: Change) {
        let Some(view) = self.view() else {
            return self.go_on(then);
        };
        let news = match change {
            Change::Nothing => News::default(),
            Change::Delta {
                version,
                present,
                vanished,
            } => view.apply(version, &present, &vanished),
            Change::Everything(now) => view.replace(&now),
            Change::Gone(text) => return self.bye(&text),
        };
        for number in news.expunged {
            self.write(format!("* {number} EXPUNGE\r\n").as_bytes());
        }
        if let Some(messages) = news.exists {
            self.write(format!("* {messages} EXISTS\r\n* 0 RECENT\r\n").as_bytes());
        }
        for (number, uid, flags) in news.flags {
            self.write(format!("* {number} FETCH (FLAGS ({flags}) UID {uid})\r\n").as_bytes());
        }
        self.go_on(then);
    }

    /// The lines of SELECT and EXAMINE, in Exchange's order.
    fn opened(&mut self, tag: &str, name: &str, opened: Opened, access: Access) {
        let all = Flags::from_iter(Flag::ALL);
        let (uidvalidity, uidnext) = (opened.uidvalidity, opened.uidnext);
        let view = View::new(opened, access);
        let (permanent, code) = match access {
            Access::ReadWrite => (all, "[READ-WRITE]"),
            Access::ReadOnly => (Flags::NONE, "[READ-ONLY]"),
        };
        let unseen = view.first_unseen();
        let unseen = unseen.map(|n| format!("* OK [UNSEEN {n}] Is the first unseen message\r\n"));
        let lines = [
            format!(
                "* {} EXISTS\r\n* 0 RECENT\r\n* FLAGS ({all})\r\n",
                view.len()
            ),
            format!("* OK [PERMANENTFLAGS ({permanent})] Permanent flags\r\n"),
            unseen.unwrap_or_default(),
            format!("* OK [UIDVALIDITY {uidvalidity}] UIDVALIDITY value\r\n"),
            format!("* OK [UIDNEXT {uidnext}] The next unique identifier value\r\n"),
        ];
        self.write(lines.concat().as_bytes());
        self.stage = Stage::Selected(view);
        self.complete(tag, name, code);
    }

    fn write_status(&mut self, folder: &str, items: &[StatusItem], status: &Status) {
        let mut line = b"* STATUS ".to_vec();
        push_folder(&mut line, folder);
        let figures: Vec<String> = items.iter().map(|item| item.tell(status)).collect();
        line.extend_from_slice(format!(" ({})\r\n", figures.join(" ")).as_bytes());
        self.write(&line);
    }

    fn found(&mut self, tag: String, name: &'static str, by: By, uids: &[u32]) {
        let Some(view) = self.view() else {
            return self.lost();
        };
        // A message the client was not yet told of cannot be named.
        let known = uids
            .iter()
            .filter_map(|uid| Some((*uid, view.find(*uid)?.0)));
        let mut line = "* SEARCH".to_owned();
        for (uid, number) in known {
            line.push(' ');
            line.push_str(&if by == By::Uid { uid } else { number }.to_string());
        }
        line.push_str("\r\n");
        self.write(line.as_bytes());
        self.finish_by(tag, name, by);
    }

    fn stored(&mut self, echo: Echo, by: By, flags: &[(u32, Flags)]) {
        for (uid, flags) in flags {
            let Some(view) = self.view() else {
                return self.lost();
            };
            view.set_flags(*uid, *flags);
            let (Some((number, _)), Echo::Flags) = (view.find(*uid), echo) else {
                continue;
            };
            let uid = if by == By::Uid {
                format!(" UID {uid}")
            } else {
                String::new()
            };
            self.write(format!("* {number} FETCH (FLAGS ({flags}){uid})\r\n").as_bytes());
        }
    }

    /// COPYUID comes before the EXPUNGEs, untagged (RFC 6851 §4.3).
    fn moved(&mut self, tag: String, name: &'static str, copied: &Copied) {
        let code = copyuid(copied);
        if !code.is_empty() {
            let status = match self.persona.quirks.copyuid {
                CopyuidForm::Untagged => "* OK ",
                CopyuidForm::Bare => "",
            };
            self.write(format!("{status}{code}\r\n").as_bytes());
        }
        self.finish(tag, name);
    }
}

impl StatusItem {
    fn tell(self, status: &Status) -> String {
        match self {
            Self::Messages => format!("MESSAGES {}", status.messages),
            Self::Recent => "RECENT 0".to_owned(),
            Self::UidNext => format!("UIDNEXT {}", status.uidnext),
            Self::UidValidity => format!("UIDVALIDITY {}", status.uidvalidity),
            Self::Unseen => format!("UNSEEN {}", status.unseen),
        }
    }
}

/// The response code of RFC 4315 §3; empty if nothing was copied.
fn copyuid(copied: &Copied) -> String {
    if copied.uids.is_empty() {
        return String::new();
    }
    let (from, to): (Vec<u32>, Vec<u32>) = copied.uids.iter().copied().unzip();
    format!(
        "[COPYUID {} {} {}]",
        copied.uidvalidity,
        ranges(&from),
        ranges(&to)
    )
}

/// Numbers as a sequence set, in the order given.
fn ranges(numbers: &[u32]) -> String {
    let runs = numbers.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    let run = |run: &[u32]| match run {
        [from, .., to] => format!("{from}:{to}"),
        [one] => one.to_string(),
        [] => String::new(),
    };
    runs.map(run).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copyuid_names_ranges_in_order() {
        let uids = vec![(3, 10), (4, 11), (5, 12), (9, 13), (7, 20)];
        let copied = Copied {
            uidvalidity: 55,
            uids,
        };
        assert_eq!(copyuid(&copied), "[COPYUID 55 3:5,9,7 10:13,20]");
    }
}
