//! To whom, one by one.

/// One recipient, and what became of the message for him.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Addressee {
    /// The address.
    pub address: String,
    /// What became of it.
    #[serde(flatten)]
    pub fate: RecipientFate,
}

impl Addressee {
    /// A recipient to whom nothing was sent yet.
    pub fn new(address: String) -> Self {
        let fate = RecipientFate::Open;
        Self { address, fate }
    }

    /// Lets it be sent to him again, unless he has it.
    pub fn reopen(&mut self) {
        if self.fate != RecipientFate::Taken {
            self.fate = RecipientFate::Open;
        }
    }
}

/// What became of a message for one recipient.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "fate", rename_all = "snake_case")]
pub enum RecipientFate {
    /// It is still to be sent, or is being sent.
    Open,
    /// It is still to be sent to him, once others had it: an envelope has room for so many.
    Waiting,
    /// The server refused the recipient for now.
    Deferred {
        /// Why.
        reason: String,
    },
    /// The server has taken it for him.
    Taken,
    /// The server refused the recipient for good.
    Refused {
        /// Why.
        reason: String,
    },
}

impl RecipientFate {
    /// Whether it is still to be sent to him.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Waiting | Self::Deferred { .. })
    }
}
