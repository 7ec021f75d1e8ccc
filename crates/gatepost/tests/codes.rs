//! Every code that can be answered has its page, and every page its code.

use std::collections::BTreeSet;

use gatepost::{
    codes, compose, config, control, demo, import, sending, setup, signals, usage, verbs,
};

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let answered: BTreeSet<&str> = ALL.iter().flat_map(|codes| codes.iter().copied()).collect();
    let explained: BTreeSet<&str> = codes::PAGES.iter().map(|(code, _)| *code).collect();
    let unexplained: Vec<_> = answered.difference(&explained).collect();
    assert!(
        unexplained.is_empty(),
        "no page in docs/codes: {unexplained:?}"
    );
    let unanswered: Vec<_> = explained.difference(&answered).collect();
    assert!(unanswered.is_empty(), "nothing answers: {unanswered:?}");
}

#[test]
fn every_page_has_its_sections_in_order() {
    for (code, page) in codes::PAGES {
        assert!(
            page.starts_with(&format!("# {code}\n")),
            "{code} has another title"
        );
        let sections: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(sections, SECTIONS, "{code}");
    }
}

const SECTIONS: &[&str] = &[
    "What you see",
    "Why",
    "Who must act",
    "What to do",
    "How to check",
];

/// The codes of every error there is. `cargo xtask tidy` finds lists that are missing here.
const ALL: &[&[&str]] = &[
    gatepost_host::FileError::CODES,
    gatepost_host::HttpError::CODES,
    gatepost_host::SealError::CODES,
    gatepost_host::SecretError::CODES,
    gatepost_host::TrustError::CODES,
    gatepost_oauth::answers::Refusal::CODES,
    gatepost_oauth::CloudError::CODES,
    gatepost_oauth::GrantStoreError::CODES,
    gatepost_oauth::ProofError::CODES,
    gatepost_oauth::TokenError::CODES,
    gatepost_gateway::admission::PasswordError::CODES,
    gatepost_gateway::door::DoorError::CODES,
    gatepost_gateway::upstream::NoDestination::CODES,
    gatepost_mail::MailError::CODES,
    gatepost_mail::SubmitError::CODES,
    gatepost_mailroom::ExportError::CODES,
    gatepost_mail::graph::GraphRefusal::CODES,
    gatepost_mailroom::ListenError::CODES,
    gatepost_mailroom::SpoolError::CODES,
    gatepost_mailroom::outbox::PrepareError::CODES,
    gatepost_mailroom::StorageError::CODES,
    gatepost_store::StoreError::CODES,
    gatepost_sandbox::ControlRefused::CODES,
    gatepost_sandbox::SandboxError::CODES,
    gatepost_sandbox::faults::OrderError::CODES,
    gatepost_sandbox::mailboxes::DepartedUnknown::CODES,
    gatepost_sandbox::mailboxes::MailboxError::CODES,
    compose::ReloadError::CODES,
    compose::SinkError::CODES,
    config::ConfigError::CODES,
    config::HostError::CODES,
    control::ControlError::CODES,
    control::RelayedFault::CODES,
    demo::DemoError::CODES,
    sending::SendError::CODES,
    gatepost_import::ImportError::CODES,
    import::TakeoverError::CODES,
    setup::SetupError::CODES,
    signals::SignalError::CODES,
    usage::UsageError::CODES,
    verbs::export::Incomplete::CODES,
    verbs::sandbox::SandboxControlError::CODES,
];
