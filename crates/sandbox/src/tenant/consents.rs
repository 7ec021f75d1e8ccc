//! What people allowed apps to do in their name.

use std::collections::BTreeSet;

use super::Resource;
use crate::faults::Stamp;

/// The delegated permissions that were granted.
#[derive(Debug, Default)]
pub(super) struct Consents {
    granted: BTreeSet<Consent>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Consent {
    client_id: String,
    upn: String,
    resource: Resource,
    permission: &'static str,
    stamp: Stamp,
}

/// An app and the person it acts for.
#[derive(Debug, Clone, Copy)]
pub struct Acting<'a> {
    /// The client id of the app.
    pub client_id: &'a str,
    /// The address of the person.
    pub upn: &'a str,
}

impl Consents {
    /// Grants one permission.
    pub(super) fn grant(
        &mut self,
        acting: Acting<'_>,
        resource: Resource,
        permission: &'static str,
        stamp: Stamp,
    ) {
        let (client_id, upn) = (acting.client_id.to_lowercase(), acting.upn.to_lowercase());
        let consent = Consent {
            client_id,
            upn,
            resource,
            permission,
            stamp,
        };
        self.granted.retain(|old| {
            Consent {
                stamp,
                ..old.clone()
            } != consent
        });
        self.granted.insert(consent);
    }

    /// The permissions on `resource` granted after `revoked`, if anything was revoked.
    pub(super) fn granted(
        &self,
        acting: Acting<'_>,
        resource: Resource,
        revoked: Option<Stamp>,
    ) -> BTreeSet<&'static str> {
        let (client_id, upn) = (acting.client_id.to_lowercase(), acting.upn.to_lowercase());
        self.granted
            .iter()
            .filter(|consent| consent.client_id == client_id && consent.upn == upn)
            .filter(|consent| consent.resource == resource)
            .filter(|consent| revoked.is_none_or(|revoked| consent.stamp > revoked))
            .map(|consent| consent.permission)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_revoked_can_be_granted_anew() {
        let mut consents = Consents::default();
        let ada = Acting {
            client_id: "app",
            upn: "Ada@contoso.com",
        };
        consents.grant(ada, Resource::Graph, "Mail.Read", Stamp(1));
        assert_eq!(consents.granted(ada, Resource::Graph, None).len(), 1);
        assert_eq!(consents.granted(ada, Resource::Exchange, None).len(), 0);
        assert_eq!(
            consents.granted(ada, Resource::Graph, Some(Stamp(2))).len(),
            0
        );
        consents.grant(ada, Resource::Graph, "Mail.Read", Stamp(3));
        assert_eq!(
            consents.granted(ada, Resource::Graph, Some(Stamp(2))).len(),
            1
        );
    }
}
