//! Where Gatepost's own events go, as it is typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Placed;

/// Where Gatepost's own events go: those that tell of a watch, a delivery or a sink, and not of
/// a message.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawEvents {
    /// The names of the sinks.
    pub sinks: Placed<Vec<Placed<String>>>,
    /// Which kinds go there, such as `delivery.dead_lettered`; all of them if it is not set.
    pub kinds: Option<Placed<Vec<Placed<String>>>>,
}
