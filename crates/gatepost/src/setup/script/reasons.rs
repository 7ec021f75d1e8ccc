//! Why each step of a set-up is there: the same words in every style.

use crate::setup::permission::{Permission, Resource};

pub(super) const STOP: &str =
    "Stop at the first failure: half a set-up is found by running it again.";
const APPLICATION: &str = "The app registration: the one of the configuration's client id, or a new one, whose id \
    then belongs into the configuration. One of the same name may be of a run that failed, or of \
    somebody who would like to be given mailboxes: whose it is, is for you to say.";
const GIVEN_APPLICATION: &str = "The app registration: the one that was named by its client id (--app-id). It keeps its name \
    and all it has; what is needed is added.";
pub(super) const ASKS_FOR: &str = "What the app asks for, and where sign-ins return to: what is needed is added, and what \
    is there stays. PATCH replaces the whole array, so it is read, appended to and written.";
pub(super) const CERTIFICATE: &str = "The certificate, without its key. PATCH replaces the whole array of certificates, \
    and others may be in use: it is read, appended to and written.";
pub(super) const ISSUER: &str = "STILL TO BE MADE: the app takes the token of another issuer only once that issuer is \
    entered in its federatedIdentityCredentials, and what its tokens say stands in none of \
    Gatepost's files. Fill in ISS and SUB, which are iss and sub of the token, and its aud if that \
    is another one; the name cannot be changed later. Then run, without the mark before it:";
pub(super) const VOUCHING_MACHINE: &str = "STILL TO BE MADE: the app takes the word of the machine's identity only once that is \
    entered in its federatedIdentityCredentials. OBJECT-ID is the object (principal) id of the \
    managed identity, as the Azure portal shows it at the identity, and TENANT-ID the id of the \
    tenant that the identity is of; the name cannot be changed later. Then run, without the mark \
    before it:";
pub(super) const PRINCIPAL: &str = "The enterprise application: the app as this tenant knows it. Its object id, and not the \
    registration's, is what everything below is granted to.";
pub(super) const IDENTITY: &str = "The enterprise application that Azure made for the managed identity. There is no app \
    registration behind it, and nothing here makes one.";
pub(super) const HELD: &str =
    "Application permissions that are granted, to find those that nobody needs.";
pub(super) const UNNEEDED: &str = "What is granted and not needed is said, and left to you.";

/// Which app it is.
pub(super) fn application(app_id: Option<&str>) -> &'static str {
    app_id.map_or(APPLICATION, |_| GIVEN_APPLICATION)
}

/// Why an API is looked up.
pub(super) fn resource(resource: Resource) -> String {
    format!(
        "{} in this tenant, with the ids of its permissions by their names.",
        resource.title()
    )
}

/// Why an application permission is granted.
pub(super) fn role(role: Permission) -> String {
    format!(
        "{}, granted by an administrator for the whole tenant: nobody is there to be asked.",
        role.name
    )
}

/// Why a person's consent is given for them.
pub(super) fn person(person: &str) -> String {
    format!(
        "{person} permits the app to act for them, and for nobody else: without this they are \
         asked when they sign in, if the tenant lets people decide. What they permitted \
         before stays."
    )
}
