//! A mailbox just large enough to answer what the server machine asks.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use gatepost_wire::imap::server::{
    Answer, Ask, Attribute, Candidate, Change, Copied, Credentials, Flag, FlagEdit, Flags,
    FolderChange, Listed, Loaded, Opened, Refusal, Status, Upload,
};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret as _;

/// The owner of a server: its folders, and the one that is open.
pub(crate) struct Owner {
    folders: BTreeMap<String, Folder>,
    open: String,
    upload: Option<(Upload, BytesMut)>,
}

#[derive(Default)]
struct Folder {
    version: u64,
    uidnext: u32,
    letters: BTreeMap<u32, Letter>,
}

#[derive(Clone)]
struct Letter {
    uid: u32,
    flags: Flags,
    raw: Bytes,
}

impl Owner {
    /// Three messages in the inbox, and an archive.
    pub(crate) fn new() -> Self {
        let mut owner = Self {
            folders: BTreeMap::new(),
            open: "INBOX".to_owned(),
            upload: None,
        };
        for name in ["INBOX", "Archive", "Entwürfe/alt"] {
            owner.folders.insert(
                name.to_owned(),
                Folder {
                    uidnext: 1,
                    ..Folder::default()
                },
            );
        }
        for (number, flags) in [(1, Flag::Seen.into()), (2, Flags::NONE), (3, Flags::NONE)] {
            owner.deliver(
                &format!("Subject: {number}\r\nFrom: a@x.test\r\n\r\nbody {number}\r\n"),
                flags,
            );
        }
        owner
    }

    /// A message arrives in the inbox.
    pub(crate) fn deliver(&mut self, raw: &str, flags: Flags) {
        let inbox = self.folders.get_mut("INBOX").expect("it was made");
        inbox.add(Bytes::from(raw.to_owned()), flags);
    }

    /// Answers a question.
    pub(crate) fn answer(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::SignIn(Credentials::Bearer { user, token }) => {
                let good = user == "a@x.test" && token.expose_secret() == "good";
                if good {
                    Answer::Done
                } else {
                    Answer::Refused(Refusal::no("AUTHENTICATE failed."))
                }
            }
            Ask::SignIn(Credentials::Password { user, password }) => {
                let good = matches!(password.expose_secret(), "secret" | "pässwörd");
                match user.as_str() {
                    "relayed" if good => Answer::HandOver(None),
                    r"rel@x.test\team" if good => {
                        Answer::HandOver(Some("IMAP4rev1 MOVE IDLE".to_owned()))
                    }
                    "me" if good => Answer::Done,
                    _ => Answer::Refused(Refusal::no("LOGIN failed.")),
                }
            }
            Ask::Folders => Answer::Folders(self.folders.keys().map(listed).collect()),
            Ask::Status(name) => self.with(&name, |folder| Answer::Status(folder.status())),
            Ask::Open(name, _) => {
                self.open.clone_from(&name);
                self.with(&name, |folder| Answer::Opened(folder.opened()))
            }
            Ask::Changes { version, .. } => self.with_open(|folder| {
                Answer::Changed(if folder.version == version {
                    Change::Nothing
                } else {
                    Change::Everything(folder.opened())
                })
            }),
            Ask::Load(uid) => self.with_open(|folder| {
                Answer::Loaded(folder.letters.get(&uid).map(|letter| Loaded {
                    raw: letter.raw.clone(),
                    size: letter.size(),
                    received_at: Timestamp::UNIX_EPOCH,
                }))
            }),
            Ask::Search(criteria) => self.with_open(|folder| {
                let found = folder
                    .letters
                    .values()
                    .filter(|letter| criteria.matches(*letter));
                Answer::Found(found.map(|letter| letter.uid).collect())
            }),
            Ask::Store(uids, edit) => self.with_open(|folder| folder.store(&uids, edit)),
            ask => self.change(ask),
        }
    }

    fn change(&mut self, ask: Ask) -> Answer {
        match ask {
            Ask::Copy(uids, to) => self.copy(&uids, &to),
            Ask::Move(uids, to) => {
                let answer = self.copy(&uids, &to);
                self.with_open(|folder| folder.remove(|letter| uids.contains(&letter.uid)));
                answer
            }
            Ask::Expunge(among) => self.with_open(|folder| {
                folder.remove(|letter| {
                    letter.flags.contains(Flag::Deleted)
                        && among.as_ref().is_none_or(|uids| uids.contains(&letter.uid))
                })
            }),
            Ask::Folder(FolderChange::Create(name)) => {
                self.folders.insert(
                    name,
                    Folder {
                        uidnext: 1,
                        ..Folder::default()
                    },
                );
                Answer::Done
            }
            Ask::Folder(_) => Answer::Refused(Refusal::no("not in a test")),
            Ask::Upload(upload) if upload.length > 1000 => {
                Answer::Refused(Refusal::no("[TOOBIG] too big"))
            }
            Ask::Upload(upload) => {
                self.upload = Some((upload, BytesMut::new()));
                Answer::Done
            }
            Ask::UploadEnd => self.file(),
            Ask::UploadChunk(chunk) => {
                if let Some((_, octets)) = &mut self.upload {
                    octets.extend_from_slice(&chunk);
                }
                Answer::Done
            }
            _ => Answer::Done,
        }
    }

    fn with(&mut self, name: &str, answer: impl FnOnce(&mut Folder) -> Answer) -> Answer {
        let missing = || Answer::Refused(Refusal::no(format!("{name} doesn't exist.")));
        self.folders.get_mut(name).map_or_else(missing, answer)
    }

    fn with_open(&mut self, answer: impl FnOnce(&mut Folder) -> Answer) -> Answer {
        let name = self.open.clone();
        self.with(&name, answer)
    }

    fn copy(&mut self, uids: &[u32], to: &str) -> Answer {
        let from = self
            .folders
            .get(&self.open)
            .expect("the open folder is there");
        let letters: Vec<Letter> = uids
            .iter()
            .filter_map(|uid| from.letters.get(uid).cloned())
            .collect();
        self.with(to, |folder| {
            let copied = letters
                .into_iter()
                .map(|l| (l.uid, folder.add(l.raw, l.flags)));
            Answer::Copied(Copied {
                uidvalidity: 7,
                uids: copied.collect(),
            })
        })
    }

    fn file(&mut self) -> Answer {
        let (upload, octets) = self.upload.take().expect("an upload was begun");
        assert_eq!(
            octets.len() as u64,
            upload.length,
            "all octets came, and no others"
        );
        self.with(&upload.folder, |folder| {
            Answer::Uploaded(7, folder.add(octets.freeze(), upload.flags))
        })
    }
}

