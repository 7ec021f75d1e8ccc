//! The letters themselves.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::MimePart;

use super::Letter;
use super::compose::{Draft, html, several, text};
use super::pdf;

/// What was there before.
pub(super) fn past(now: Timestamp) -> Vec<Letter> {
    let mut letters = vec![
        printer(hours_before(now, 300)),
        order(hours_before(now, 121)),
        invoice(hours_before(now, 96)),
        figures(hours_before(now, 72)),
        invitation(hours_before(now, 50)),
        photograph(hours_before(now, 26)),
        agenda(hours_before(now, 20)),
        foreign("support@contoso.com", hours_before(now, 75), GERMAN),
        foreign("jun.tanaka@contoso.com", hours_before(now, 94), JAPANESE),
        foreign("support@contoso.com", hours_before(now, 41), RUSSIAN),
        foreign("marta.kowalska@contoso.com", hours_before(now, 33), POLISH),
    ];
    letters.extend(thread(now));
    letters
}

/// What arrives while somebody watches.
pub(super) fn coming(now: Timestamp) -> Vec<Letter> {
    let arrived = |number: u32, from, subject: &str, words: &str| {
        Draft {
            to: "support@contoso.com",
            from,
            subject: subject.to_owned(),
            id: format!("arrival.{number}@demo.example"),
            at: now,
            thread: Vec::new(),
            body: text(words),
        }
        .into_letter()
    };
    vec![
        arrived(
            1,
            NOOR,
            "Where is my parcel?",
            "Hello,\n\nit was due yesterday: 00340434.\n\nNoor\n",
        ),
        arrived(
            2,
            LUCA,
            "Grazie! 🎉",
            "Tutto è arrivato in perfette condizioni.\n\nLuca\n",
        ),
        Draft {
            to: "invoices@contoso.com",
            from: ("Accounts, Fabrikam", "accounts@fabrikam.example"),
            subject: "Invoice 2026-1187".to_owned(),
            id: "arrival.3@demo.example".to_owned(),
            at: now,
            thread: Vec::new(),
            body: several(
                "multipart/mixed",
                "=_invoice-1187",
                vec![
                    text("Please find invoice 2026-1187 attached.\n"),
                    MimePart::new(
                        "application/pdf",
                        pdf::one_line("Invoice 2026-1187: EUR 420.00"),
                    )
                    .attachment("invoice-2026-1187.pdf"),
                ],
            ),
        }
        .into_letter(),
        arrived(
            4,
            NOOR,
            "Re: Where is my parcel?",
            "It just came. Thank you!\n\nNoor\n",
        ),
    ]
}

fn printer(at: Timestamp) -> Letter {
    Draft {
        to: "support@contoso.com",
        from: NOOR,
        subject: "The label printer prints blank labels".to_owned(),
        id: "blank-labels@northwind.example".to_owned(),
        at,
        thread: Vec::new(),
        body: text(
            "Hello support,\n\nsince this morning our label printer (model LP-40) prints only blank \
             labels. We changed the ribbon and switched it off and on.\n\nWhat else can we try?\n\n\
             Noor Haddad\nNorthwind Traders\n",
        ),
    }
    .into_letter()
}

fn order(at: Timestamp) -> Letter {
    Draft {
        to: "support@contoso.com",
        from: ("Wide World Importers", "orders@wideworld.example"),
        subject: "Your order 55-2041 has been shipped".to_owned(),
        id: "order.55-2041@wideworld.example".to_owned(),
        at,
        thread: Vec::new(),
        body: several(
            "multipart/alternative",
            "=_order-55-2041",
            vec![
                text("Your order 55-2041 has been shipped.\n\n2 x Label roll, 62 mm\n1 x Ribbon\n"),
                html(
                    "<html><body><h1>Your order has been shipped</h1><table>\
                     <tr><td>2</td><td>Label roll, 62&nbsp;mm</td></tr>\
                     <tr><td>1</td><td>Ribbon</td></tr></table>\
                     <p><a href=\"https://wideworld.example/55-2041\">Follow it</a></p>\
                     </body></html>",
                ),
            ],
        ),
    }
    .into_letter()
}

fn invoice(at: Timestamp) -> Letter {
    Draft {
        to: "invoices@contoso.com",
        from: ("Jürgen Müller", "j.mueller@baeckerei-mueller.example"),
        subject: "Rechnung März 2026".to_owned(),
        id: "4715.1@baeckerei-mueller.example".to_owned(),
        at,
        thread: Vec::new(),
        body: several(
            "multipart/mixed",
            "=_rechnung",
            vec![
                text("Anbei die Rechnung.\n\nJürgen Müller\n"),
                MimePart::new(
                    "application/pdf",
                    pdf::one_line("Rechnung 4715: EUR 1234.50"),
                )
                .attachment("Rechnung März 2026.pdf"),
            ],
        ),
    }
    .into_letter()
}

fn figures(at: Timestamp) -> Letter {
    let sheet = "month;orders;returns\r\nAugust;812;9\r\nSeptember;930;12\r\nOctober;1104;7\r\n";
    Draft {
        to: "ada.berg@contoso.com",
        from: MARTA,
        subject: "Figures for the quarter".to_owned(),
        id: "figures-q3@contoso.com".to_owned(),
        at,
        thread: Vec::new(),
        body: several(
            "multipart/mixed",
            "=_figures",
            vec![
                text("Hi Ada,\n\nhere are the figures. October was good.\n\nMarta\n"),
                MimePart::new("text/csv", sheet.as_bytes()).attachment("figures.csv"),
                MimePart::new("application/octet-stream", &b"\x00\x01\x02\xff"[..])
                    .attachment("../odd name?.bin"),
            ],
        ),
    }
    .into_letter()
}

