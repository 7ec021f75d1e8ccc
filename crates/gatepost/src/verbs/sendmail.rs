//! `gatepost sendmail`: the interface of the program `sendmail`, for cron, git, PHP and mailx. A
//! link to `gatepost` under the name `sendmail` is the same.
//!
//! What it accepts is durable when it ends with 0, as people expect of it. Options that steer a
//! mail server of one's own have no meaning here and are taken without effect.

use clap::CommandFactory as _;
use gatepost_mail::Receipt;
use gatepost_mail::content::{envelope, phrase};
use gatepost_mailroom::outbox::{Correspondent, ReturnTo, Wishes};
use gatepost_mailroom::{DsnRequest, Notify, Occasion, Returned};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::cli::{Cli, Settings};
use crate::config::{MailboxSettings, SendBy};
use crate::failure::Failure;
use crate::sending::{self, SendError};
use crate::verbs::{configuration, send};
use crate::{logging, runtime, screen};

/// What `sendmail` takes.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
#[command(
    override_usage = "gatepost sendmail [OPTIONS] [RECIPIENT]...",
    after_help = "\
Options, as sendmail has them:
  -t             Take the recipients from To, Cc and Bcc
  -i, -oi        A line with nothing but a dot does not end the message
  -f, -r SENDER  Who hears of failures (with '<>' nobody), and which mailbox sends
  -F NAME        The sender's name, for a message without From
  -N WHEN        When servers are to report: never, or some of failure,delay,success
  -R WHAT        How much of the message a report holds: full or hdrs
  -V ID          A name for the message, which reports repeat
  -v             Say what became of the message
  --help         Print this

-bm is what it does. Options that steer a mail server of one's own, such as -B, -oem, -odi, -O, -G,
-U and -x, have no effect. -bs, -bd, -bv, -bp (see `gatepost outbox list`) and -q (see `gatepost
outbox retry`) are refused. Options of gatepost's own, such as --config, go before these; for programs
that cannot write them there is GATEPOST_CONFIG."
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
    sender: ReturnTo,
    name: Option<String>,
    dsn: DsnRequest,
    is_verbose: bool,
}

/// Takes a message from standard input.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    if let [only] = &arguments.words[..]
        && only == "--help"
    {
        return help();
    }
    let said = Said::read(&arguments.words)?;
    let config = configuration(settings)?;
    logging::start_quietly(settings.verbose)?;
    let mut stdin = tokio::io::stdin();
    let head = runtime::briefly(head(&mut stdin)).map_err(send::unread)?;
    if head.is_empty() {
        return Err(send::empty().into());
    }
    let written = envelope(&head);
    let from = written.from.first().map(|from| from.address.clone());
    // Programs name a user of their own machine as readily as a mailbox.
    let senders: Vec<&str> = [said.sender(), from.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let mailbox = sending::sender(&config, None, &senders)?;
    let wants_reports = !said.dsn.is_empty();
    if wants_reports && mailbox.send == Some(SendBy::Graph) {
        screen::warn(
            "-N, -R and -V have no effect: Microsoft Graph, by which this mailbox sends, takes no wishes for reports",
        );
    }
    // The first -v is also the option that every verb has.
    let is_verbose = said.is_verbose || settings.verbose > 0;
    let wishes = said.wishes(mailbox, config.outbox.local.clone());
    let id = sending::hand_over(config.clone(), wishes, async |preparation| {
        if preparation.write(&head).await? {
            send::pour(stdin, preparation).await?;
        }
        Ok(())
    })?;
    if sending::is_served(&config, false)? {
        if is_verbose {
            screen::note(&format!("accepted {id}; `gatepost serve` sends it"));
        }
        return Ok(());
    }
    let Some(seen) = sending::send_accepted(config, &id) else {
        return Ok(());
    };
    let reason = seen.reason.as_deref().unwrap_or_default();
    if wants_reports && reason.ends_with(Receipt::WITHOUT_REPORTS) {
        screen::warn(Receipt::WITHOUT_REPORTS);
    }
    if is_verbose {
        screen::note(&format!("{} {id}: {reason}", seen.state.as_str()));
    }
    match sending::told(&seen, false) {
        // It is kept, and would arrive twice if it were handed over again.
        Err(kept @ (SendError::Waits { .. } | SendError::Unknown { .. })) => {
            screen::warn(&kept.to_string());
            Ok(())
        }
        told => Ok(told?),
    }
}

