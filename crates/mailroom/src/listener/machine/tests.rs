use gatepost_fault::After;
use gatepost_mail::{FolderName, MessageKey};

use super::*;
use crate::listener::words::Resynced;
use crate::{Watch, WatchKey};

fn machine(from: StartFrom) -> Machine {
    let key = WatchKey {
        mailbox: "support@contoso.com".to_owned(),
        folder: FolderName::inbox(),
    };
    let watch = Watch {
        from,
        ..Watch::new(key, Vec::new())
    };
    Machine::new(&watch, Chance::seeded(1))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).expect("a time in this century")
}

fn cursor(state: &str) -> Cursor {
    Cursor {
        transport: "test".to_owned(),
        version: 1,
        state: state.to_owned(),
    }
}

fn arrival(uid: u32, received: i64) -> Arrival {
    Arrival {
        key: MessageKey::Imap {
            uidvalidity: 1,
            uid,
        },
        received_at: Some(at(received)),
        size_hint: None,
        flags: Vec::new(),
        written_at: None,
    }
}

fn loaded(state: &str, high_water: Option<i64>) -> Saw {
    Saw::Loaded(Some(Standing {
        cursor: cursor(state),
        high_water: high_water.map(at),
        proven_at: None,
        sequence: 0,
    }))
}

fn since(arrivals: Vec<Arrival>, next: &str, more: bool) -> Saw {
    Saw::Changes(Changes::Since {
        arrivals,
        next: cursor(next),
        more,
    })
}

/// A machine that is about to look at a folder it knows.
fn looking(high_water: Option<i64>, from: StartFrom) -> Machine {
    let mut machine = machine(from);
    let open = machine.next(at(0), loaded("old", high_water));
    assert_eq!(open, Want::Open);
    assert_eq!(
        machine.next(at(0), Saw::Opened(Signals::Pushed)),
        Want::Measure
    );
    assert!(matches!(
        machine.next(at(0), Saw::Measured((0, 0))),
        Want::Pull { .. }
    ));
    machine
}

fn step(want: Want) -> Step {
    match want {
        Want::Commit(step) => step,
        other => panic!("no step is stored: {other:?}"),
    }
}

#[test]
fn from_now_is_stored_before_the_first_wait() {
    let mut machine = machine(StartFrom::Now);
    machine.next(at(0), Saw::Loaded(None));
    assert_eq!(
        machine.next(at(0), Saw::Opened(Signals::Pushed)),
        Want::Baseline
    );
    let seen = Saw::Baseline(cursor("now"), Some(at(-60)));
    let step = step(machine.next(at(0), seen));
    assert_eq!((step.from, step.to), (None, cursor("now")));
    assert_eq!(step.high_water, Some(at(-60)), "the time of the server");
    assert!(step.arrivals.is_empty());
    assert_eq!(machine.next(at(0), Saw::Committed), Want::Measure);
}

#[test]
fn a_time_to_start_from_leaves_out_what_is_older_in_the_first_walk_only() {
    let mut machine = machine(StartFrom::At(at(100)));
    machine.next(at(0), Saw::Loaded(None));
    machine.next(at(0), Saw::Opened(Signals::Pushed));
    machine.next(at(0), Saw::Measured((0, 0)));
    let arrivals = vec![arrival(1, 99), arrival(2, 100)];
    let first = step(machine.next(at(200), since(arrivals, "2", true)));
    assert_eq!(first.arrivals, [arrival(2, 100)]);
    assert_eq!(first.high_water, None, "the walk is not over");
    machine.next(at(200), Saw::Committed);
    let last = step(machine.next(at(200), since(vec![arrival(3, 50)], "3", false)));
    assert!(last.arrivals.is_empty());
    let mark = last.high_water.expect("the walk is over");
    assert!(at(99) < mark && mark < at(100), "{mark}");
    machine.next(at(200), Saw::Committed);
    // What is moved here later is new, however old it is.
    let moved = step(machine.next(at(300), since(vec![arrival(4, 10)], "4", false)));
    assert_eq!(moved.arrivals, [arrival(4, 10)]);
}

