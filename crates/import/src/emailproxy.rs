//! The configuration of email-oauth2-proxy, its cache stores, and the tokens in them.
//!
//! What is read here is what its program would do with the file, in words of this domain; what
//! Gatepost makes of it is decided elsewhere.

mod account;
mod cache;
mod sealed;
mod server;
mod switches;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::ini::{Entry, Ini};

pub use account::{Account, AppProof, Flow};
pub use cache::CacheStore;
pub use sealed::{NotOpened, Opened, SealedState};
pub use server::{LocalTls, Protocol, Server};
pub use switches::Switches;

/// What a configuration says.
#[derive(Debug)]
pub struct EmailProxy {
    /// The ports on which it listens, in the order of the file.
    pub servers: Vec<Server>,
    /// The accounts with a name of their own, in the order of the file, each with what it inherits
    /// from its catch-alls.
    pub accounts: Vec<Account>,
    /// The catch-alls. Without the switch they do nothing.
    pub catch_alls: Vec<CatchAll>,
    /// What holds for all of it.
    pub switches: Switches,
    /// What its own program would refuse or never look at.
    pub remarks: Vec<Remark>,
}

/// What holds for every account of a domain, or of all of them.
#[derive(Debug)]
pub struct CatchAll {
    /// Its name, such as `@contoso.com` or `@`.
    pub name: String,
    /// The line of its head, from 1.
    pub line: usize,
    /// What an account without a section of its own has, if that is complete.
    pub account: Option<Account>,
}

/// Something in the file that means nothing, or not what it seems to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The section, as it is written.
    pub section: String,
    /// The line, from 1; 0 where it comes from no line.
    pub line: usize,
    /// The option, if it is about one.
    pub option: Option<String>,
    /// What is to be said of it, without the value.
    pub sentence: String,
}

impl EmailProxy {
    /// Reads a configuration, with the tokens of a cache store going before its own. Where
    /// catch-alls are allowed, the accounts of `names` that have no section are read, too.
    pub fn read<'n>(
        mut file: Ini,
        cache: Option<&CacheStore>,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let mut remarks = Vec::new();
        let switches = Switches::read(&Options::new(&file, SWITCHES), &mut remarks);
        if let Some(cache) = cache {
            cache.merge_into(&mut file, switches.catch_alls, &mut remarks);
        }
        if switches.catch_alls {
            for name in names {
                let domain = format!("@{}", name.rsplit('@').next().unwrap_or_default());
                let has_any = file
                    .section(&domain)
                    .or_else(|| file.section("@"))
                    .is_some();
                if has_any && name.contains('@') {
                    file.add_section(name);
                }
            }
        }
        let mut read = Self {
            servers: Vec::new(),
            accounts: Vec::new(),
            catch_alls: Vec::new(),
            switches,
            remarks,
        };
        for section in file.sections() {
            read.section(&file, &section.name);
        }
        read
    }

    fn section(&mut self, file: &Ini, name: &str) {
        let options = Options::new(file, name);
        if name == SWITCHES {
            options.left_over(switches::KNOWN, &mut self.remarks);
        } else if let Some((protocol, port)) = server::address(name) {
            let read = Server::read(&options, (protocol, port), &mut self.remarks);
            self.servers.extend(read);
            options.left_over(server::KNOWN, &mut self.remarks);
        } else if name.contains('@') {
            options.left_over(account::KNOWN, &mut self.remarks);
            let options = if self.switches.catch_alls {
                options.with_catch_alls()
            } else {
                options
            };
            if name.starts_with('@') {
                // What is missing there may stand in each account.
                let account = Account::read(&options, self.switches, &mut Vec::new());
                self.catch_alls.push(CatchAll {
                    name: name.to_owned(),
                    line: options.line(),
                    account,
                });
                return;
            }
            let read = Account::read(&options, self.switches, &mut self.remarks);
            self.accounts.extend(read);
        } else if !PROSE.contains(&name) {
            self.remarks.push(options.remark(
                None,
                "the section is neither a server such as IMAP-1993 nor an account: the name of \
                 an account has an @"
                    .to_owned(),
            ));
        }
    }
}

/// The options of one section.
struct Options<'f> {
    file: &'f Ini,
    section: &'f str,
    catch_alls: Vec<String>,
}

impl<'f> Options<'f> {
    fn new(file: &'f Ini, section: &'f str) -> Self {
        Self {
            file,
            section,
            catch_alls: Vec::new(),
        }
    }

    /// The same, with what is not there looked up for its domain and then for all of them.
    fn with_catch_alls(mut self) -> Self {
        let domain = self.section.rsplit('@').next().unwrap_or_default();
        self.catch_alls = vec![format!("@{domain}"), "@".to_owned()];
        self
    }

    /// The value of an option that is never inherited.
    fn own(&self, option: &str) -> Option<&'f Entry> {
        self.file.value(self.section, option)
    }

    /// The value of an option. An empty one counts as none, as in its own program.
    fn get(&self, option: &str) -> Option<&'f Entry> {
        let inherited = || {
            let mut all = self.catch_alls.iter();
            all.find_map(|section| self.file.value(section, option))
        };
        let found = self.own(option).or_else(inherited)?;
        (!found.value().is_empty()).then_some(found)
    }

    fn text(&self, option: &str) -> Option<String> {
        self.get(option).map(|entry| entry.value().to_owned())
    }

    /// A switch, as Python reads one.
    fn switch(&self, option: &str, remarks: &mut Vec<Remark>) -> Option<bool> {
        let value = self.own(option)?.value().to_lowercase();
        let read = match value.as_str() {
            "1" | "yes" | "true" | "on" => Some(true),
            "0" | "no" | "false" | "off" => Some(false),
            _ => None,
        };
        if read.is_none() {
            let sentence = "it is neither True nor False; it counts as not set".to_owned();
            remarks.push(self.remark(Some(option), sentence));
        }
        read
    }

    fn line(&self) -> usize {
        let section = self.file.section(self.section);
        section.map_or(0, |section| section.line)
    }

    fn remark(&self, option: Option<&str>, sentence: String) -> Remark {
        let entry = option.and_then(|option| self.own(option));
        Remark {
            section: self.section.to_owned(),
            line: entry.map_or_else(|| self.line(), Entry::line),
            option: option.map(str::to_owned),
            sentence,
        }
    }

    /// Remarks on every option that its program never looks at.
    fn left_over(&self, known: &[&str], remarks: &mut Vec<Remark>) {
        let Some(section) = self.file.section(self.section) else {
            return;
        };
        let names: BTreeSet<&str> = self.file.options(section);
        for name in names {
            if !known.contains(&name) && !NOTES.contains(&name) {
                let sentence = "email-oauth2-proxy knows no such option here".to_owned();
                remarks.push(self.remark(Some(name), sentence));
            }
        }
    }
}

/// The section with the switches.
const SWITCHES: &str = "emailproxy";
/// Options that hold prose.
const NOTES: &[&str] = &["documentation", "format", "warning"];
/// Sections that hold prose.
const PROSE: &[&str] = &[
    "Email OAuth 2.0 Proxy configuration file",
    "Server setup",
    "Account setup",
    "Advanced proxy configuration",
];
