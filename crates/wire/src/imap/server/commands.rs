//! Command lines: which command it is, whether it may be used now, and how it begins.

use crate::imap::codec::types::command::CommandBody;
use crate::imap::codec::{
    Announcement, CommandCodec, Decoder, LiteralMode, Treatment, decode_command,
};
use crate::web::is_http;

use super::answering::{Pending, Step, Then};
use super::fetch::Fetching;
use super::login::{Authenticate, Login};
use super::machine::{End, Job, Stage};
use super::numbers::{By, Numbers};
use super::order::{Leaving, Order, SelectedOrder};
use super::view::View;
use super::{Access, Ask, Mechanism, Refusal, Server, criteria};

impl Server {
    pub(super) fn command_line(&mut self, line: &[u8]) {
        let Some((tag, rest)) = split_tag(line) else {
            if is_http(line) {
                return self.bye(crate::web::REFUSED);
            }
            return self.bad("*", self.persona.texts.bad_command);
        };
        if let Some(authenticate) = Authenticate::read(rest) {
            return self.authenticate(tag, &authenticate);
        }
        if let Some(login) = Login::read(rest) {
            return self.login(tag, login.arguments);
        }
        match decode_command(line).map(|command| Order::read(command.body)) {
            Some(Some(order)) => self.begin(tag, order),
            Some(None) => self.bad(&tag, self.persona.texts.bad_arguments),
            None if is_http(line) => self.bye(crate::web::REFUSED),
            None => self.bad(&tag, self.persona.texts.bad_command),
        }
    }

    /// A literal of a command is announced: part of its arguments, or a message to be uploaded.
    pub(super) fn literal_announced(&mut self, announcement: Announcement) {
        if let Some((tag, order)) = self.upload_announced() {
            return self.begin_upload(tag, order, announcement);
        }
        if self.assembler.accept(Treatment::Keep).is_ok() {
            return self.let_literal_come(announcement.mode);
        }
        let tag = self.tag_of_head();
        let refusal = Refusal::bad(self.persona.texts.bad_arguments);
        self.drop_literal(tag, refusal, announcement.mode);
    }

    /// The tag of a command that is not complete, or `*` if it has none.
    pub(super) fn tag_of_head(&self) -> String {
        split_tag(self.assembler.head()).map_or_else(|| "*".to_owned(), |(tag, _)| tag)
    }

    /// The literal will not be taken. A client that waits is told now; one that does not is
    /// told when its octets have passed, or is sent away if nobody knows it.
    pub(super) fn drop_literal(&mut self, tag: String, refusal: Refusal, mode: LiteralMode) {
        match mode {
            LiteralMode::Synchronizing => {
                self.assembler.refuse();
                self.job = Job::Rest;
                self.refuse(&tag, &refusal);
            }
            LiteralMode::NonSynchronizing if matches!(self.stage, Stage::SignedOut) => {
                let closed = self.persona.texts.closed;
                self.refuse(&tag, &refusal.then_bye(closed));
            }
            LiteralMode::NonSynchronizing => {
                let discarded = self.assembler.accept(Treatment::Discard);
                debug_assert!(discarded.is_ok(), "no bound forbids discarding");
                self.job = Job::Doomed { tag, refusal };
            }
        }
    }

    pub(super) fn idle_line(&mut self, tag: String, line: &[u8]) {
        if line.trim_ascii().eq_ignore_ascii_case(b"DONE") {
            self.finish(tag, "IDLE");
        } else {
            self.bad(&tag, self.persona.texts.bad_command);
        }
    }

