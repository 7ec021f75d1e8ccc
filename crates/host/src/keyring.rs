//! Keys that the Linux kernel keeps (`man 7 keyrings`): in memory, for one user, without a daemon.

use zeroize::Zeroizing;

/// Why a key of the kernel could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringProblem {
    /// There is none of that name.
    #[error(
        "there is no such key in the session's and the user's keyring; put it there with: keyctl padd user NAME @u"
    )]
    Absent,
    /// Somebody took it back.
    #[error("the key was revoked; put it there anew with: keyctl padd user NAME @u")]
    Revoked,
    /// Its time is over.
    #[error("the time of the key is over (keyctl timeout); put it there anew")]
    Expired,
    /// It is somebody else's, or its permissions keep its own user out.
    #[error("this user may not read the key; look at its permissions with: keyctl rdescribe")]
    Denied,
    /// The kernel has no keyrings, or gives none to this process.
    #[error(
        "this system gives no keyrings to this process (containers often forbid them); use a file or a systemd credential"
    )]
    Unsupported,
}

#[cfg(target_os = "linux")]
use linux_keyutils::KeyError;

/// Reads the key of the type `user` with this description: from the keyring of the session, else
/// from the user's, to which the session of a service need not lead.
#[cfg(target_os = "linux")]
pub(crate) fn read(name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringProblem> {
    use linux_keyutils::{KeyRing, KeyRingIdentifier};

    let of_session = KeyRing::from_special_id(KeyRingIdentifier::Session, false);
    let of_session = of_session.map(|ring| ring.search(name));
    // Whatever lies in the user's keyring can be read by who possesses that, which takes a link
    // from a keyring of one's own; this one is gone with its thread.
    let of_user = || {
        let own = KeyRing::from_special_id(KeyRingIdentifier::Thread, true)?;
        own.link_keyring_id(KeyRingIdentifier::User)?;
        own.search(name)
    };
    let octets = found(of_session, of_user).and_then(|key| key.read_to_vec());
    octets.map(Zeroizing::new).map_err(|error| match error {
        KeyError::KeyDoesNotExist | KeyError::MissingFileOrDirectory => KeyringProblem::Absent,
        KeyError::KeyRevoked => KeyringProblem::Revoked,
        KeyError::KeyExpired => KeyringProblem::Expired,
        KeyError::AccessDenied => KeyringProblem::Denied,
        _ => KeyringProblem::Unsupported,
    })
}

/// What was found in the keyring of the session, if there is one, else what is in the user's. A key
/// of the session that somebody took back stands for no other; a keyring that was taken back, as
/// that of a session that has ended is (`pam_keyinit`), says nothing of its keys.
#[cfg(target_os = "linux")]
fn found<K>(
    of_session: Result<Result<K, KeyError>, KeyError>,
    of_user: impl FnOnce() -> Result<K, KeyError>,
) -> Result<K, KeyError> {
    match of_session {
        Ok(Err(KeyError::KeyDoesNotExist)) | Err(_) => of_user(),
        Ok(found) => found,
    }
}

/// Other systems have no such keyrings.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read(_name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringProblem> {
    Err(KeyringProblem::Unsupported)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use linux_keyutils::{Key, KeyPermissions, KeyRing, KeyRingIdentifier};

    use super::*;
    use crate::Chance;

    /// Puts a key into a keyring; `None` where this process gets no keyrings, and then that is
    /// what is said.
    fn put(ring: KeyRingIdentifier, name: &str) -> Option<Key> {
        let put =
            KeyRing::from_special_id(ring, true).and_then(|ring| ring.add_key(name, "canary"));
        match put {
            Ok(key) => Some(key),
            Err(
                KeyError::PermissionDenied | KeyError::OperationNotSupported | KeyError::Unknown(_),
            ) => {
                assert_eq!(read(name), Err(KeyringProblem::Unsupported));
                None
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_keyring_that_is_gone_hides_no_other_and_a_key_that_was_taken_back_does() {
        let of_user = || Ok("of the user");
        for gone in [KeyError::KeyRevoked, KeyError::KeyExpired] {
            assert!(matches!(found(Err(gone), of_user), Ok("of the user")));
            assert!(found(Ok(Err(gone)), of_user).is_err());
        }
        let absent = Ok(Err(KeyError::KeyDoesNotExist));
        assert!(matches!(found(absent, of_user), Ok("of the user")));
        let of_session = Ok(Ok("of the session"));
        assert!(matches!(found(of_session, of_user), Ok("of the session")));
    }

    fn new_name() -> String {
        format!("gatepost-test-{}", Chance::system().token(12))
    }

    #[test]
    fn a_key_of_the_user_is_read_also_where_the_session_does_not_lead_to_it() {
        let name = new_name();
        let Some(key) = put(KeyRingIdentifier::User, &name) else {
            return;
        };
        let read_octets = read(&name).map(|octets| octets.to_vec());
        assert_eq!(read_octets, Ok(b"canary".to_vec()));
        key.revoke().expect("it is ours");
        assert_eq!(read(&name), Err(KeyringProblem::Revoked));
        let ring = KeyRing::from_special_id(KeyRingIdentifier::User, false).expect("it is there");
        ring.unlink_key(key).expect("it is in there");
        assert_eq!(read(&name), Err(KeyringProblem::Absent));
    }

    #[test]
    fn a_key_that_keeps_its_user_out_says_so() {
        let name = new_name();
        let Some(key) = put(KeyRingIdentifier::Session, &name) else {
            return;
        };
        assert!(read(&name).is_ok());
        // SETATTR for the possessor, and no SEARCH for anybody.
        key.set_perms(KeyPermissions::from_u32(0x2000_0000))
            .expect("it is ours");
        assert_eq!(read(&name), Err(KeyringProblem::Denied));
        key.invalidate().or_else(|_| key.revoke()).ok();
    }
}
