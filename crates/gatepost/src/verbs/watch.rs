//! `gatepost watch MAILBOX`: one watch in the foreground. Nothing is stored and nothing is
//! changed: each arrival becomes a line.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gatepost_host::files;
use gatepost_mail::FolderName;
use gatepost_mailroom::sinks::payload;
use gatepost_mailroom::{
    Bell, Board, EventData, Handover, Mailroom, MemoryStorage, Outcome, Route, Sink, SinkName,
    Spool, StartFrom, Watch, WatchKey,
};

use crate::cli::Settings;
use crate::compose::{Gatepost, Scope, compose};
use crate::config::{Config, MailboxSettings};
use crate::failure::Failure;
use crate::screen::{self, Form, Paint, painted};
use crate::signals::EndSignals;
use crate::usage::UsageError;
use crate::verbs::{Chosen, configuration};
use crate::{logging, runtime};

/// What `watch` takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    chosen: Chosen,
    /// The folder.
    #[arg(long, default_value = "INBOX")]
    folder: String,
    /// Begin with what is there already.
    #[arg(long)]
    from_beginning: bool,
    #[command(flatten)]
    form: Form,
}

/// Watches until it is interrupted.
pub fn run(arguments: &Arguments, settings: &Settings) -> Result<(), Failure> {
    let config = configuration(settings)?;
    let mailbox = arguments.chosen.mailbox(&config)?;
    logging::start_for_a_person(settings.verbose)?;
    runtime::briefly(watch(config, &mailbox, arguments))
}

async fn watch(
    config: Config,
    mailbox: &MailboxSettings,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let mut signals = EndSignals::catch()?;
    let gatepost = compose(config, Scope::Mailbox(mailbox)).await?;
    let opener = gatepost.opener(mailbox)?;
    let key = WatchKey {
        mailbox: mailbox.address.clone(),
        folder: FolderName::new(&arguments.folder),
    };
    // What refuses the sign-in or has no such folder ends a watch that a person looks at; serve
    // would try again.
    let mut session = opener.open().await?;
    let present = session.present(&key.folder).await;
    session.close().await;
    present.map_err(UsageError::of_mailbox)?;
    screen::note(&format!(
        "watching {} of {}; end with Ctrl-C",
        key.folder, key.mailbox
    ));
    let screen_name = SinkName("screen".to_owned());
    let mut watch = Watch::new(key, vec![screen_name.clone()]);
    if arguments.from_beginning {
        watch.from = StartFrom::Beginning;
    }
    let scratch = std::env::temp_dir().join(format!("gatepost-watch-{}", gatepost.chance.token(9)));
    files::make_private_folder(&scratch)?;
    let room = mailroom(&gatepost, &scratch)?;
    let sink = Arc::new(Screen {
        form: arguments.form,
    });
    let tasks = &gatepost.tasks;
    tasks.start(
        "courier",
        room.courier(Route::to(screen_name), sink).run(tasks.stop()),
    );
    // What is on the screen is not kept, however long a person looks.
    let sweeper = room.sweeper(Duration::ZERO, room.unproven().await);
    tasks.start("sweeper", sweeper.run(tasks.stop()));
    tasks.start("watch", room.listener(watch, opener).run(tasks.stop()));
    signals.next().await;
    gatepost.end().await;
    let _ = std::fs::remove_dir_all(&scratch);
    Ok(())
}

/// A mailroom that forgets everything at its end.
fn mailroom(gatepost: &Gatepost, scratch: &std::path::Path) -> Result<Mailroom, Failure> {
    let memory = Arc::new(MemoryStorage::default());
    Ok(Mailroom {
        cursors: Arc::<MemoryStorage>::clone(&memory),
        deliveries: memory,
        spool: Arc::new(Spool::open(
            scratch,
            gatepost.store.key(),
            gatepost.chance.clone(),
        )?),
        board: Board::default(),
        bell: Bell::new(),
        clock: gatepost.clock.clone(),
        chance: gatepost.chance.clone(),
    })
}

/// Writes each event as a line.
#[derive(Debug)]
struct Screen {
    form: Form,
}

#[async_trait]
impl Sink for Screen {
    async fn deliver(&self, handover: Handover<'_>) -> Outcome {
        let line = if self.form.is_json() {
            String::from_utf8_lossy(&payload(&handover)).into_owned()
        } else {
            described(&handover)
        };
        match screen::line(&line) {
            Ok(()) => Outcome::Done,
            Err(failure) => Outcome::Refused {
                reason: failure.to_string(),
            },
        }
    }

    async fn probe(&self) -> Outcome {
        Outcome::Done
    }
}

fn described(handover: &Handover<'_>) -> String {
    let event = handover.event;
    match &event.data {
        EventData::Message(message) => {
            let from = message.envelope.from.first();
            let from = from.map_or("(nobody)", |from| {
                from.name.as_deref().unwrap_or(&from.address)
            });
            let subject = message
                .envelope
                .subject
                .as_deref()
                .unwrap_or("(no subject)");
            format!(
                "{}  {}  {}",
                event.timestamp.strftime("%H:%M:%S"),
                painted(Paint::Bold, &screen::clean_line(from)),
                screen::clean_line(subject)
            )
        }
        EventData::Trouble { reason, .. } => painted(Paint::Bad, &screen::clean_line(reason)),
        EventData::Credential(data) => painted(Paint::Bad, &screen::clean_line(&data.reason)),
        EventData::Resynced { .. } | EventData::Send(_) => event.kind.as_str().to_owned(),
    }
}