    /// The command was admitted: do it.
    pub(super) fn carry_out(&mut self, tag: String, order: Order) {
        let name = order.name();
        let (ask, step) = match order {
            Order::Namespace => {
                self.write(b"* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
                return self.complete(&tag, name, "");
            }
            Order::Noop | Order::Check => return self.finish(tag, name),
            Order::Idle => return self.begin_idle(tag),
            Order::List(listing) if listing.asks_for_separator() => {
                let mut lines = Vec::new();
                listing.push(&mut lines, &[]);
                self.write(&lines);
                return self.complete(&tag, name, "");
            }
            Order::List(listing) => (Ask::Folders, Step::Folders(listing)),
            Order::Status { folder, items } => {
                (Ask::Status(folder.clone()), Step::Status { folder, items })
            }
            Order::Open { folder, access } => {
                // RFC 3501 §6.3.1: a SELECT that fails leaves no folder open.
                self.stage = Stage::SignedIn;
                (Ask::Open(folder, access), Step::Open(access))
            }
            Order::Leave(leaving) => return self.leave(tag, leaving),
            Order::Folder(change) => (Ask::Folder(change), Step::Done),
            Order::Selected(order) => return self.carry_out_selected(tag, name, order),
            _ => return self.bad(&tag, self.persona.texts.bad_command),
        };
        self.ask(ask, Pending { tag, name, step });
    }

    fn begin(&mut self, tag: String, order: Order) {
        let name = order.name();
        match order {
            Order::Capability => {
                let list = match self.stage {
                    Stage::SignedOut => &self.persona.capability_before_login,
                    _ => &self.persona.capability_after_login,
                };
                self.write(format!("* CAPABILITY {list}\r\n").as_bytes());
                self.complete(&tag, name, "");
            }
            Order::Id => {
                self.write(format!("* ID {}\r\n", self.persona.texts.id).as_bytes());
                self.complete(&tag, name, "");
            }
            Order::Noop if matches!(self.stage, Stage::SignedOut) => self.complete(&tag, name, ""),
            Order::Logout => {
                let text = self.persona.texts.logout;
                self.bye(text);
                self.complete(&tag, name, "");
            }
            Order::StartTls if self.offers(Mechanism::StartTls) => {
                self.complete(&tag, name, "");
                self.end = End::StartingTls;
            }
            Order::Unknown | Order::StartTls => {
                self.bad(&tag, self.persona.texts.bad_command);
            }
            order => self.ask_leave(tag, order),
        }
    }

    /// Commands that need a mailbox are admitted by the owner, one by one.
    fn ask_leave(&mut self, tag: String, order: Order) {
        let needs_folder = matches!(order, Order::Selected(_) | Order::Leave(_) | Order::Check);
        let ready = match self.stage {
            Stage::SignedOut => false,
            Stage::SignedIn => !needs_folder,
            Stage::Selected(_) => true,
        };
        if !ready {
            return self.bad(&tag, self.persona.texts.wrong_state);
        }
        let name = order.name();
        self.ask(
            Ask::Admit(name),
            Pending {
                tag,
                name,
                step: Step::Admit(order),
            },
        );
    }

    fn begin_idle(&mut self, tag: String) {
        self.write(format!("+ {}\r\n", self.persona.texts.idle).as_bytes());
        // What changed since the last command is news as well.
        self.look_for_changes(Then::Idle { tag });
    }

    fn leave(&mut self, tag: String, leaving: Leaving) {
        let Stage::Selected(view) = std::mem::replace(&mut self.stage, Stage::SignedIn) else {
            return self.bad(&tag, self.persona.texts.wrong_state);
        };
        if leaving == Leaving::Close && view.access == Access::ReadWrite {
            let pending = Pending {
                tag,
                name: "CLOSE",
                step: Step::Done,
            };
            self.ask(Ask::Expunge(None), pending);
        } else {
            let name = Order::Leave(leaving).name();
            self.complete(&tag, name, "");
        }
    }

    fn carry_out_selected(&mut self, tag: String, name: &'static str, order: SelectedOrder) {
        let charsets = self.persona.charsets;
        let Some(view) = self.view() else {
            return self.bad(&tag, self.persona.texts.wrong_state);
        };
        let plan = if order.writes() && view.access == Access::ReadOnly {
            Plan::ReadOnly
        } else if order
            .charset()
            .is_some_and(|name| !is_among(name, charsets))
        {
            Plan::BadCharset
        } else {
            plan(view, order)
        };
        match plan {
            Plan::Ask(ask, step) => self.ask(ask, Pending { tag, name, step }),
            Plan::Fetch(mut fetching) => {
                fetching.tag = tag;
                self.job = Job::Fetch(fetching);
            }
            Plan::Nothing => self.finish(tag, name),
            Plan::BadSet => self.bad(&tag, self.persona.texts.bad_set),
            Plan::ReadOnly => self.no(&tag, self.persona.texts.read_only),
            Plan::BadCharset => self.no(&tag, self.persona.texts.bad_charset),
        }
    }

    /// The APPEND whose message is announced. Only its last argument is streamed: a mailbox
    /// name that comes as a literal is not.
    fn upload_announced(&self) -> Option<(String, Order)> {
        if matches!(self.stage, Stage::SignedOut) {
            return None;
        }
        let head = self.assembler.head();
        let brace = memchr::memrchr(b'{', head)?;
        let whole = [&head[..brace], b"{1}\r\n.\r\n"].concat();
        let Ok(([], command)) = CommandCodec::new().decode(&whole) else {
            return None;
        };
        let CommandBody::Append { .. } = command.body else {
            return None;
        };
        let tag = command.tag.as_ref().to_owned();
        Some((tag, Order::read(command.body)?))
    }
}

/// How a command on the open folder begins.
enum Plan {
    Ask(Ask, Step),
    Fetch(Fetching),
    /// It names no message that exists.
    Nothing,
    /// It names a sequence number that does not exist.
    BadSet,
    ReadOnly,
    BadCharset,
}

fn plan(view: &View, order: SelectedOrder) -> Plan {
    let named =
        |numbers: &Numbers, by, begin: &dyn Fn(Vec<u32>) -> Plan| match view.select(numbers, by) {
            None => Plan::BadSet,
            Some(uids) if uids.is_empty() => Plan::Nothing,
            Some(uids) => begin(uids),
        };
    match order {
        SelectedOrder::Expunge(None) => Plan::Ask(Ask::Expunge(None), Step::Done),
        SelectedOrder::Expunge(Some(numbers)) => named(&numbers, By::Uid, &|uids| {
            Plan::Ask(Ask::Expunge(Some(uids)), Step::Done)
        }),
        SelectedOrder::Search { key, by, .. } => match criteria::read(&key, view) {
            Some(criteria) => Plan::Ask(Ask::Search(criteria), Step::Search(by)),
            None => Plan::BadSet,
        },
        SelectedOrder::Fetch { numbers, items, by } => named(&numbers, by, &|uids| {
            Plan::Fetch(Fetching::new(uids, items.clone(), by))
        }),
        SelectedOrder::Store {
            numbers,
            edit,
            echo,
            by,
        } => named(&numbers, by, &|uids| {
            Plan::Ask(Ask::Store(uids, edit), Step::Store { echo, by })
        }),
        SelectedOrder::Copy {
            numbers,
            folder,
            by,
        } => named(&numbers, by, &|uids| {
            Plan::Ask(Ask::Copy(uids, folder.clone()), Step::Copy)
        }),
        SelectedOrder::Move {
            numbers,
            folder,
            by,
        } => named(&numbers, by, &|uids| {
            Plan::Ask(Ask::Move(uids, folder.clone()), Step::Move)
        }),
    }
}

fn is_among(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A tag (RFC 3501 §9) and what follows it.
fn split_tag(line: &[u8]) -> Option<(String, &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    let (tag, rest) = (&line[..space], &line[space + 1..]);
    let good = |octet: &u8| octet.is_ascii_graphic() && !b"(){%*\"\\+".contains(octet);
    let tag =
        (!tag.is_empty() && tag.len() <= LONGEST_TAG && tag.iter().all(good)).then_some(tag)?;
    Some((String::from_utf8_lossy(tag).into_owned(), rest))
}

const LONGEST_TAG: usize = 128;
