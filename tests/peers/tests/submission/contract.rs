//! What every transport obeys that sends.

use gatepost_mail::contract::submits;
use gatepost_mail::imap::Security;
use gatepost_peers::Offer;

use crate::stand::{Failure, Point, Stand};

/// In chunks over STARTTLS, and with DATA over TLS from the first octet.
#[tokio::test(flavor = "multi_thread")]
async fn what_smtp_submits_is_read_by_imap_octet_for_octet() -> Result<(), Failure> {
    for (security, without) in [
        (Security::StartTls, None),
        (Security::ImplicitTls, Some("chunking")),
    ] {
        let stand = Stand::offering(Offer {
            without,
            ..Offer::default()
        })?;
        let opener = stand.opener(&stand.token()?, security)?;
        submits(&mut Point { stand, opener }).await;
    }
    Ok(())
}
