//! `gatepost sendmail`: the interface of the program `sendmail`, for cron, git, PHP and mailx. A
//! link to `gatepost` under the name `sendmail` is the same.
//!
//! What it accepts is durable when it ends with 0, as people expect of it. Options that steer a
//! mail server of one's own have no meaning here and are taken without effect.

use gatepost_mail::content::envelope;
use gatepost_mailroom::outbox::{Correspondent, Wishes};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::cli::Settings;
use crate::config::MailboxSettings;
use crate::failure::Failure;
use crate::sending::{self, SendError};
use crate::verbs::{configuration, send};
use crate::{logging, runtime, screen};

/// What `sendmail` takes.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
#[command(
    after_help = "-t takes the recipients from To, Cc and Bcc; -i lets a line with a dot be; -f SENDER and \
                  -F NAME say who sends. -bm is what it does; -bs, -bd and others are refused."
)]
pub struct Arguments {
    /// Options and recipients, as `sendmail` has them.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "WORDS"
    )]
    words: Vec<String>,
}

/// What the words say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    recipients: Vec<String>,
    recipients_in_header: bool,
    dots_are_text: bool,
    sender: Option<String>,
    name: Option<String>,
}

/// Takes a message from standard input.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let said = Said::read(&arguments.words)?;
    let config = configuration(settings)?;
    logging::start_quietly(settings.verbose)?;
    let mut stdin = tokio::io::stdin();
    let head = runtime::briefly(head(&mut stdin)).map_err(|source| {
        gatepost_mailroom::outbox::PrepareError::Unread {
            what: "standard input".to_owned(),
            source,
        }
    })?;
    let written = envelope(&head);
    let from = written.from.first().map(|from| from.address.clone());
    let sender = said.sender.as_deref().or(from.as_deref());
    let mailbox = sending::sender(&config, None, sender)?;
    let wishes = said.wishes(mailbox, config.outbox.local.clone());
    let id = sending::hand_over(config.clone(), wishes, async |preparation| {
        if preparation.write(&head).await? {
            send::pour(stdin, preparation).await?;
        }
        Ok(())
    })?;
    if sending::is_served(&config, false)? {
        return Ok(());
    }
    let seen = sending::send_now(config, &id)?;
    match sending::told(&seen, false) {
        // It is kept, and would arrive twice if it were handed over again.
        Err(kept @ (SendError::Waits { .. } | SendError::Unknown { .. })) => {
            screen::warn(&kept.to_string());
            Ok(())
        }
        told => Ok(told?),
    }
}

/// The beginning, as far as a header can reach, for its `From`.
async fn head(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut octets = vec![0; 4096];
    while head.len() < LONGEST_HEAD {
        let read = from.read(&mut octets).await?;
        head.extend_from_slice(&octets[..read]);
        let is_over = |end: &[u8]| head.windows(end.len()).any(|window| window == end);
        if read == 0 || is_over(b"\n\n") || is_over(b"\n\r\n") {
            break;
        }
    }
    Ok(head)
}

