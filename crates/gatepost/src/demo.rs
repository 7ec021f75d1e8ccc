//! A newcomer's first minute: a small Microsoft 365 in this process, the same composition that
//! `serve` runs against it, mail arriving, and in words what happens. Whatever is claimed is
//! checked against the sandbox's own books.

mod error;
mod folder;
mod observer;
mod stage;
mod tour;

use std::path::PathBuf;

use gatepost_host::{Chance, Clock};

pub use error::DemoError;

use crate::failure::Failure;
use crate::signals::EndSignals;
use folder::DemoFolder;
use stage::Stage;

/// How the tour is taken.
#[derive(Debug)]
pub struct Tour {
    /// When it ends.
    pub length: Length,
    /// Where its files are; `None` for a folder that goes with it.
    pub folder: Option<PathBuf>,
}

/// When the tour ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// When everything was shown and checked.
    Once,
    /// Not before the person wants it to.
    UntilInterrupted,
}

/// Takes the tour.
pub async fn take(tour: &Tour) -> Result<(), Failure> {
    let mut signals = EndSignals::catch()?;
    let (clock, chance) = (Clock::system(), Chance::system());
    let folder = DemoFolder::make(tour.folder.clone(), &chance)?;
    tour::welcome()?;
    let stage = Stage::build(&folder, (clock, chance)).await?;
    let shown = tokio::select! {
        shown = show(&stage, tour.length) => shown,
        _ = signals.next() => Ok(()),
    };
    stage.clear().await;
    shown
}

async fn show(stage: &Stage, length: Length) -> Result<(), Failure> {
    tour::tokens(stage).await?;
    tour::messages(stage).await?;
    let arrivals = tour::arrivals(stage, length).await?;
    tour::bad_day(stage, arrivals).await?;
    tour::claims(stage)?;
    match length {
        Length::Once => tour::goodbye(),
        Length::UntilInterrupted => tour::invitation(stage).await,
    }
}