fn help() -> Result<(), Failure> {
    let mut all = Cli::command();
    all.build();
    let help = all.find_subcommand_mut("sendmail");
    let help = help.map(clap::Command::render_help);
    screen::line(
        help.map_or_else(String::new, |help| help.to_string())
            .trim_end(),
    )
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
            "f" | "r" => self.sender = sender(&value()?),
            "F" => self.name = Some(value()?),
            "N" => self.dsn.notify = Some(notify(&value()?)?),
            "R" => self.dsn.returned = Some(returned(&value()?)?),
            "V" => self.dsn.envelope_id = Some(envelope_id(value()?)?),
            "v" => self.is_verbose = true,
            "b" => return mode(&value()?),
            "I" => return mode("i"),
            "q" => {
                let instead = "see `gatepost outbox retry --mailbox MAILBOX`";
                return Err(refused(option, instead));
            }
            "-" => {
                let place = "options of gatepost's own go before those of sendmail's; for --config \
                             there is also GATEPOST_CONFIG";
                return Err(refused(option, place));
            }
            "o" => self.dots_are_text |= value()? == "i",
            // They steer a mail server of one's own.
            "A" | "B" | "C" | "D" | "h" | "L" | "O" | "p" | "X" => drop(value()?),
            "d" | "e" | "G" | "m" | "n" | "U" | "x" => {}
            _ => self.flags(option)?,
        }
        Ok(())
    }

    /// The address that was given as the sender's, or the name of somebody of this machine.
    fn sender(&self) -> Option<&str> {
        match &self.sender {
            ReturnTo::Address(sender) => Some(sender),
            ReturnTo::From | ReturnTo::Nobody => None,
        }
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
        // A name of this machine, such as root, is nobody who hears of failures.
        let address = self.sender().filter(|sender| sender.contains('@'));
        let address = address.map(ToOwned::to_owned);
        let sender = match (self.sender, address.clone()) {
            (ReturnTo::Nobody, _) => ReturnTo::Nobody,
            (_, Some(address)) => ReturnTo::Address(address),
            (_, None) => ReturnTo::From,
        };
        let address = address.unwrap_or_else(|| mailbox.address.clone());
        let from = match self.name.filter(|name| !name.trim().is_empty()) {
            Some(name) => format!("{} <{address}>", phrase(&name)),
            None => address,
        };
        Wishes {
            mailbox: mailbox.address.clone(),
            sender,
            recipients: self.recipients,
            recipients_in_header: self.recipients_in_header,
            local,
            from: Some(from),
            dot_ends: !self.dots_are_text,
            dsn: self.dsn,
            ..Wishes::default()
        }
    }
}

fn sender(value: &str) -> ReturnTo {
    match value.trim() {
        "" | "<>" => ReturnTo::Nobody,
        some => ReturnTo::Address(Correspondent::parse(some).address),
    }
}

/// When servers are to report (RFC 3461 §4.1).
fn notify(value: &str) -> Result<Notify, SendError> {
    if value.eq_ignore_ascii_case("never") {
        return Ok(Notify::Never);
    }
    let occasions = value.split(',').map(|one| {
        let one = one.trim().to_ascii_lowercase();
        match one.as_str() {
            "success" => Ok(Occasion::Success),
            "failure" => Ok(Occasion::Failure),
            "delay" => Ok(Occasion::Delay),
            _ => Err(refused(
                &format!("N {value}"),
                "write never, or some of failure,delay,success",
            )),
        }
    });
    Ok(Notify::On(occasions.collect::<Result<_, _>>()?))
}