fn invitation(at: Timestamp) -> Letter {
    let calendar = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Gatepost//Sandbox//EN\r\n\
                    METHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:stocktaking@contoso.com\r\n\
                    DTSTAMP:20261101T080000Z\r\nDTSTART:20261130T080000Z\r\n\
                    DTEND:20261130T090000Z\r\nSUMMARY:Stocktaking\r\n\
                    ORGANIZER:mailto:marta.kowalska@contoso.com\r\n\
                    ATTENDEE:mailto:ada.berg@contoso.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let kind = ContentType::new("text/calendar")
        .attribute("charset", "utf-8")
        .attribute("method", "REQUEST");
    Draft {
        to: "ada.berg@contoso.com",
        from: MARTA,
        subject: "Stocktaking".to_owned(),
        id: "stocktaking@contoso.com".to_owned(),
        at,
        thread: Vec::new(),
        body: several(
            "multipart/alternative",
            "=_stocktaking",
            vec![
                text("Stocktaking on Monday at nine.\n"),
                MimePart::new(kind, calendar),
            ],
        ),
    }
    .into_letter()
}

fn photograph(at: Timestamp) -> Letter {
    Draft {
        to: "ada.berg@contoso.com",
        from: LUCA,
        subject: "Il nuovo magazzino".to_owned(),
        id: "magazzino@litware.example".to_owned(),
        at,
        thread: Vec::new(),
        body: several(
            "multipart/related",
            "=_magazzino",
            vec![
                html("<p>Ecco il nuovo magazzino:</p><img src=\"cid:foto\" alt=\"magazzino\">"),
                MimePart::new("image/png", PIXEL).inline().cid("foto"),
            ],
        ),
    }
    .into_letter()
}

fn agenda(at: Timestamp) -> Letter {
    Draft {
        to: "board@contoso.com",
        from: ("Ada Berg", "ada.berg@contoso.com"),
        subject: "Agenda".to_owned(),
        id: "agenda@contoso.com".to_owned(),
        at,
        thread: Vec::new(),
        body: text("1. Figures\n2. The new warehouse\n3. Any other business\n"),
    }
    .into_letter()
}

/// A complaint that went to and fro; the answers quote what was said.
fn thread(now: Timestamp) -> Vec<Letter> {
    let words = [
        (
            LUCA,
            "Delivery 4711 has not arrived. It was promised for Monday.",
        ),
        (
            ADA,
            "I am sorry. The carrier says it left Hamburg on Friday.",
        ),
        (LUCA, "It is Wednesday. Our line stands still."),
        (
            ADA,
            "I found it: the carrier has it in Bologna, wrongly labelled.",
        ),
        (LUCA, "Can somebody fetch it?"),
        (
            ADA,
            "Our driver is on the way. He should be with you at four.",
        ),
        (LUCA, "He is here. Two boxes are wet, the rest is fine."),
        (
            ADA,
            "We send two new boxes tonight, at no charge. Please keep the wet ones.",
        ),
    ];
    let id = |number: usize| format!("4711.{number}@litware.example");
    let mut quoted = String::new();
    let mut letters = Vec::new();
    for (number, (from, sentence)) in words.into_iter().enumerate() {
        let body = format!("{sentence}\n\n{quoted}");
        quoted = body.lines().flat_map(|line| ["> ", line, "\n"]).collect();
        let answer = if number == 0 { "" } else { "Re: " };
        let age = u64::try_from(words.len().saturating_sub(number)).unwrap_or_default();
        letters.push(
            Draft {
                to: "support@contoso.com",
                from,
                subject: format!("{answer}Delivery 4711 is late"),
                id: id(number),
                at: hours_before(now, age.saturating_mul(5)),
                thread: (0..number).map(id).collect(),
                body: text(body),
            }
            .into_letter(),
        );
    }
    letters
}

/// A message in a charset of its country, kept as a file.
fn foreign(to: &'static str, at: Timestamp, raw: &str) -> Letter {
    let date = at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    Letter {
        to,
        at,
        raw: Bytes::from(raw.replace("@DATE@", &date)),
    }
}

fn hours_before(now: Timestamp, hours: u64) -> Timestamp {
    now.checked_sub(Duration::from_hours(hours)).unwrap_or(now)
}

const ADA: (&str, &str) = ("Ada Berg", "ada.berg@contoso.com");
const MARTA: (&str, &str) = ("Marta Kowalska", "marta.kowalska@contoso.com");
const NOOR: (&str, &str) = ("Noor Haddad", "noor@northwind.example");
const LUCA: (&str, &str) = ("Luca Ferrari", "luca.ferrari@litware.example");

// Their octets are ASCII: the charsets are in their encodings.
const GERMAN: &str = include_str!("foreign/german.eml");
const JAPANESE: &str = include_str!("foreign/japanese.eml");
const RUSSIAN: &str = include_str!("foreign/russian.eml");
const POLISH: &str = include_str!("foreign/polish.eml");

/// The smallest of photographs: one grey pixel.
const PIXEL: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b,
    0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00,
    0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae,
    0x42, 0x60, 0x82,
];
