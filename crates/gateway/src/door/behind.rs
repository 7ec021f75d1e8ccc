//! What of a door outlives a change of it.

use super::crowd::Crowd;
use super::devices::Devices;
use crate::quiet::Quiet;

/// Who is behind a door: how many they are, whom their network let in, and what was said of those who
/// were turned away. A door that takes the place of another goes on with it. Clones are the same
/// one.
#[derive(Debug, Clone, Default)]
pub struct Behind {
    pub(super) crowd: Crowd,
    pub(super) devices: Devices,
    pub(super) quiet: Quiet,
}
