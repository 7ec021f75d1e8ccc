//! The form of a spooled file.
//!
//! `GPSPOOL1 | file id (16) | chunks | end`. A chunk is up to 64 KiB of the message, sealed for
//! its file id and number; all but the last are full. The end is the number of octets, sealed for
//! the file's name, id and number of chunks. So no chunk can be changed, left out, doubled, moved
//! or brought from another file, and no file can take another's name.

use gatepost_host::{SealError, SealingKey};
use zeroize::Zeroizing;

/// The clear octets of a full chunk.
pub(super) const CHUNK: usize = 64 * 1024;
/// The octets of the file before the first chunk.
pub(super) const HEAD: usize = MAGIC.len() + ID;
/// The octets of the end.
pub(super) const END: usize = 8 + SealingKey::OVERHEAD;
/// The octets of a full sealed chunk.
pub(super) const SEALED_CHUNK: usize = CHUNK + SealingKey::OVERHEAD;

/// Names one file among all that were ever written.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileId([u8; ID]);

impl FileId {
    pub(super) fn new(chance: &gatepost_host::Chance) -> Self {
        let mut id = [0; ID];
        chance.fill(&mut id);
        Self(id)
    }

    /// Reads it from the head of a file.
    pub(super) fn of_head(head: &[u8; HEAD]) -> Result<Self, SealError> {
        let id = head.strip_prefix(MAGIC).ok_or(SealError::Damaged)?;
        let id = id.try_into().map_err(|_| SealError::Damaged)?;
        Ok(Self(id))
    }

    pub(super) fn head(self) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[..MAGIC.len()].copy_from_slice(MAGIC);
        head[MAGIC.len()..].copy_from_slice(&self.0);
        head
    }

    pub(super) fn seal_chunk(self, key: &SealingKey, number: u64, clear: &[u8]) -> Vec<u8> {
        key.seal(&self.place_of_chunk(number), clear)
    }

    pub(super) fn open_chunk(
        self,
        key: &SealingKey,
        number: u64,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        key.open(&self.place_of_chunk(number), sealed)
    }

    pub(super) fn seal_end(self, key: &SealingKey, name: &str, size: u64) -> Vec<u8> {
        key.seal(&self.place_of_end(name, size), &size.to_be_bytes())
    }

    /// Checks the end of a file that is named `name` and holds `size` clear octets.
    pub(super) fn check_end(
        self,
        key: &SealingKey,
        (name, size): (&str, u64),
        sealed: &[u8],
    ) -> Result<(), SealError> {
        let clear = key.open(&self.place_of_end(name, size), sealed)?;
        if *clear == size.to_be_bytes() {
            Ok(())
        } else {
            Err(SealError::Damaged)
        }
    }

    fn place_of_chunk(self, number: u64) -> String {
        format!("spool/{}/{number}", super::hexadecimal(&self.0))
    }

    fn place_of_end(self, name: &str, size: u64) -> String {
        let chunks = size.div_ceil(CHUNK as u64);
        format!("spool/{}/end/{name}/{chunks}", super::hexadecimal(&self.0))
    }
}

/// How many octets the file of a message of `size` octets has.
pub(super) fn file_size(size: u64) -> u64 {
    let chunks = size.div_ceil(CHUNK as u64);
    HEAD as u64 + size + chunks * SealingKey::OVERHEAD as u64 + END as u64
}

/// How many octets the message in a file of `length` octets has.
pub(super) fn size_of_file(length: u64) -> Result<u64, SealError> {
    let around = (HEAD + END) as u64;
    let body = length.checked_sub(around).ok_or(SealError::Damaged)?;
    let chunks = body.div_ceil(SEALED_CHUNK as u64);
    let size = body.checked_sub(chunks * SealingKey::OVERHEAD as u64);
    size.filter(|size| file_size(*size) == length)
        .ok_or(SealError::Damaged)
}

const MAGIC: &[u8; 8] = b"GPSPOOL1";
const ID: usize = 16;
