//! Contacts.

use serde_json::{Value, json};

use super::client::{ADA, Client};

fn card(given: &str, surname: &str, address: &str) -> Value {
    json!({
        "givenName": given, "surname": surname, "companyName": "Fabrikam",
        "emailAddresses": [{"name": given, "address": address}],
    })
}

#[tokio::test]
async fn contacts_are_made_found_changed_and_deleted() {
    let client = Client::app().await;
    let contacts = format!("{ADA}/contacts");
    let made = client
        .post(&contacts, card("Noor", "Haddad", "noor@fabrikam.example"))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(
        (made.text("/displayName"), made.text("/fileAs")),
        ("Noor Haddad", "Haddad, Noor")
    );
    client
        .post(&contacts, card("Luca", "Rossi", "luca@fabrikam.example"))
        .await;
    for (query, expected) in [
        ("?$orderby=givenName", vec!["Luca", "Noor"]),
        ("?$search=\"had\"", vec!["Noor"]),
        ("?$search=luca@", vec!["Luca"]),
        (
            "?$filter=emailAddresses/any(a:a/address eq 'NOOR@fabrikam.example')",
            vec!["Noor"],
        ),
        (
            "?$filter=startswith(displayName,'lu')&$select=givenName",
            vec!["Luca"],
        ),
    ] {
        let found = client.get(&format!("{contacts}{query}")).await;
        assert_eq!(found.each("givenName"), expected, "{query}");
    }
    let path = format!("{contacts}/{}", made.text("/id"));
    let change = json!({"mobilePhone": "+49 1", "birthday": "1990-01-01T00:00:00Z"});
    let changed = client.patch(&path, change).await;
    assert_eq!(
        (changed.text("/mobilePhone"), changed.text("/surname")),
        ("+49 1", "Haddad")
    );
    assert_ne!(changed.text("/changeKey"), made.text("/changeKey"));
    for wrong in [
        json!({"phone": "1"}),
        json!({"children": "x"}),
        json!({"emailAddresses": [{"address": "x"}]}),
    ] {
        assert_eq!(
            client.patch(&path, wrong.clone()).await.status,
            400,
            "{wrong}"
        );
    }
    assert_eq!(client.delete(&path).await.status, 204);
    assert_eq!(client.get(&path).await.code(), "ErrorItemNotFound");
}

#[tokio::test]
async fn contacts_have_folders() {
    let client = Client::app().await;
    let folders = format!("{ADA}/contactFolders");
    let made = client
        .post(&folders, json!({"displayName": "Suppliers"}))
        .await;
    assert_eq!(made.status, 201);
    assert_eq!(
        client
            .post(&folders, json!({"displayName": "suppliers"}))
            .await
            .status,
        409
    );
    let inside = format!("{folders}/{}/contacts", made.text("/id"));
    client
        .post(&inside, card("Noor", "Haddad", "noor@fabrikam.example"))
        .await;
    client
        .post(
            &format!("{ADA}/contacts"),
            card("Luca", "Rossi", "luca@fabrikam.example"),
        )
        .await;
    assert_eq!(client.get(&inside).await.each("givenName"), ["Noor"]);
    assert_eq!(
        client.get(&folders).await.each("displayName"),
        ["Suppliers"]
    );
    let pages = client
        .pages(&format!("{ADA}/contacts?$top=1&$count=true"))
        .await;
    assert_eq!(
        (pages.len(), &pages[0].body["@odata.count"]),
        (2, &json!(2))
    );
    assert_eq!(
        client
            .delete(&format!("{folders}/{}", made.text("/id")))
            .await
            .status,
        204
    );
    assert_eq!(
        client
            .get(&format!("{ADA}/contacts"))
            .await
            .each("givenName"),
        ["Luca"]
    );
}
