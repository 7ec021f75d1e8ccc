//! Messages that are written, answered, passed on and marked.

use gatepost_mail::Address;
use gatepost_mail::graph::{
    DraftFate, FollowUpStatus, Importance, MailBody, NewMail, ReplyAudience, Withdrawal,
};

use crate::stand::{ADA, JUN, Stand};

fn address(address: &str) -> Address {
    Address {
        name: None,
        address: address.to_owned(),
    }
}

fn mail(subject: &str) -> NewMail {
    NewMail {
        subject: subject.to_owned(),
        body: MailBody::Html("<p>Gr\u{fc}\u{df}e</p>".to_owned()),
        to: vec![address(JUN)],
        bcc: vec![address("support@contoso.com")],
        message_id: Some("<draft@contoso.com>".to_owned()),
        in_reply_to: Some("<question@contoso.com>".to_owned()),
        references: Some("<first@contoso.com> <question@contoso.com>".to_owned()),
        headers: vec![("X-Ticket".to_owned(), "7".to_owned())],
        ..NewMail::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_sent_and_keeps_its_id() {
    let stand = Stand::new().await;
    let ada = stand.graph(ADA);
    let id = ada.write_draft(&mail("written")).await.expect("it is made");
    assert_eq!(ada.draft_fate(&id).await.expect("told"), DraftFate::Unsent);
    ada.send_draft(&id).await.expect("it goes");
    assert_eq!(ada.draft_fate(&id).await.expect("told"), DraftFate::Sent);
    let arrived = stand.folder(JUN, "Inbox");
    let text = String::from_utf8_lossy(&arrived[0].raw).into_owned();
    for field in [
        "Message-ID: <draft@contoso.com>",
        "In-Reply-To: <question@contoso.com>",
        "<first@contoso.com> <question@contoso.com>",
        "X-Ticket: 7",
    ] {
        assert!(text.contains(field), "{field} is missing in: {text}");
    }
    assert!(
        !text.contains("support@contoso.com"),
        "nobody sees Bcc: {text}"
    );
    assert_eq!(stand.folder("support@contoso.com", "Inbox").len(), 1);
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_draft_is_told() {
    let stand = Stand::new().await;
    let ada = stand.graph(ADA);
    let id = ada
        .write_draft(&mail("thrown away"))
        .await
        .expect("it is made");
    ada.discard_draft(&id).await.expect("it goes away");
    ada.discard_draft(&id)
        .await
        .expect("it may be gone already");
    assert_eq!(stand.folder(ADA, "Drafts").len(), 0);

    let id = ada
        .write_draft(&mail("unanswered"))
        .await
        .expect("it is made");
    stand.order("sent-then-timeout,times=1");
    ada.send_draft(&id).await.expect_err("the answer is lost");
    assert_eq!(ada.draft_fate(&id).await.expect("told"), DraftFate::Sent);
    assert_eq!(stand.folder(JUN, "Inbox").len(), 1);
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_was_sent_is_not_withdrawn() {
    let stand = Stand::new().await;
    let ada = stand.graph(ADA);
    let mut ids = Vec::new();
    for subject in ["stays a draft", "is sent"] {
        ids.push(ada.write_draft(&mail(subject)).await.expect("it is made"));
    }
    ada.send_draft(&ids[1]).await.expect("it goes");
    for (id, expected) in ids.iter().zip([Withdrawal::Withdrawn, Withdrawal::Sent]) {
        let withdrawn = ada.withdraw_draft(id).await;
        assert_eq!(withdrawn.expect("it is told"), expected);
    }
    assert_eq!(stand.folder(ADA, "Drafts").len(), 0);
    assert_eq!(stand.folder(ADA, "Sent Items").len(), 1, "the copy is hers");
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_a_message_arrives_with_it() {
    let stand = Stand::new().await;
    let ada = stand.graph(ADA);
    let important = NewMail {
        importance: Some(Importance::High),
        sender: Some(address(ADA)),
        wants_read_receipt: true,
        wants_delivery_receipt: true,
        ..mail("important")
    };
    let id = ada.write_draft(&important).await.expect("it is made");
    ada.send_draft(&id).await.expect("it goes");
    let arrived = stand.folder(JUN, "Inbox");
    let text = String::from_utf8_lossy(&arrived[0].raw).into_owned();
    for field in [
        "Importance: high",
        "Sender: ",
        "Disposition-Notification-To: ",
        "Return-Receipt-To: ",
    ] {
        assert!(text.contains(field), "{field} is missing in: {text}");
    }
    stand.sandbox.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_passed_on_and_marked() {
    let stand = Stand::new().await;
    let (ada, jun) = (stand.graph(ADA), stand.graph(JUN));
    let id = ada
        .write_draft(&mail("question"))
        .await
        .expect("it is made");
    ada.send_draft(&id).await.expect("it goes");
    // What is sent has the same id for its sender; who gets it has another.
    let draft = ada.begin_reply(&id, ReplyAudience::Everybody).await;
    let draft = draft.expect("an answer is begun");
    assert_eq!(
        ada.draft_fate(&draft).await.expect("told"),
        DraftFate::Unsent
    );
    ada.discard_draft(&draft).await.expect("it goes away");
    ada.reply(&id, "Once more.", ReplyAudience::Everybody)
        .await
        .expect("it is answered");
    let all = stand.folder(JUN, "Inbox");
    let answer = String::from_utf8_lossy(&all.last().expect("two came").raw).into_owned();
    assert!(answer.contains("Subject: RE: question"), "{answer}");
    ada.forward(&id, "See below.", &[address("support@contoso.com")])
        .await
        .expect("it is passed on");
    let passed = stand.folder("support@contoso.com", "Inbox");
    assert_eq!(passed.len(), 2, "by Bcc, and passed on");
    ada.categorize(&id, &["Red".to_owned()])
        .await
        .expect("done");
    ada.follow_up(&id, FollowUpStatus::Flagged)
        .await
        .expect("done");
    let sent = stand.folder(ADA, "Sent Items");
    let flagged = sent.iter().filter(|one| {
        one.flags
            .contains(gatepost_sandbox::mailboxes::Flag::Flagged)
    });
    assert_eq!(flagged.count(), 1);
    jun.reply("AAMkAGI2nothing", "x", ReplyAudience::Sender)
        .await
        .expect_err("there is no such message");
    stand.sandbox.end().await;
}
