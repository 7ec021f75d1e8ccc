//! Filters that hold, and what is none.

use serde_json::json;

use super::*;

const PROPERTIES: &[Property] = &[
    ("subject", Kind::Text),
    ("isRead", Kind::Truth),
    ("receivedDateTime", Kind::Time),
    ("from/emailAddress/address", Kind::Text),
    ("categories", Kind::List),
];

fn meets(text: &str) -> bool {
    let item = json!({
        "subject": "It's the Bill", "isRead": false, "categories": ["Red", "Mine"],
        "receivedDateTime": "2026-01-02T12:00:00Z",
        "from": {"emailAddress": {"address": "Noor@Fabrikam.example"}},
    });
    let filter = Filter::parse(text, PROPERTIES).map_err(|refusal| refusal.message);
    filter.expect(text).meets(&|name| item[name].clone())
}

#[test]
fn conditions_hold_or_not() {
    for text in [
        "subject eq 'it''s the bill'",
        "contains(subject,'BILL')",
        "startswith(subject, 'It') and endsWith(subject,'ill')",
        "isRead eq false and receivedDateTime ge 2026-01-02T13:00:00+01:00",
        "receivedDateTime gt 2026-01-01 and receivedDateTime lt 2026-01-03",
        "from/emailAddress/address eq 'noor@fabrikam.example'",
        "not (isRead or subject eq 'x')",
        "subject ne 'x' or isRead",
        "categories/any(c:c eq 'mine')",
    ] {
        assert!(meets(text), "{text}");
    }
    for text in [
        "isRead",
        "receivedDateTime lt 2026-01-02T12:00:00Z",
        "contains(subject,'x') eq true",
        "categories/any(c:c eq 'Blue')",
    ] {
        assert!(!meets(text), "{text}");
    }
}

#[test]
fn what_is_no_filter_is_refused() {
    let deep = "(".repeat(1_000);
    for text in [
        "",
        "subject",
        "subject eq",
        "subject eq 5",
        "subject eq 'x",
        "nothing eq 'x'",
        "receivedDateTime ge '2026-01-01'",
        "isRead eq 'true'",
        "(isRead",
        "isRead) ",
        "eq eq eq",
        "contains(isRead,'x')",
        "categories/any(c:d eq 'x')",
        &deep,
    ] {
        assert!(Filter::parse(text, PROPERTIES).is_err(), "{text}");
    }
}

#[test]
fn what_is_sorted_by_comes_first_in_the_filter() {
    let sorted = |order: &str, filter: &str| {
        let filter = Filter::parse(filter, PROPERTIES)
            .map_err(|one| one.message)
            .expect(filter);
        sortings(order, Some(&filter), PROPERTIES).map_err(|refusal| refusal.code)
    };
    assert!(
        sorted(
            "receivedDateTime desc",
            "receivedDateTime ge 2026-01-01 and isRead eq true"
        )
        .is_ok()
    );
    assert!(
        sorted(
            "receivedDateTime,isRead",
            "receivedDateTime ge 2026-01-01 and isRead eq true"
        )
        .is_ok()
    );
    for (order, filter) in [
        ("receivedDateTime desc", "isRead eq true"),
        (
            "receivedDateTime desc",
            "isRead eq true and receivedDateTime ge 2026-01-01",
        ),
        (
            "isRead,receivedDateTime",
            "receivedDateTime ge 2026-01-01 and isRead eq true",
        ),
    ] {
        assert_eq!(
            sorted(order, filter),
            Err("InefficientFilter"),
            "{order}, {filter}"
        );
    }
}

#[test]
fn a_span_is_as_tight_as_its_bounds() {
    let span = |text: &str| {
        let filter = Filter::parse(text, PROPERTIES)
            .map_err(|one| one.message)
            .expect(text);
        filter.span("receivedDateTime")
    };
    let at = |text: &str| text.parse::<Timestamp>().expect(text);
    let both = "receivedDateTime ge 2026-01-01T00:00:00Z and receivedDateTime gt 2026-01-01T00:00:00Z and receivedDateTime le 2026-02-01T00:00:00Z";
    assert_eq!(
        span(both),
        (
            Bound::Excluded(at("2026-01-01T00:00:00Z")),
            Bound::Included(at("2026-02-01T00:00:00Z"))
        )
    );
    assert_eq!(
        span("isRead or receivedDateTime lt 2026-01-01T00:00:00Z"),
        (Bound::Unbounded, Bound::Unbounded)
    );
}