#[test]
fn a_look_that_finds_nothing_stores_nothing_and_waits() {
    let mut machine = looking(Some(0), StartFrom::Now);
    assert_eq!(machine.next(at(0), since(vec![], "old", false)), Want::Act);
    let idle = machine.next(at(0), Saw::Acted(Outstanding::Nothing));
    assert_eq!(idle, Want::Idle { until: at(300) });
    assert_eq!(
        machine.next(at(300), Saw::Woke),
        Want::Measure,
        "a wait that is over is a reason to look"
    );
}

#[test]
fn post_actions_that_wait_for_days_are_asked_for_less_and_less_often() {
    let mut machine = looking(Some(0), StartFrom::Now);
    let mut waits = Vec::new();
    for _ in 0..8 {
        machine.next(at(0), since(vec![], "old", false));
        match machine.next(at(0), Saw::Acted(Outstanding::Something)) {
            Want::Idle { until } => waits.push(until.duration_since(at(0)).as_secs()),
            other => panic!("it does not wait: {other:?}"),
        }
        machine.next(at(0), Saw::Woke);
        machine.next(at(0), Saw::Measured((0, 0)));
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn without_push_it_is_looked_every_minute() {
    let mut machine = machine(StartFrom::Now);
    machine.next(at(0), loaded("old", Some(0)));
    machine.next(at(0), Saw::Opened(Signals::Polled));
    let idle = machine.next(at(0), Saw::Acted(Outstanding::Nothing));
    assert_eq!(idle, Want::Idle { until: at(60) });
}

#[test]
fn a_server_that_forgot_us_makes_neither_loss_nor_flood() {
    let mut machine = looking(Some(100), StartFrom::Now);
    let present = vec![
        (arrival(1, 50), [1; 32]),
        (arrival(2, 60), [2; 32]),
        (arrival(3, 100), [3; 32]),
        (arrival(4, 150), [4; 32]),
    ];
    let lost = Saw::Changes(Changes::Lost(Resync {
        present,
        restart: cursor("new"),
        more: false,
    }));
    let asked = machine.next(at(200), lost);
    assert_eq!(asked, Want::Recognise((1..=4).map(|n| [n; 32]).collect()));
    let known = Saw::Recognised(vec![false, true, false, false]);
    let step = step(machine.next(at(200), known));
    assert_eq!((step.from, step.to), (Some(cursor("old")), cursor("new")));
    assert_eq!(step.arrivals, [arrival(4, 150)]);
    let resynced = Resynced {
        matched: 1,
        new: 1,
        ambiguous: vec![[1; 32], [3; 32]],
        earlier: 0,
        is_over: true,
    };
    assert_eq!(step.resynced, Some(resynced));
    assert_eq!(machine.next(at(200), Saw::Committed), Want::Measure);
}

#[test]
fn a_resynchronisation_in_parts_is_one_and_ends_the_first_walk_with_its_last() {
    let mut machine = looking(None, StartFrom::Beginning);
    let part = |uid, more| {
        Saw::Changes(Changes::Lost(Resync {
            present: vec![(arrival(uid, 10), [1; 32])],
            restart: cursor(if more { "part" } else { "new" }),
            more,
        }))
    };
    let day = 24 * 3600;
    let now = at(100 * day);
    machine.next(now, part(1, true));
    let first = step(machine.next(now, Saw::Recognised(vec![true])));
    assert_eq!((first.high_water, first.to), (None, cursor("part")));
    assert!(first.resynced.is_some_and(|resynced| !resynced.is_over));
    machine.next(now, Saw::Committed);
    machine.next(now, Saw::Measured((0, 0)));
    machine.next(now, part(2, false));
    let last = step(machine.next(now, Saw::Recognised(vec![false])));
    assert_eq!(last.arrivals, [arrival(2, 10)], "however old it is");
    let resynced = last.resynced.expect("it is told");
    assert_eq!((resynced.matched, resynced.new), (1, 1));
    assert!(resynced.is_over && last.high_water.is_some());
}

#[test]
fn what_was_moved_here_and_not_seen_before_the_server_forgot_us_is_new_however_old() {
    let mut machine = looking(Some(100), StartFrom::Now);
    let seen = since(vec![arrival(1, 5_000)], "seen", false);
    step(machine.next(at(5_000), seen));
    machine.next(at(5_000), Saw::Committed);
    machine.next(at(5_000), Saw::Measured((0, 0)));
    let present = vec![(arrival(1, 5_000), [1; 32]), (arrival(2, 200), [2; 32])];
    let restart = cursor("new");
    let lost = Saw::Changes(Changes::Lost(Resync {
        present,
        restart,
        more: false,
    }));
    machine.next(at(6_000), lost);
    let step = step(machine.next(at(6_000), Saw::Recognised(vec![true, false])));
    assert_eq!(step.arrivals, [arrival(2, 200)]);
}

#[test]
fn what_the_ledger_may_have_forgotten_is_not_taken_for_new() {
    let mut machine = looking(Some(0), StartFrom::Beginning);
    let day = 24 * 3600;
    let now = at(100 * day);
    let present = vec![
        (arrival(1, 5 * day), [1; 32]),
        (arrival(2, 60 * day), [2; 32]),
    ];
    let restart = cursor("new");
    let lost = Saw::Changes(Changes::Lost(Resync {
        present,
        restart,
        more: false,
    }));
    machine.next(now, lost);
    let step = step(machine.next(now, Saw::Recognised(vec![false, false])));
    assert_eq!(step.arrivals, [arrival(2, 60 * day)]);
}

#[test]
fn a_folder_of_old_mail_that_was_moved_there_is_not_new_when_the_watch_begins() {
    let mut machine = machine(StartFrom::Now);
    machine.next(at(0), Saw::Loaded(None));
    machine.next(at(0), Saw::Opened(Signals::Pushed));
    let years_ago = at(-100_000_000);
    let step = step(machine.next(at(0), Saw::Baseline(cursor("now"), Some(years_ago))));
    assert_eq!(step.high_water, Some(at(-24 * 3600)));
}

#[test]
fn a_large_resynchronisation_moves_the_cursor_with_its_last_batch() {
    let mut machine = looking(Some(0), StartFrom::Now);
    let present = (1..=5_000).map(|uid| (arrival(uid, 10), [0; 32])).collect();
    let lost = Saw::Changes(Changes::Lost(Resync {
        present,
        restart: cursor("new"),
        more: false,
    }));
    machine.next(at(20), lost);
    let mut want = machine.next(at(20), Saw::Recognised(vec![false; 5_000]));
    for last in [2_048, 4_096] {
        let step = step(want);
        assert_eq!(
            (&step.from, &step.to),
            (&Some(cursor("old")), &cursor("old"))
        );
        assert_eq!(step.arrivals.last(), Some(&arrival(last, 10)));
        want = machine.next(at(20), Saw::Committed);
    }
    let step = step(want);
    assert_eq!((step.arrivals.len(), step.to), (904, cursor("new")));
}

fn failed_by(cause: Cause) -> Saw {
    Saw::Failed(Failure {
        next: Next::Retry(After::Backoff),
        session: Session::Ended,
        cause,
    })
}

/// Fails to store what is in the folder this often, and says how the next step is fetched.
fn fetching_after(failures: u32, cause: Cause) -> Fetch {
    let mut machine = looking(Some(0), StartFrom::Now);
    for _ in 0..failures {
        let tried = step(machine.next(at(0), since(vec![arrival(1, 1)], "1", false)));
        assert_eq!(tried.fetching, Fetch::Tried);
        machine.next(at(0), failed_by(cause));
        machine.next(at(0), Saw::Woke);
        machine.next(at(0), Saw::Opened(Signals::Pushed));
        machine.next(at(0), Saw::Measured((0, 0)));
    }
    step(machine.next(at(0), since(vec![arrival(1, 1)], "1", false))).fetching
}

#[test]
fn a_message_that_ends_every_session_is_given_up() {
    assert_eq!(fetching_after(MOST_TRIES - 1, Cause::Server), Fetch::Tried);
    assert_eq!(fetching_after(MOST_TRIES, Cause::Server), Fetch::GivenUp);
}

#[test]
fn no_message_is_given_up_because_our_disk_is_full() {
    assert_eq!(fetching_after(MOST_TRIES * 3, Cause::Ours), Fetch::Tried);
}

#[test]
fn what_cannot_be_fetched_is_tried_in_smaller_batches() {
    let mut machine = looking(Some(0), StartFrom::Now);
    let failed = || failed_by(Cause::Server);
    let mut limits = vec![100];
    for _ in 0..8 {
        let most = limits.last().map_or(1, |limit| *limit);
        let page = (1..=100).take(most).map(|uid| arrival(uid, 1)).collect();
        machine.next(at(0), since(page, "1", true));
        assert!(matches!(machine.next(at(0), failed()), Want::Sleep { .. }));
        assert_eq!(machine.next(at(0), Saw::Woke), Want::Open);
        machine.next(at(0), Saw::Opened(Signals::Pushed));
        match machine.next(at(0), Saw::Measured((0, 0))) {
            Want::Pull { limit, .. } => limits.push(limit),
            other => panic!("nothing is pulled: {other:?}"),
        }
    }
    assert_eq!(limits, [100, 50, 25, 12, 6, 3, 1, 1, 1]);
}

#[test]
fn a_watch_that_was_overtaken_loads_where_it_stands() {
    let mut machine = looking(Some(0), StartFrom::Now);
    machine.next(at(0), since(vec![arrival(1, 1)], "1", false));
    assert!(matches!(
        machine.next(at(0), Saw::Overtaken),
        Want::Sleep { .. }
    ));
    assert_eq!(machine.next(at(9), Saw::Woke), Want::Load);
    assert_eq!(
        machine.next(at(9), loaded("theirs", Some(0))),
        Want::Measure
    );
    assert_eq!(
        machine.next(at(9), Saw::Measured((0, 0))),
        Want::Pull {
            since: Some(cursor("theirs")),
            limit: 2_048,
            begun: Some(at(0)),
        }
    );
}

#[test]
fn a_blip_of_a_mailbox_that_worked_costs_a_second_and_one_that_never_worked_is_given_time() {
    let not_connected = || {
        Saw::Failed(Failure {
            next: Next::Reconfigure,
            session: Session::Ended,
            cause: Cause::Server,
        })
    };
    let slept = |want| match want {
        Want::Sleep { until } => until.duration_since(at(0)).as_millis(),
        other => panic!("it does not wait: {other:?}"),
    };
    let mut new = machine(StartFrom::Now);
    new.next(at(0), Saw::Loaded(None));
    assert!(slept(new.next(at(0), not_connected())) >= 300_000);

    let mut machine = looking(Some(0), StartFrom::Now);
    machine.next(at(0), since(vec![], "old", false));
    assert!(slept(machine.next(at(0), not_connected())) <= 1_000);
    for _ in 0..20 {
        machine.next(at(0), not_connected());
    }
    let later = slept(machine.next(at(0), not_connected()));
    assert!(later >= 150_000, "less often: {later}");
    machine.next(at(0), Saw::Woke);
    machine.next(at(0), Saw::Opened(Signals::Pushed));
    machine.next(at(0), Saw::Measured((0, 0)));
    machine.next(at(0), since(vec![], "old", false));
    let again = slept(machine.next(at(0), not_connected()));
    assert!(again <= 1_000, "it worked again: {again}");
}
