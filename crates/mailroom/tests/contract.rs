//! The storage in memory obeys the sentences that every storage obeys.

use std::sync::Arc;

use gatepost_mailroom::MemoryStorage;
use gatepost_mailroom::contract::{Fresh, obeys};

#[tokio::test]
async fn the_storage_in_memory_obeys() {
    obeys(async || {
        let storage = Arc::new(MemoryStorage::new());
        Fresh {
            cursors: storage.clone(),
            deliveries: storage.clone(),
            notices: storage.clone(),
            outbox: storage,
        }
    })
    .await;
}
