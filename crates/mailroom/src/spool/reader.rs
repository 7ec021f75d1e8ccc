//! Reads a kept message, wherever it is kept.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use gatepost_host::SealingKey;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncSeekExt as _, SeekFrom};
use tokio_util::io::StreamReader;

use super::SpoolError;
use super::seal::{CHUNK, END, FileId, HEAD, SEALED_CHUNK, file_size};
use crate::Spooled;

/// A kept message.
#[derive(Debug)]
pub struct SpooledMessage(Place);

#[derive(Debug)]
enum Place {
    Inline(Bytes),
    File {
        path: PathBuf,
        name: String,
        size: u64,
        key: Arc<SealingKey>,
    },
}

impl SpooledMessage {
    pub(super) fn inline(octets: Vec<u8>) -> Self {
        Self(Place::Inline(octets.into()))
    }

    pub(super) fn file(path: PathBuf, name: String, size: u64, key: Arc<SealingKey>) -> Self {
        Self(Place::File {
            path,
            name,
            size,
            key,
        })
    }
}

#[async_trait]
impl Spooled for SpooledMessage {
    fn size(&self) -> u64 {
        match &self.0 {
            Place::Inline(octets) => octets.len() as u64,
            Place::File { size, .. } => *size,
        }
    }

    fn at_hand(&self) -> Option<Bytes> {
        match &self.0 {
            Place::Inline(octets) => Some(octets.clone()),
            Place::File { .. } => None,
        }
    }

    async fn open(&self) -> io::Result<Box<dyn AsyncRead + Send + Unpin>> {
        match &self.0 {
            Place::Inline(octets) => Ok(Box::new(io::Cursor::new(octets.clone()))),
            Place::File {
                path,
                name,
                size,
                key,
            } => {
                let chunks = Chunks::open(path, (name, *size), Arc::clone(key)).await?;
                Ok(Box::new(StreamReader::new(Box::pin(chunks.stream()))))
            }
        }
    }
}

/// A file from which chunks are read.
struct Chunks {
    file: File,
    name: String,
    key: Arc<SealingKey>,
    id: FileId,
    number: u64,
    left: u64,
}

impl Chunks {
    /// Opens the file and checks its head, its length and its end.
    async fn open(
        path: &PathBuf,
        (name, size): (&str, u64),
        key: Arc<SealingKey>,
    ) -> io::Result<Self> {
        let damaged = |source| sealed(name, source);
        let mut file = File::open(path).await?;
        if file.metadata().await?.len() != file_size(size) {
            return Err(damaged(gatepost_host::SealError::Damaged));
        }
        let mut head = [0; HEAD];
        file.read_exact(&mut head).await?;
        let id = FileId::of_head(&head).map_err(damaged)?;
        let mut end = [0; END];
        file.seek(SeekFrom::End(
            -i64::try_from(END).expect("the end is short"),
        ))
        .await?;
        file.read_exact(&mut end).await?;
        id.check_end(&key, (name, size), &end).map_err(damaged)?;
        file.seek(SeekFrom::Start(HEAD as u64)).await?;
        Ok(Self {
            file,
            name: name.to_owned(),
            key,
            id,
            number: 0,
            left: size,
        })
    }

    fn stream(self) -> impl Stream<Item = io::Result<Bytes>> {
        stream::try_unfold(self, |mut chunks| async move {
            let chunk = chunks.next().await?;
            Ok(chunk.map(|chunk| (chunk, chunks)))
        })
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let clear = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let mut buffer = vec![0; clear + (SEALED_CHUNK - CHUNK)];
        self.file.read_exact(&mut buffer).await?;
        let opened = self.id.open_chunk(&self.key, self.number, &buffer);
        let opened = opened.map_err(|source| sealed(&self.name, source))?;
        self.number += 1;
        self.left -= clear as u64;
        Ok(Some(Bytes::copy_from_slice(&opened)))
    }
}

fn sealed(name: &str, source: gatepost_host::SealError) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        SpoolError::Sealed {
            name: name.to_owned(),
            source,
        },
    )
}
