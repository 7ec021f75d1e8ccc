//! App passwords in memory, for tests.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{AppPassword, AppPasswords, Edition, PasswordError, PasswordId, Use};

/// Keeps app passwords for as long as it lives.
#[derive(Debug, Default)]
pub struct MemoryPasswords(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    edition: Edition,
    passwords: Vec<AppPassword>,
}

impl MemoryPasswords {
    fn content(&self) -> std::sync::MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AppPasswords for MemoryPasswords {
    async fn edition(&self) -> Result<Edition, PasswordError> {
        Ok(self.content().edition)
    }

    async fn all(&self) -> Result<(Edition, Vec<AppPassword>), PasswordError> {
        let content = self.content();
        Ok((content.edition, content.passwords.clone()))
    }

    async fn add(&self, password: &AppPassword) -> Result<(), PasswordError> {
        let mut content = self.content();
        let same = |one: &&AppPassword| one.name == password.name;
        if let Some(same) = content.passwords.iter().find(same) {
            return Err(PasswordError::NameTaken {
                name: same.name.clone(),
                id: same.id.clone(),
                mailbox: same.mailbox.clone(),
            });
        }
        content.passwords.push(password.clone());
        content
            .passwords
            .sort_by(|a, b| (&a.mailbox, &a.name).cmp(&(&b.mailbox, &b.name)));
        content.edition.0 += 1;
        Ok(())
    }

    /// Nothing waits here.
    async fn take_over(&self, password: &AppPassword) -> Result<(), PasswordError> {
        self.add(password).await
    }

    async fn revoke(&self, id: &PasswordId) -> Result<bool, PasswordError> {
        let mut content = self.content();
        let before = content.passwords.len();
        content.passwords.retain(|one| one.id != *id);
        let revoked = content.passwords.len() < before;
        content.edition.0 += u64::from(revoked);
        Ok(revoked)
    }

    async fn used(&self, uses: &[Use]) -> Result<(), PasswordError> {
        let mut content = self.content();
        for used in uses {
            let known = content.passwords.iter_mut().find(|one| one.id == used.id);
            if let Some(password) = known {
                let later = password
                    .last_use
                    .as_ref()
                    .is_none_or(|last| last.at <= used.last.at);
                if later {
                    password.last_use = Some(used.last.clone());
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn it_obeys() {
        crate::admission::contract::passwords_contract(&super::MemoryPasswords::default()).await;
    }
}
