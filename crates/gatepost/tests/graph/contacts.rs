//! Contacts that are made, changed and deleted.

use gatepost_mail::graph::{Contact, ContactAddress};

use crate::stand::{ADA, Stand};

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_made_changed_found_and_deleted() {
    let stand = Stand::new().await;
    let ada = stand.graph(ADA);
    let new = Contact {
        given_name: Some("Zo\u{eb}".to_owned()),
        surname: Some("Quill".to_owned()),
        email_addresses: vec![ContactAddress {
            name: Some("Zo\u{eb} Quill".to_owned()),
            address: Some("zoe@fabrikam.example".to_owned()),
        }],
        business_phones: vec!["+49 30 1234".to_owned()],
        ..Contact::default()
    };
    let id = ada.create_contact(&new).await.expect("it is made");
    let change = Contact {
        company_name: Some("Fabrikam".to_owned()),
        ..Contact::default()
    };
    ada.update_contact(&id, &change)
        .await
        .expect("it is changed");
    let kept = ada.contact(&id).await.expect("it is there");
    assert_eq!(kept.surname.as_deref(), Some("Quill"), "it stays");
    assert_eq!(kept.company_name.as_deref(), Some("Fabrikam"));
    assert_eq!(kept.business_phones, new.business_phones);
    assert_eq!(kept.email_addresses, new.email_addresses);
    for search in ["QUILL", "fabrikam.example", "1234"] {
        let found = ada.contacts(Some(search)).await.expect("it is looked for");
        assert_eq!(found.len(), 1, "{search}");
    }
    ada.delete_contact(&id).await.expect("it goes");
    ada.contact(&id).await.expect_err("it is gone");
    assert!(
        ada.contacts(None)
            .await
            .expect("they are listed")
            .is_empty()
    );
    stand.sandbox.end().await;
}
