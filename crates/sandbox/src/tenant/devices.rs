//! Sign-ins that were begun on devices without a browser.

use std::collections::BTreeSet;
use std::time::Duration;

use gatepost_host::Chance;
use jiff::Timestamp;

use super::ledger::Ledger;
use super::{SessionRefused, SignIn};

/// What an app on such a device asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The app.
    pub client_id: String,
    /// Its scopes, in version 2.
    pub scope: String,
    /// Its resource, in version 1.
    pub resource: Option<String>,
    /// The authentication contexts that the app wants.
    pub contexts: BTreeSet<String>,
}

/// The two codes of a sign-in (RFC 8628 §3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCodes {
    /// For the app.
    pub device_code: String,
    /// For the person.
    pub user_code: String,
    /// How long they live.
    pub lifetime: Duration,
}

/// How far a sign-in has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceProgress {
    /// The person is not through yet.
    Pending,
    /// The person said no.
    Declined,
    /// The person signed in for the app.
    SignedIn(SignIn),
}

/// Sign-ins by device code.
#[derive(Debug)]
pub(super) struct Devices {
    begun: Ledger<Begun>,
    /// Device codes by user code.
    entered: Ledger<String>,
}

#[derive(Debug)]
struct Begun {
    device: Device,
    progress: DeviceProgress,
    issued_at: Timestamp,
    is_used: bool,
}

impl Devices {
    pub(super) fn new() -> Self {
        Self {
            begun: Ledger::holding(MOST),
            entered: Ledger::holding(MOST),
        }
    }

    pub(super) fn begin(&mut self, device: Device, now: Timestamp, chance: &Chance) -> DeviceCodes {
        let codes = DeviceCodes {
            device_code: format!("D{}", chance.token(96)),
            user_code: user_code(chance),
            lifetime: LIFETIME,
        };
        let begun = Begun {
            device,
            progress: DeviceProgress::Pending,
            issued_at: now,
            is_used: false,
        };
        self.entered
            .enter(&codes.user_code, codes.device_code.clone());
        self.begun.enter(&codes.device_code, begun);
        codes
    }

    /// The sign-in whose code the person entered.
    pub(super) fn entered(
        &self,
        user_code: &str,
        now: Timestamp,
    ) -> Result<Device, SessionRefused> {
        let device_code = self.entered.get(user_code).ok_or(SessionRefused::Unknown)?;
        let begun = self.begun.get(device_code).ok_or(SessionRefused::Unknown)?;
        match begun.progress {
            DeviceProgress::Pending => begun.check_time(now).map(|()| begun.device.clone()),
            _ => Err(SessionRefused::Used),
        }
    }

    /// Notes what the person decided.
    pub(super) fn decide(
        &mut self,
        user_code: &str,
        progress: DeviceProgress,
        now: Timestamp,
    ) -> Result<(), SessionRefused> {
        self.entered(user_code, now)?;
        let device_code = self.entered.get(user_code).ok_or(SessionRefused::Unknown)?;
        let begun = self.begun.get_mut(device_code);
        begun.ok_or(SessionRefused::Unknown)?.progress = progress;
        Ok(())
    }

    /// What the app is told that asks with its device code; a sign-in is given to it once.
    pub(super) fn progress(
        &mut self,
        device_code: &str,
        client_id: &str,
        now: Timestamp,
    ) -> Result<DeviceProgress, SessionRefused> {
        let begun = self.begun.get_mut(device_code);
        let begun = begun
            .filter(|begun| begun.device.client_id.eq_ignore_ascii_case(client_id))
            .ok_or(SessionRefused::Unknown)?;
        if begun.is_used {
            return Err(SessionRefused::Used);
        }
        begun.check_time(now)?;
        begun.is_used = matches!(begun.progress, DeviceProgress::SignedIn(_));
        Ok(begun.progress.clone())
    }
}

impl Begun {
    fn check_time(&self, now: Timestamp) -> Result<(), SessionRefused> {
        let over = self
            .issued_at
            .checked_add(LIFETIME)
            .is_ok_and(|end| end <= now);
        if over {
            return Err(SessionRefused::Expired {
                issued_at: self.issued_at,
            });
        }
        Ok(())
    }
}

/// Nine letters and digits, none of which looks like another.
fn user_code(chance: &Chance) -> String {
    let pick = |_| {
        let at = usize::try_from(chance.below(ALPHABET.len() as u64)).unwrap_or_default();
        char::from(ALPHABET[at])
    };
    (0..9).map(pick).collect()
}

const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A quarter of an hour, as Entra says.
const LIFETIME: Duration = Duration::from_mins(15);
const MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_code_lives_a_quarter_of_an_hour_and_is_given_to_its_app_only() {
        let (chance, now) = (Chance::seeded(1), Timestamp::UNIX_EPOCH);
        let mut devices = Devices::new();
        let device = Device {
            client_id: "app".to_owned(),
            scope: "openid".to_owned(),
            resource: None,
            contexts: BTreeSet::new(),
        };
        let codes = devices.begin(device.clone(), now, &chance);
        assert_eq!(devices.entered(&codes.user_code, now), Ok(device));
        assert_eq!(devices.entered("WRONG", now), Err(SessionRefused::Unknown));
        assert_eq!(
            devices.progress(&codes.device_code, "other", now),
            Err(SessionRefused::Unknown)
        );
        assert_eq!(
            devices.progress(&codes.device_code, "APP", now),
            Ok(DeviceProgress::Pending)
        );
        let over = now + SignedDuration::from_mins(15);
        assert!(matches!(
            devices.progress(&codes.device_code, "app", over),
            Err(SessionRefused::Expired { .. })
        ));
        devices
            .decide(&codes.user_code, DeviceProgress::Declined, now)
            .expect("it waits");
        assert_eq!(
            devices.progress(&codes.device_code, "app", now),
            Ok(DeviceProgress::Declined)
        );
        assert_eq!(
            devices.entered(&codes.user_code, now),
            Err(SessionRefused::Used)
        );
    }
}
