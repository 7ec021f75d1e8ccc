//! What people allowed apps to do in their name.

use std::collections::{BTreeMap, BTreeSet};

use super::Resource;
use crate::faults::Stamp;

/// The delegated permissions that were granted, each with the place of the latest consent among
/// all that happens.
#[derive(Debug, Default)]
pub(super) struct Consents {
    granted: BTreeMap<(Pair, Resource, &'static str), Stamp>,
}

/// Stands for every person of the tenant: what an administrator consented to.
pub const EVERYBODY: &str = "*";

/// Client id and address, both in lower case.
type Pair = (String, String);

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
        self.granted
            .insert((acting.pair(), resource, permission), stamp);
    }

    /// The permissions on `resource` granted after `revoked`, if anything was revoked.
    pub(super) fn granted(
        &self,
        acting: Acting<'_>,
        resource: Resource,
        revoked: Option<Stamp>,
    ) -> BTreeSet<&'static str> {
        let everybody = Acting {
            upn: EVERYBODY,
            ..acting
        };
        let pairs = [acting.pair(), everybody.pair()];
        self.granted
            .iter()
            .filter(|((known, api, _), _)| pairs.contains(known) && *api == resource)
            .filter(|(_, stamp)| revoked.is_none_or(|revoked| **stamp > revoked))
            .map(|((_, _, permission), _)| *permission)
            .collect()
    }
}

impl Acting<'_> {
    fn pair(self) -> Pair {
        (self.client_id.to_lowercase(), self.upn.to_lowercase())
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
