//! Messages handed over to Postfix by SMTP: our submission over TLS with a token against
//! `smtp-source`, which comes with Postfix, speaks in clear and signs in nowhere. Both send the same
//! message, and Postfix throws all of them away.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use gatepost_benches::{Content, Sample, SmtpSource, Stopwatch, compare, judge};
use gatepost_mail::SubmitOpener as _;
use gatepost_mail::contract::{Letter, Told, envelope};
use gatepost_mail::imap::Security;
use gatepost_peers::{Dovecot, IdentityEndpoint, Offer, Postfix, Submissions, large_message};

fn main() -> anyhow::Result<()> {
    let identity = IdentityEndpoint::start()?;
    let dovecot = Dovecot::start_taking(&identity, "xoauth2")?;
    let offer = Offer {
        open: true,
        ..Offer::default()
    };
    let stand = Stand {
        postfix: Postfix::start_offering(&identity, &dovecot, offer)?,
        identity,
    };
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        ours.push(stand.submit()?);
        theirs.push(stand.smtp_source()?);
    }
    let what = format!("{MESSAGES} messages of {OCTETS} octets by SMTP");
    let ratio = compare(&what, ("gatepost-mail", &ours), ("smtp-source", &theirs));
    judge("at least 0.9 times as fast", ratio >= 0.9);
    Ok(())
}

struct Stand {
    postfix: Postfix,
    identity: IdentityEndpoint,
}

impl Stand {
    fn submit(&self) -> anyhow::Result<Duration> {
        let token = self.identity.app_only_token(IdentityEndpoint::CLIENT_ID)?;
        let submissions = Submissions {
            postfix: &self.postfix,
            identity: &self.identity,
        };
        let opener = submissions.opener(ADA, &token, Security::ImplicitTls)?;
        // It is needed to the end of the program.
        let message: &'static [u8] = large_message(OCTETS).leak();
        let runtime = tokio::runtime::Runtime::new()?;
        let watch = Stopwatch::start();
        runtime.block_on(async {
            let mut session = opener.open().await?;
            for _ in 0..MESSAGES {
                let mut letter = Letter::new(message.chunks(64 * 1024));
                let mut told = Told::default();
                let envelope = envelope(ADA, &[BOB]);
                session.submit(&envelope, &mut letter, &mut told).await?;
            }
            session.close().await;
            Ok::<_, anyhow::Error>(())
        })?;
        Ok(watch.elapsed())
    }

    fn smtp_source(&self) -> anyhow::Result<Duration> {
        let mut file = tempfile::NamedTempFile::new()?;
        let lines = large_message(OCTETS).into_iter();
        file.write_all(&lines.filter(|octet| *octet != b'\r').collect::<Vec<u8>>())?;
        let source = SmtpSource {
            messages: MESSAGES,
            content: Content::File(file.path()),
            sessions: 1,
            from: ADA,
            to: BOB,
        };
        let sent = source.run(self.postfix.submission());
        sent.with_context(|| self.postfix.log())
    }
}

const ADA: &str = "ada@contoso.com";
const BOB: &str = "bob@contoso.com";
const MESSAGES: usize = 20;
const OCTETS: usize = 25 * 1024 * 1024;
const ROUNDS: usize = 3;
