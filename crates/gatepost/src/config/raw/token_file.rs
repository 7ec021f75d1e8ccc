//! Files with tokens as they are typed.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Placed;
use crate::token_form::{TokenForm, TokenUse};

/// A file with a token that `serve` keeps fresh, for a program that reads it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTokenFile {
    /// The address of the mailbox that the token opens.
    pub mailbox: Placed<String>,
    /// The file. Its folder must be there.
    pub path: Placed<PathBuf>,
    /// What the token is for; `imap` if it is not set.
    #[serde(default)]
    pub r#for: TokenUse,
    /// How it is written; `raw` if it is not set.
    pub format: Option<Placed<TokenForm>>,
    /// Who may read it besides its owner; `owner`, which is nobody, if it is not set.
    #[serde(default)]
    pub readable_by: RawReaders,
}

/// Who may read a file with a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RawReaders {
    /// Nobody but the user that `serve` runs as: mode 0600.
    #[default]
    Owner,
    /// The file's group as well: mode 0640. In a folder with the setgid bit that is the
    /// folder's group.
    Group,
}
