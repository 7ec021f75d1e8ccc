//! The store obeys what `oauth` and `mailroom` say every storage obeys.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gatepost_gateway::admission::contract::passwords_contract;
use gatepost_mailroom::contract::{Fresh, obeys};
use gatepost_oauth::contract::grants_contract;

use gatepost_store::{Access, KeySource};

use crate::samples::{fixture, open_at};

#[tokio::test]
async fn grants() {
    let fixture = fixture().await;
    grants_contract(&fixture.store).await;
}

#[tokio::test]
async fn app_passwords() {
    let fixture = fixture().await;
    passwords_contract(&fixture.store).await;
}

#[tokio::test]
async fn cursors_and_deliveries() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_owned();
    let numbers = AtomicU32::new(0);
    obeys(|| {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        fresh(path.join(number.to_string()))
    })
    .await;
}

async fn fresh(folder: PathBuf) -> Fresh {
    let store = open_at(&folder, KeySource::StateFolder, Access::Beside).await;
    let store = Arc::new(store.expect("a new store opens"));
    Fresh {
        cursors: store.clone(),
        deliveries: store.clone(),
        notices: store.clone(),
        outbox: store,
    }
}