impl Said {
    fn read(words: &[String]) -> Result<Self, SendError> {
        let mut said = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else {
                said.recipients.push(word.clone());
                continue;
            };
            if option == "-" {
                said.recipients.extend(words.cloned());
                break;
            }
            said.option(option, &mut words)?;
        }
        Ok(said)
    }

    fn option<'a>(
        &mut self,
        option: &str,
        words: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), SendError> {
        let (letter, rest) = option.split_at(option.chars().next().map_or(0, char::len_utf8));
        let mut value = || {
            let value = if rest.is_empty() {
                words.next().cloned()
            } else {
                Some(rest.to_owned())
            };
            value.ok_or_else(|| refused(option, "a value is missing behind it"))
        };
        match letter {
            "f" | "r" => self.sender = Some(Correspondent::parse(&value()?).address),
            "F" => self.name = Some(value()?),
            "b" => return mode(rest),
            "q" => return Err(refused(option, "see `gatepost outbox`")),
            "o" if rest == "i" => self.dots_are_text = true,
            "B" | "C" | "D" | "h" | "L" | "N" | "O" | "p" | "R" | "V" | "X" => drop(value()?),
            // They steer a mail server of one's own.
            "o" | "e" | "m" | "n" | "v" | "G" | "U" | "A" | "d" => {}
            _ => self.flags(option)?,
        }
        Ok(())
    }

    /// Options without values, several in one word, such as `-ti`.
    fn flags(&mut self, option: &str) -> Result<(), SendError> {
        for letter in option.chars() {
            match letter {
                't' => self.recipients_in_header = true,
                'i' => self.dots_are_text = true,
                _ => return Err(refused(option, "there is no such option")),
            }
        }
        Ok(())
    }

    fn wishes(self, mailbox: &MailboxSettings, local: Option<String>) -> Wishes {
        let address = self.sender.clone().filter(|sender| sender.contains('@'));
        let address = address.unwrap_or_else(|| mailbox.address.clone());
        let quoted = |name: String| format!("\"{}\"", name.replace(['"', '\\'], ""));
        let name = self.name.filter(|name| !name.chars().any(char::is_control));
        let from = match name.map(quoted) {
            Some(name) if name.is_ascii() => format!("{name} <{address}>"),
            _ => address,
        };
        Wishes {
            mailbox: mailbox.address.clone(),
            // A name of this machine, such as root, is nobody who hears of failures.
            sender: self.sender.filter(|sender| sender.contains('@')),
            recipients: self.recipients,
            recipients_in_header: self.recipients_in_header,
            local,
            from: Some(from),
            dot_ends: !self.dots_are_text,
            ..Wishes::default()
        }
    }
}

/// What sendmail is to be.
fn mode(mode: &str) -> Result<(), SendError> {
    let reason = match mode {
        // Takes a message, as it does without.
        "m" => return Ok(()),
        "s" => "nobody speaks SMTP on standard input here; hand messages over without -bs",
        "d" | "D" => "it is no mail server; `gatepost serve` sends what is in the outbox",
        "p" => "see `gatepost outbox list`",
        _ => "it only takes messages",
    };
    Err(refused(&format!("b{mode}"), reason))
}

fn refused(option: &str, reason: &str) -> SendError {
    SendError::Option {
        option: format!("-{option}"),
        reason: reason.to_owned(),
    }
}

const LONGEST_HEAD: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[&str]) -> Result<Said, String> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        Said::read(&words).map_err(|error| error.to_string())
    }

    #[test]
    fn what_programs_write_is_understood() {
        let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        for (words, expected) in [
            // cron
            (
                &["-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t"][..],
                Said {
                    recipients_in_header: true,
                    dots_are_text: true,
                    name: Some("CronDaemon".to_owned()),
                    ..Said::default()
                },
            ),
            // PHP
            (
                &["-t", "-i", "-f", "Web <web@contoso.com>"],
                Said {
                    recipients_in_header: true,
                    dots_are_text: true,
                    sender: Some("web@contoso.com".to_owned()),
                    ..Said::default()
                },
            ),
            // git send-email
            (
                &["-i", "-fada@contoso.com", "a@x.test", "b@x.test"],
                Said {
                    recipients: text(&["a@x.test", "b@x.test"]),
                    dots_are_text: true,
                    sender: Some("ada@contoso.com".to_owned()),
                    ..Said::default()
                },
            ),
            // mailx
            (
                &["-ti", "-bm", "--", "-odd@x.test"],
                Said {
                    recipients: text(&["-odd@x.test"]),
                    recipients_in_header: true,
                    dots_are_text: true,
                    ..Said::default()
                },
            ),
        ] {
            assert_eq!(said(words), Ok(expected), "{words:?}");
        }
    }

    #[test]
    fn what_has_no_meaning_here_is_refused_in_words() {
        for (words, word) in [
            (&["-bs"][..], "SMTP"),
            (&["-bd"], "serve"),
            (&["-bp"], "outbox list"),
            (&["-bi"], "only takes"),
            (&["-q"], "outbox"),
            (&["-f"], "value"),
            (&["-tz"], "no such option"),
        ] {
            let refused = said(words).expect_err("it is refused");
            assert!(refused.contains(word), "{refused}");
        }
    }
}