impl Folder {
    fn add(&mut self, raw: Bytes, flags: Flags) -> u32 {
        let uid = self.uidnext;
        self.letters.insert(uid, Letter { uid, flags, raw });
        self.uidnext += 1;
        self.version += 1;
        uid
    }

    fn store(&mut self, uids: &[u32], edit: FlagEdit) -> Answer {
        self.version += 1;
        let letters = self
            .letters
            .values_mut()
            .filter(|letter| uids.contains(&letter.uid));
        Answer::Flags(
            letters
                .map(|letter| {
                    letter.flags = edit.apply(letter.flags);
                    (letter.uid, letter.flags)
                })
                .collect(),
        )
    }

    fn remove(&mut self, gone: impl Fn(&Letter) -> bool) -> Answer {
        self.version += 1;
        self.letters.retain(|_, letter| !gone(letter));
        Answer::Done
    }

    fn opened(&self) -> Opened {
        Opened {
            uidvalidity: 7,
            uidnext: self.uidnext,
            version: self.version,
            messages: self
                .letters
                .values()
                .map(|letter| (letter.uid, letter.flags))
                .collect(),
        }
    }

    fn status(&self) -> Status {
        let unseen = self
            .letters
            .values()
            .filter(|l| !l.flags.contains(Flag::Seen))
            .count();
        Status {
            messages: u32::try_from(self.letters.len()).expect("few"),
            unseen: u32::try_from(unseen).expect("few"),
            uidnext: self.uidnext,
            uidvalidity: 7,
        }
    }
}

impl Candidate for Letter {
    fn uid(&self) -> u32 {
        self.uid
    }
    fn flags(&self) -> Flags {
        self.flags
    }
    fn received_on(&self) -> Date {
        Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC).date()
    }
    fn sent_on(&self) -> Option<Date> {
        None
    }
    fn size(&self) -> u64 {
        self.raw.len() as u64
    }
    fn header_holds(&self, name: &str, text: &str) -> bool {
        self.holds(&format!("{name}: {text}"))
    }
    fn body_holds(&self, text: &str) -> bool {
        self.holds(text)
    }
    fn holds(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.raw)
            .to_lowercase()
            .contains(&text.to_lowercase())
    }
}

fn listed(name: &String) -> Listed {
    let attributes = vec![Attribute::HasNoChildren];
    Listed {
        name: name.clone(),
        attributes,
        subscribed: name == "INBOX",
    }
}
