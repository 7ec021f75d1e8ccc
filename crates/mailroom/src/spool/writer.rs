//! Writes one message into a sealed file, chunk by chunk.

use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::seal::{CHUNK, FileId};
use super::{Spool, SpoolError, UNFINISHED, hexadecimal};

/// A file that is being written. Dropped before it is finished, it is removed.
pub(super) struct Writer {
    spool: Arc<Spool>,
    path: PathBuf,
    file: File,
    id: FileId,
    digest: Context,
    chunk: Vec<u8>,
    chunks: u64,
    size: u64,
    finished: bool,
}

impl Writer {
    pub(super) async fn begin(spool: &Arc<Spool>) -> Result<Self, SpoolError> {
        let path = spool.path(&format!("{}{UNFINISHED}", spool.chance.token(12)));
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let id = FileId::new(&spool.chance);
        let file = options.open(&path).await;
        let file = file.map_err(|error| SpoolError::io("make", &path, error))?;
        let mut writer = Self {
            spool: Arc::clone(spool),
            path,
            file,
            id,
            digest: Context::new(&SHA256),
            chunk: Vec::with_capacity(CHUNK),
            chunks: 0,
            size: 0,
            finished: false,
        };
        writer.put(&id.head()).await?;
        Ok(writer)
    }

    pub(super) async fn write(&mut self, mut octets: &[u8]) -> Result<(), SpoolError> {
        self.digest.update(octets);
        self.size += octets.len() as u64;
        while !octets.is_empty() {
            let room = CHUNK - self.chunk.len();
            let (now, later) = octets.split_at(room.min(octets.len()));
            self.chunk.extend_from_slice(now);
            octets = later;
            if self.chunk.len() == CHUNK {
                self.put_chunk().await?;
            }
        }
        Ok(())
    }

    /// Makes the file durable under the name of its content, which it returns pinned, with the
    /// number of octets. The entry in the folder becomes durable by [`Writer::sync_folder`].
    pub(super) async fn finish(mut self) -> Result<(String, u64), SpoolError> {
        if !self.chunk.is_empty() {
            self.put_chunk().await?;
        }
        let digest = self.digest.clone().finish();
        let name = hexadecimal(digest.as_ref());
        let end = self.id.seal_end(&self.spool.key, &name, self.size);
        self.put(&end).await?;
        let synced = self.file.sync_all().await;
        synced.map_err(|error| SpoolError::io("write", &self.path, error))?;
        self.spool.pin(&name);
        // A file of this name holds the same octets: replacing it changes nothing for its readers.
        let renamed = tokio::fs::rename(&self.path, self.spool.path(&name)).await;
        if let Err(error) = renamed {
            self.spool.let_go(&name);
            return Err(SpoolError::io("write", &self.path, error));
        }
        self.finished = true;
        Ok((name, self.size))
    }

    /// Makes the entries of all finished files durable.
    pub(super) async fn sync_folder(spool: &Spool) -> Result<(), SpoolError> {
        let failed = |error| SpoolError::io("write", &spool.folder, error);
        let folder = File::open(&spool.folder).await.map_err(failed)?;
        folder.sync_all().await.map_err(failed)
    }

    async fn put_chunk(&mut self) -> Result<(), SpoolError> {
        let key = Arc::clone(&self.spool.key);
        let sealed = self.id.seal_chunk(&key, self.chunks, &self.chunk);
        self.chunks += 1;
        self.chunk.clear();
        self.put(&sealed).await
    }

    async fn put(&mut self, octets: &[u8]) -> Result<(), SpoolError> {
        let written = async {
            self.file.write_all(octets).await?;
            self.file.flush().await
        };
        let written = written.await;
        written.map_err(|error| SpoolError::io("write", &self.path, error))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
