use std::sync::Arc;
use std::time::Duration;

use gatepost_fault::Fault as _;
use gatepost_host::{Clock, Metronome};
use jiff::{SignedDuration, Timestamp};

use super::super::TimeLimits;
use super::super::idles::Idles;
use super::super::session::Session;
use super::script::{LIMITS, against, against_limited, inbox, start};
use crate::{Changes, MailError, Mailbox as _, Pull, Woke};

const OPEN: &str = "S: * OK [CAPABILITY IMAP4rev1 IDLE] ready
    C: A1 EXAMINE \"INBOX\"
    S: * 3 EXISTS
    S: * OK [UIDVALIDITY 9] ok
    S: * OK [UIDNEXT 4] ok
    S: A1 OK [READ-ONLY] done\n";

fn minutes(minutes: i64) -> Timestamp {
    start() + SignedDuration::from_mins(minutes)
}

/// Opens the INBOX, waits for so many minutes, and answers how it ended and how long it took.
async fn waited(mut session: Session, clock: Clock, until: i64) -> (Result<Woke, MailError>, i64) {
    session.present(&inbox()).await.expect("it opens");
    let woke = session.wait(minutes(until)).await;
    (woke, clock.now().duration_since(start()).as_mins())
}

#[tokio::test(start_paused = true)]
async fn a_push_ends_the_wait_and_what_follows_it_is_not_lost() {
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: + idling
           .. 30
           S: * 4 EXISTS
           C: DONE
           S: * 5 EXISTS
           S: A2 OK done
           C: A3 UID FETCH 4:* (UID FLAGS INTERNALDATE RFC822.SIZE)
           S: * 4 FETCH (UID 4 INTERNALDATE \"22-Nov-2026 05:54:10 +0000\" FLAGS ())
           S: A3 OK done
           S: * 6 EXISTS";
    against(&script, |mut session, clock| async move {
        let seen = session.present(&inbox()).await.expect("it opens");
        assert_eq!(
            session.wait(minutes(10)).await.expect("a push"),
            Woke::Changed
        );
        assert_eq!(clock.now().duration_since(start()).as_secs(), 30);
        let pull = Pull {
            since: Some(&seen),
            limit: 10,
            octets: u64::MAX,
            news_from: None,
        };
        session.changes(&inbox(), pull).await.expect("an arrival");
        assert_eq!(
            session.wait(minutes(10)).await.expect("the next push"),
            Woke::Changed
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_look_is_not_woken_again_by_the_same_news() {
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: + idling
           .. 30
           S: * 4 EXISTS
           C: DONE
           S: A2 OK done
           C: A3 IDLE
           S: + idling
           C: DONE
           S: A3 OK done";
    against(&script, |mut session, clock| async move {
        session.present(&inbox()).await.expect("it opens");
        let woke = session.wait(minutes(3)).await;
        assert_eq!(woke.expect("a push"), Woke::Changed);
        let woke = session.wait(minutes(3)).await;
        assert_eq!(woke.expect("it lives"), Woke::TimeOver);
        assert_eq!(clock.now().duration_since(start()).as_mins(), 3);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn time_over_is_said_only_of_a_server_that_answers() {
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: + idling
           C: DONE
           S: A2 OK done";
    let (woke, took) = against(&script, |session, clock| waited(session, clock, 3)).await;
    assert_eq!((woke.expect("it lives"), took), (Woke::TimeOver, 3));
}

#[tokio::test(start_paused = true)]
async fn a_dead_peer_is_noticed_within_the_probe_and_one_reply() {
    let script = OPEN.to_owned() + "C: A2 IDLE\nS: + idling";
    let (woke, took) = against(&script, |session, clock| waited(session, clock, 25)).await;
    assert_eq!(woke.expect_err("it is dead").code(), "mail_server_silent");
    assert_eq!(
        took, 6,
        "the probe of 5 minutes, and 1 minute for the answer"
    );
}

/// Dovecot 2.3 says this, and nothing more, to whoever idles in a folder that was removed.
#[tokio::test(start_paused = true)]
async fn a_no_out_of_the_blue_has_the_folder_opened_afresh() {
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: + idling
           S: * NO Internal error occurred.
           C: DONE
           S: A2 OK done
           C: A3 EXAMINE \"INBOX\"
           S: * 0 EXISTS
           S: * OK [UIDVALIDITY 10] ok
           S: * OK [UIDNEXT 1] ok
           S: A3 OK [READ-ONLY] done
           C: A4 UID FETCH 1:* (UID)
           S: A4 OK done";
    against(&script, |mut session, clock| async move {
        let seen = session.present(&inbox()).await.expect("it opens");
        let woke = session.wait(minutes(5)).await.expect("it is alive");
        assert_eq!(woke, Woke::Changed);
        assert_eq!(clock.now(), start(), "at once");
        let pull = Pull {
            since: Some(&seen),
            limit: 10,
            octets: u64::MAX,
            news_from: None,
        };
        let changes = session.changes(&inbox(), pull).await.expect("a look");
        assert!(matches!(changes, Changes::Lost(_)), "{changes:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_no_all_the_time_is_looked_at_now_and_then() {
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: + idling
           S: * NO Disk quota is nearly used up.
           C: DONE
           S: A2 OK done
           C: A3 IDLE
           S: + idling
           S: * NO Disk quota is nearly used up.
           C: DONE
           S: A3 OK done";
    against(&script, |mut session, clock| async move {
        session.present(&inbox()).await.expect("it opens");
        for seconds in [0, 30] {
            let woke = session.wait(minutes(5)).await.expect("it is alive");
            assert_eq!(woke, Woke::Changed);
            assert_eq!(clock.now().duration_since(start()).as_secs(), seconds);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_prolongs_no_wait() {
    let talks = "C: A2 IDLE
           S: + idling
           .. 60
           S: * OK Still here
           C: DONE
           S: A2 OK done";
    let doubts = "C: A2 IDLE
           S: + idling
           S: * NO Disk quota is nearly used up.
           C: DONE
           S: A2 OK done
           C: A3 IDLE
           S: + idling
           .. 20
           S: * NO Disk quota is nearly used up.
           C: DONE
           S: A3 OK done";
    for (script, waits) in [
        (talks, &[(180, Woke::TimeOver)][..]),
        (doubts, &[(0, Woke::Changed), (30, Woke::Changed)]),
    ] {
        against(
            &(OPEN.to_owned() + script),
            |mut session, clock| async move {
                session.present(&inbox()).await.expect("it opens");
                let metronome = Metronome::beside(&clock);
                let setting = async {
                    clock.sleep(Duration::from_secs(10)).await;
                    clock.set_by(SignedDuration::from_hours(-1));
                };
                let waiting = async {
                    for (seconds, how) in waits {
                        let woke = session.wait(minutes(3)).await;
                        assert_eq!(woke.expect("it lives"), *how);
                        assert_eq!(metronome.elapsed().as_secs(), *seconds);
                    }
                };
                tokio::join!(setting, waiting);
            },
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn idle_is_renewed_before_29_minutes() {
    let limits = TimeLimits {
        probe: Duration::from_hours(2),
        ..LIMITS
    };
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: + idling
           C: DONE
           S: A2 OK done
           C: A3 IDLE
           S: + idling
           .. 60
           S: * 4 EXISTS";
    let (woke, took) =
        against_limited(&script, limits, |session, clock| waited(session, clock, 90)).await;
    assert_eq!(
        (woke.expect("it lives"), took),
        (Woke::Changed, 29),
        "renewed after 28 minutes"
    );
}

#[tokio::test(start_paused = true)]
async fn without_idle_the_server_is_asked() {
    let script = OPEN.replace(" IDLE", "")
        + "C: A2 NOOP
           S: A2 OK done
           C: A3 NOOP
           S: * 4 EXISTS
           S: A3 OK done";
    let (woke, took) = against(&script, |session, clock| waited(session, clock, 10)).await;
    assert_eq!(
        (woke.expect("it lives"), took),
        (Woke::Changed, 1),
        "asked every 30 seconds"
    );
}

#[tokio::test(start_paused = true)]
async fn where_idling_ends_each_time_at_once_the_server_is_asked_instead() {
    let cut = OPEN.to_owned() + "C: A2 IDLE\nS: + idling\n!";
    let idles = Arc::new(Idles::default());
    for _ in 0..3 {
        let (woke, _) = against(&cut, |mut session, clock| {
            session.idles = Arc::clone(&idles);
            assert!(session.is_pushed());
            waited(session, clock, 10)
        })
        .await;
        assert!(woke.expect_err("it is cut off").is_disconnected());
    }
    let asked = "C: A2 NOOP
           S: A2 OK done
           C: A3 NOOP
           S: * 4 EXISTS
           S: A3 OK done";
    let (woke, took) = against(&(OPEN.to_owned() + asked), |mut session, clock| {
        session.idles = Arc::clone(&idles);
        assert!(!session.is_pushed());
        waited(session, clock, 10)
    })
    .await;
    assert_eq!((woke.expect("it lives"), took), (Woke::Changed, 1));

    // The same of a server that says OK, but does not idle.
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: A2 OK done
           C: A3 IDLE
           S: A3 OK done
           C: A4 IDLE
           S: A4 OK done
           C: A5 NOOP
           S: * 4 EXISTS
           S: A5 OK done";
    let (woke, took) = against(&script, |session, clock| waited(session, clock, 10)).await;
    assert_eq!((woke.expect("it lives"), took), (Woke::Changed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_tells_why() {
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: + idling
           S: * BYE Session invalidated - AccessTokenExpired
           !";
    let (woke, _) = against(&script, |session, clock| waited(session, clock, 10)).await;
    let error = woke.expect_err("it is gone");
    assert!(
        error.is_disconnected() && error.to_string().contains("AccessTokenExpired"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_given_up_leaves_a_session_that_works() {
    let script = OPEN.to_owned()
        + "C: A2 IDLE
           S: + idling
           C: DONE
           C: A3 NOOP
           S: A2 OK done
           S: A3 OK done";
    against(&script, |mut session, clock| async move {
        session.present(&inbox()).await.expect("it opens");
        let given_up = clock
            .within(Duration::from_secs(1), session.wait(minutes(10)))
            .await;
        given_up.expect_err("nothing is pushed");
        session.leave_idle();
        let noop = gatepost_wire::imap::client::Command::Noop;
        session.link.run(&noop, |_| {}).await.expect("it answers");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_a_goodbye() {
    against(
        &(OPEN.to_owned() + "C: A2 LOGOUT"),
        |mut session, clock| async move {
            session.present(&inbox()).await.expect("it opens");
            session.close().await;
            assert_eq!(clock.now().duration_since(start()).as_secs(), 5);
        },
    )
    .await;
}