/// How much a report holds (RFC 3461 §4.3).
fn returned(value: &str) -> Result<Returned, SendError> {
    match value.to_ascii_lowercase().as_str() {
        "full" => Ok(Returned::Full),
        "hdrs" => Ok(Returned::Headers),
        _ => Err(refused(&format!("R {value}"), "write full or hdrs")),
    }
}

/// The name that reports repeat: printable, and of 100 octets as it stands on the wire
/// (RFC 3461 §4.4).
fn envelope_id(value: String) -> Result<String, SendError> {
    let octets = value.bytes().map(|octet| match octet {
        b'+' | b'=' | b' ' => 3,
        _ => 1,
    });
    let is_printable = value.bytes().all(|octet| (b' '..=b'~').contains(&octet));
    if value.is_empty() || !is_printable || octets.sum::<usize>() > 100 {
        return Err(refused("V", "the name has 1 to 100 printable characters"));
    }
    Ok(value)
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
                    sender: ReturnTo::Address("web@contoso.com".to_owned()),
                    ..Said::default()
                },
            ),
            // git send-email
            (
                &["-i", "-fada@contoso.com", "a@x.test", "b@x.test"],
                Said {
                    recipients: text(&["a@x.test", "b@x.test"]),
                    dots_are_text: true,
                    sender: ReturnTo::Address("ada@contoso.com".to_owned()),
                    ..Said::default()
                },
            ),
            // vacation
            (
                &["-f", "<>", "-i", "a@x.test"],
                Said {
                    recipients: text(&["a@x.test"]),
                    dots_are_text: true,
                    sender: ReturnTo::Nobody,
                    ..Said::default()
                },
            ),
            // procmail
            (
                &["-oi", "-f", "", "a@x.test"],
                Said {
                    recipients: text(&["a@x.test"]),
                    dots_are_text: true,
                    sender: ReturnTo::Nobody,
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
    fn wishes_for_reports_are_read() {
        let occasions = [Occasion::Failure, Occasion::Delay];
        let never = DsnRequest {
            notify: Some(Notify::Never),
            ..DsnRequest::default()
        };
        let some = DsnRequest {
            notify: Some(Notify::On(occasions.into())),
            returned: Some(Returned::Headers),
            envelope_id: Some("QQ314159".to_owned()),
        };
        for (words, dsn) in [
            (&["-N", "never"][..], never),
            (&["-Ndelay,failure", "-R", "hdrs", "-VQQ314159"], some),
            (
                &["-v", "-B8BITMIME", "-O", "x=y", "-G", "-U", "-x", "-oem"],
                DsnRequest::default(),
            ),
        ] {
            assert_eq!(said(words).map(|said| said.dsn), Ok(dsn), "{words:?}");
        }
        let spread = said(&["-o", "i", "-v", "-b", "m", "a@x.test"]).expect("it is understood");
        assert!(spread.dots_are_text && spread.is_verbose);
        assert_eq!(spread.recipients, ["a@x.test"]);
    }

    #[test]
    fn what_has_no_meaning_here_is_refused_in_words() {
        for (words, word) in [
            (&["-bs"][..], "SMTP"),
            (&["-bd"], "serve"),
            (&["-bp"], "outbox list"),
            (&["-bi"], "only takes"),
            (&["-q"], "outbox"),
            (&["-t", "--config", "x"], "GATEPOST_CONFIG"),
            (&["-f"], "value"),
            (&["-b"], "value"),
            (&["-bv"], "only takes"),
            (&["-I"], "only takes"),
            (&["-tz"], "no such option"),
            (&["-N", "sometimes"], "failure,delay,success"),
            (&["-N", "never,delay"], "failure,delay,success"),
            (&["-R", "half"], "hdrs"),
            (&["-V", "a\nb"], "printable"),
        ] {
            let refused = said(words).expect_err("it is refused");
            assert!(refused.contains(word), "{refused}");
        }
    }
}
