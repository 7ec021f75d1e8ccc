//! Microsoft Graph, as the sandbox plays it in a process of its own: a message of 25 MB sent as
//! MIME, and as a draft with an upload in ranges, against `curl` that posts the same octets; a
//! folder of 10,000 messages listed, against `curl` that fetches the same pages; and what memory
//! it takes to go through that folder.
//!
//! The comparisons are `listing`, `mime` and `draft`.

use std::time::Duration;

use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepost_benches::{
    Sample, SandboxProcess, Stopwatch, compare, is_chosen, judge, report, resident, text_of,
};
use gatepost_mail::contract::{Letter, Told, envelope};
use gatepost_mail::graph::{GraphOpener, GraphSubmitter};
use gatepost_mail::{Changes, FolderName, Opener as _, Pull, Query, SubmitOpener as _};
use gatepost_peers::large_message;

fn main() -> anyhow::Result<()> {
    if is_chosen("listing") {
        listing()?;
    }
    for (name, way) in [("mime", Way::Mime), ("draft", Way::Draft)] {
        if is_chosen(name) {
            sending(way)?;
        }
    }
    Ok(())
}

/// How a large message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// In one request.
    Mime,
    /// By a draft and an upload.
    Draft,
}

fn sending(way: Way) -> anyhow::Result<()> {
    let sandbox = SandboxProcess::start()?;
    let message: &'static [u8] = from_ada(large_message(OCTETS)).leak();
    let by_curl = ByCurl::prepare(&sandbox, way, message)?;
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    // The first of each finds a sandbox that has taken nothing yet, and counts for nothing.
    submit(&sandbox, way, message)?;
    by_curl.send(&sandbox)?;
    for _ in 0..SENDINGS {
        ours.push(submit(&sandbox, way, message)?);
        theirs.push(by_curl.send(&sandbox)?);
    }
    let how = match way {
        Way::Mime => "as MIME",
        Way::Draft => "by a draft and an upload",
    };
    let what = format!("a message of {OCTETS} octets {how}");
    let ratio = compare(&what, ("gatepost-mail", &ours), ("curl", &theirs));
    judge("at least 0.9 times as fast", ratio >= 0.9);
    Ok(())
}

/// Exchange lets nobody send in a stranger's name.
fn from_ada(message: Vec<u8>) -> Vec<u8> {
    let mut whole = format!("From: {ADA}").into_bytes();
    whole.extend(message.into_iter().skip_while(|octet| *octet != b'\r'));
    whole
}

