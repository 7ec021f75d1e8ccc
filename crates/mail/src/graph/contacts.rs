//! Contacts (<https://learn.microsoft.com/graph/api/resources/contact>).

use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::client::Graph;
use crate::MailError;

/// Somebody in the address book of a mailbox. What is `None` is not written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Contact {
    /// The id; none before it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name as it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The first name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// The last name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surname: Option<String>,
    /// The addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub email_addresses: Vec<ContactAddress>,
    /// Telephones at work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub business_phones: Vec<String>,
    /// The telephone in the pocket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_phone: Option<String>,
    /// The organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company_name: Option<String>,
    /// What they are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    /// The categories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
}

/// An address of a contact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContactAddress {
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Contact {
    /// Whether `text` stands in a name, an address, a telephone or the organisation, in any case.
    pub fn has(&self, text: &str) -> bool {
        let wanted = text.to_lowercase();
        let names = [
            &self.display_name,
            &self.given_name,
            &self.surname,
            &self.company_name,
            &self.job_title,
            &self.mobile_phone,
        ];
        let names = names.into_iter().flatten();
        let addresses = self.email_addresses.iter();
        let addresses = addresses.flat_map(|one| one.address.iter().chain(&one.name));
        let mut texts = names.chain(addresses).chain(&self.business_phones);
        texts.any(|text| text.to_lowercase().contains(&wanted))
    }
}

impl Graph {
    /// The contacts in which `search` stands, all of them without it, by their names. The search
    /// of Graph knows whole words of some fields only, so all are looked through here.
    pub async fn contacts(&self, search: Option<&str>) -> Result<Vec<Contact>, MailError> {
        let address = self.at(&["contacts"]).with("$select", FIELDS);
        let address = address.with("$top", "500");
        let call = Call::get(address.url(), "list contacts");
        let mut contacts: Vec<Contact> = self.pages(call, MOST).await?;
        if let Some(search) = search {
            contacts.retain(|contact| contact.has(search));
        }
        contacts.sort_by_key(|contact| {
            contact
                .display_name
                .as_ref()
                .map(|name| name.to_lowercase())
        });
        Ok(contacts)
    }

    /// One contact.
    pub async fn contact(&self, id: &str) -> Result<Contact, MailError> {
        let address = self.at(&["contacts", id]).with("$select", FIELDS);
        self.object(Call::get(address.url(), "show a contact"))
            .await
    }

    /// Makes a contact; answers its id.
    pub async fn create_contact(&self, contact: &Contact) -> Result<String, MailError> {
        let url = self.at(&["contacts"]).url();
        let call = Call::new(Method::POST, url, "make a contact");
        self.made(call.with(contact)).await
    }

    /// Changes what `contact` has of the contact with that id, and nothing else.
    pub async fn update_contact(&self, id: &str, contact: &Contact) -> Result<(), MailError> {
        let url = self.at(&["contacts", id]).url();
        let call = Call::new(Method::PATCH, url, "change a contact");
        let changed = Contact {
            id: None,
            ..contact.clone()
        };
        self.done(call.with(&changed)).await
    }

    /// Deletes a contact.
    pub async fn delete_contact(&self, id: &str) -> Result<(), MailError> {
        let url = self.at(&["contacts", id]).url();
        self.done(Call::new(Method::DELETE, url, "delete a contact"))
            .await
    }
}

const FIELDS: &str = "id,displayName,givenName,surname,emailAddresses,businessPhones,mobilePhone,companyName,jobTitle,categories";
const MOST: usize = 50_000;