fn submit(sandbox: &SandboxProcess, way: Way, message: &'static [u8]) -> anyhow::Result<Duration> {
    let mut settings = sandbox.settings(ADA)?;
    settings.largest_mime = match way {
        Way::Mime => u64::MAX,
        Way::Draft => 0,
    };
    let opener = GraphSubmitter::new(settings);
    let runtime = tokio::runtime::Runtime::new()?;
    let watch = Stopwatch::start();
    runtime.block_on(async {
        let mut session = opener.open().await?;
        let mut letter = Letter::new(message.chunks(64 * 1024));
        let envelope = envelope(ADA, &[NOOR]);
        let mut told = Told::default();
        session.submit(&envelope, &mut letter, &mut told).await?;
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(watch.elapsed())
}

/// What `curl` is told.
struct ByCurl {
    way: Way,
    /// The sizes of the files `part-0`, `part-1` and so on.
    parts: Vec<usize>,
}

impl ByCurl {
    /// Lays out the files.
    fn prepare(sandbox: &SandboxProcess, way: Way, message: &[u8]) -> anyhow::Result<Self> {
        let parts: Vec<Vec<u8>> = match way {
            Way::Mime => {
                let mut whole = format!("To: {NOOR}\r\n").into_bytes();
                whole.extend_from_slice(message);
                vec![STANDARD.encode(whole).into_bytes()]
            }
            Way::Draft => {
                // What is left of an attachment when it is not in base64 any more.
                let octets = vec![b'x'; message.len() / 74 * 54];
                octets.chunks(RANGE).map(<[u8]>::to_vec).collect()
            }
        };
        for (number, part) in parts.iter().enumerate() {
            std::fs::write(sandbox.file(&format!("part-{number}")), part)?;
        }
        let parts = parts.iter().map(Vec::len).collect();
        Ok(Self { way, parts })
    }

    fn send(&self, sandbox: &SandboxProcess) -> anyhow::Result<Duration> {
        let watch = Stopwatch::start();
        match self.way {
            Way::Mime => {
                sandbox.curl(&[format!(
                    "url = \"{}\"\nrequest = POST\n{}header = \"Content-Type: text/plain\"\n{}",
                    sandbox.graph(ADA, "sendMail")?,
                    sandbox.authorization(),
                    upload(sandbox, 0),
                )])?;
            }
            Way::Draft => self.draft(sandbox)?,
        }
        Ok(watch.elapsed())
    }

    fn draft(&self, sandbox: &SandboxProcess) -> anyhow::Result<()> {
        let draft = format!(
            r#"{{"subject":"large","toRecipients":[{{"emailAddress":{{"address":"{NOOR}"}}}}]}}"#
        );
        let made = post(sandbox, "messages", &draft)?;
        let id = text_of(&sandbox.curl(&[made])?, "id")?;
        let size: usize = self.parts.iter().sum();
        let file = format!(
            r#"{{"AttachmentItem":{{"attachmentType":"file","name":"large.bin","size":{size}}}}}"#
        );
        let upload_of = format!("messages/{id}/attachments/createUploadSession");
        let begun = sandbox.curl(&[post(sandbox, &upload_of, &file)?])?;
        let address = text_of(&begun, "uploadUrl")?;
        let mut requests = Vec::new();
        let mut from = 0;
        for (number, octets) in self.parts.iter().enumerate() {
            let until = from + octets - 1;
            requests.push(format!(
                "url = \"{address}\"\nheader = \"Content-Range: bytes {from}-{until}/{size}\"\n\
                 output = /dev/null\n{}",
                upload(sandbox, number)
            ));
            from += octets;
        }
        requests.push(post(sandbox, &format!("messages/{id}/send"), "")?);
        sandbox.curl(&requests)?;
        Ok(())
    }
}

/// A request with JSON.
fn post(sandbox: &SandboxProcess, to: &str, json: &str) -> anyhow::Result<String> {
    let json = json.replace('"', "\\\"");
    Ok(format!(
        "url = \"{}\"\n{}header = \"Content-Type: application/json\"\ndata = \"{json}\"\n",
        sandbox.graph(ADA, to)?,
        sandbox.authorization(),
    ))
}

/// The lines that send a file at once.
fn upload(sandbox: &SandboxProcess, number: usize) -> String {
    let file = sandbox.file(&format!("part-{number}"));
    format!(
        "upload-file = \"{}\"\nheader = \"Expect:\"\n",
        file.display()
    )
}

fn listing() -> anyhow::Result<()> {
    let sandbox = SandboxProcess::start()?;
    sandbox.deliver(ADA, &large_message(2_048), LISTED)?;
    let pages = pages(&sandbox)?;
    let (mut ours, mut theirs) = (Sample::default(), Sample::default());
    for _ in 0..ROUNDS {
        ours.push(list(&sandbox)?);
        let watch = Stopwatch::start();
        let requests = pages.iter().map(|page| {
            let authorization = sandbox.authorization();
            format!("url = \"{page}\"\n{authorization}output = /dev/null\n")
        });
        sandbox.curl(&requests.collect::<Vec<_>>())?;
        theirs.push(watch.elapsed());
    }
    let what = format!("{LISTED} messages listed in {} pages", pages.len());
    let ratio = compare(&what, ("gatepost-mail", &ours), ("curl", &theirs));
    judge("at least 0.9 times as fast", ratio >= 0.9);
    memory(&sandbox)
}

fn list(sandbox: &SandboxProcess) -> anyhow::Result<Duration> {
    let opener = GraphOpener::new(sandbox.settings(ADA)?);
    let runtime = tokio::runtime::Runtime::new()?;
    let watch = Stopwatch::start();
    let listed = runtime.block_on(async {
        let mut mailbox = opener.open().await?;
        mailbox
            .list(&FolderName::inbox(), &Query::newest(LISTED))
            .await
    })?;
    if listed.len() != LISTED {
        bail!("{} messages were listed", listed.len());
    }
    Ok(watch.elapsed())
}

/// The addresses of the pages of the same listing.
fn pages(sandbox: &SandboxProcess) -> anyhow::Result<Vec<String>> {
    let first = format!(
        "mailFolders/inbox/messages?$select={SELECTED}&$top=1000&$orderby=receivedDateTime%20desc"
    );
    let mut pages = vec![sandbox.graph(ADA, &first)?];
    let authorization = sandbox.authorization();
    while let Some(page) = pages.last() {
        let page = sandbox.curl(&[format!("url = \"{page}\"\n{authorization}")])?;
        match text_of(&page, "@odata.nextLink") {
            Ok(next) => pages.push(next),
            Err(_) => break,
        }
    }
    Ok(pages)
}

/// Goes through the folder as a watch does, a thousand messages at a time.
fn memory(sandbox: &SandboxProcess) -> anyhow::Result<()> {
    let opener = GraphOpener::new(sandbox.settings(ADA)?);
    let runtime = tokio::runtime::Runtime::new()?;
    let held = runtime.block_on(async {
        let mut mailbox = opener.open().await?;
        let (mut cursor, mut seen, mut held) = (None, 0, Vec::new());
        loop {
            let pull = Pull {
                since: cursor.as_ref(),
                limit: 1_000,
                octets: u64::MAX,
                news_from: None,
            };
            let changes = mailbox.changes(&FolderName::inbox(), pull).await?;
            let Changes::Since {
                arrivals,
                next,
                more,
            } = changes
            else {
                bail!("the server forgot the cursor");
            };
            seen += arrivals.len();
            drop(arrivals);
            cursor = Some(next);
            if seen >= 1_000 * (held.len() + 1) {
                held.push(resident(std::process::id())?);
            }
            if !more {
                break;
            }
        }
        if seen != LISTED {
            bail!("{seen} messages were seen");
        }
        Ok(held)
    })?;
    let (first, last) = (held[0], held[held.len() - 1]);
    report(&format!(
        "memory behind 1,000 messages: {first} KiB, behind {LISTED}: {last} KiB"
    ));
    judge("at most 2 MiB more", last <= first + 2_048);
    Ok(())
}

const ADA: &str = "ada.berg@contoso.com";
const NOOR: &str = "noor@fabrikam.example";
const OCTETS: usize = 25 * 1024 * 1024;
/// As large as ours.
const RANGE: usize = 12 * 320 * 1024;
const LISTED: usize = 10_000;
/// What a listing of ours asks for.
const SELECTED: &str = "id,parentFolderId,receivedDateTime,sentDateTime,isRead,isDraft,flag,\
    categories,from,sender,replyTo,toRecipients,ccRecipients,subject,internetMessageId";
const ROUNDS: usize = 5;
/// Each takes a tenth of a second, in which much else can happen.
const SENDINGS: usize = 25;
