use tokio::io::{AsyncReadExt as _, DuplexStream};

use super::*;

struct Stage {
    client: DuplexStream,
    server: DuplexStream,
    clock: Clock,
}

/// A relay with both far ends, whose pipes hold so many octets.
fn stage(
    room: usize,
    early: (&'static [u8], &'static [u8]),
) -> (Stage, Relay<DuplexStream, DuplexStream>) {
    let (client, near_client) = tokio::io::duplex(room);
    let (server, near_server) = tokio::io::duplex(room);
    let relay = Relay::new((near_client, early.0), (near_server, early.1));
    let clock = Clock::starting_at(jiff::Timestamp::UNIX_EPOCH);
    let stage = Stage {
        client,
        server,
        clock,
    };
    (stage, relay)
}

fn bounds<'a>(revoked: &'a CancellationToken, stop: &'a Stop) -> Bounds<'a> {
    Bounds {
        idle: Duration::from_mins(30),
        revoked,
        stop,
    }
}

fn says(line: &'static str) -> impl Fn(&Ended) -> &'static [u8] {
    move |_| line.as_bytes()
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_goes_first_and_the_end_is_handed_on() {
    let (mut far, mut relay) = stage(64, (b"a1 NOOP\r\n", b"* early\r\n"));
    let (revoked, stop) = (CancellationToken::new(), Stop::never());
    let clock = far.clock.clone();
    let relaying = relay.run(&clock, bounds(&revoked, &stop), says(""));
    let talking = async {
        far.client
            .write_all(b"a2 IDLE\r\n")
            .await
            .expect("it is read");
        far.client.shutdown().await.expect("it is open");
        let mut asked = String::new();
        far.server.read_to_string(&mut asked).await.expect("text");
        // The client has closed its side and still hears the answer.
        far.server
            .write_all(b"a1 OK\r\n")
            .await
            .expect("it is read");
        far.server.shutdown().await.expect("it is open");
        let mut heard = String::new();
        far.client.read_to_string(&mut heard).await.expect("text");
        (asked, heard)
    };
    let (ended, (asked, heard)) = tokio::join!(relaying, talking);
    assert!(matches!(ended, Ended::Closed), "{ended:?}");
    assert_eq!(asked, "a1 NOOP\r\na2 IDLE\r\n");
    assert_eq!(heard, "* early\r\na1 OK\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_slow_slows_the_writer_down() {
    let (mut far, mut relay) = stage(1024, (b"", b""));
    let (revoked, stop) = (CancellationToken::new(), Stop::never());
    let clock = far.clock.clone();
    let relaying = relay.run(&clock, bounds(&revoked, &stop), says(""));
    let talking = async {
        let mut accepted = 0;
        let flood = async {
            loop {
                accepted += far.server.write(&[b'x'; 1000]).await.expect("it is open");
            }
        };
        let flooded = far.clock.within(Duration::from_secs(5), flood).await;
        assert_eq!(flooded, Err(Elapsed));
        let most = 2 * 1024 + gatepost_host::Buffer::SIZE;
        assert!(accepted <= most, "{accepted} octets were taken");
        drop(far.client);
    };
    tokio::join!(relaying, talking);
}

#[tokio::test(start_paused = true)]
async fn nothing_for_too_long_ends_it_and_something_does_not() {
    let (mut far, mut relay) = stage(64, (b"", b""));
    let (revoked, stop) = (CancellationToken::new(), Stop::never());
    let clock = far.clock.clone();
    let began = clock.now();
    let relaying = async {
        let ended = relay
            .run(&clock, bounds(&revoked, &stop), says("* BYE x\r\n"))
            .await;
        (ended, clock.now().duration_since(began))
    };
    let talking = async {
        far.clock.sleep(Duration::from_mins(29)).await;
        let asked = far.client.write_all(b"a1 NOOP\r\n").await;
        asked.expect("it is open");
        let answered = far.server.write_all(b"a1 OK\r\n").await;
        answered.expect("it is open");
        let mut heard = String::new();
        far.client.read_to_string(&mut heard).await.expect("text");
        heard
    };
    let ((ended, after), heard) = tokio::join!(relaying, talking);
    assert!(matches!(ended, Ended::Idle), "{ended:?}");
    assert_eq!(heard, "a1 OK\r\n* BYE x\r\n");
    let (least, most) = (29 + 30, 29 + 30 + 30 / 4);
    let bounds = [least, most].map(jiff::SignedDuration::from_mins);
    assert!(bounds[0] <= after && after <= bounds[1], "{after}");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_revoked_is_cut_off_at_once() {
    let (mut far, mut relay) = stage(64, (b"", b""));
    let (revoked, stop) = (CancellationToken::new(), Stop::never());
    let clock = far.clock.clone();
    let relaying = relay.run(&clock, bounds(&revoked, &stop), says("* BYE x\r\n"));
    let talking = async {
        far.client
            .write_all(b"a NOOP\r\n")
            .await
            .expect("it is open");
        let mut asked = [0; 8];
        far.server
            .read_exact(&mut asked)
            .await
            .expect("it is asked");
        revoked.cancel();
        let mut heard = String::new();
        far.client.read_to_string(&mut heard).await.expect("text");
        heard
    };
    let (ended, heard) = tokio::join!(relaying, talking);
    assert!(matches!(ended, Ended::Revoked), "{ended:?}");
    assert_eq!(heard, "");
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_under_way_and_says_goodbye_between_answers() {
    for (asked, last, goodbye) in [
        ("a NOOP\r\n", "a OK done\r\n", "* BYE x\r\n"),
        ("a IDLE\r\n", "* 1 EXISTS\r\n", "* BYE x\r\n"),
        ("a NOOP\r\n", "half a li", ""),
        // A literal that stalls at the end of one of its lines.
        (
            "a FETCH 1 BODY[]\r\n",
            "* 1 FETCH (BODY[] {99}\r\nHello\r\n",
            "",
        ),
    ] {
        let (mut far, mut relay) = stage(64, (b"", b""));
        let tasks = gatepost_host::Tasks::new();
        let (revoked, stop) = (CancellationToken::new(), tasks.stop());
        let clock = far.clock.clone();
        let relaying = relay.run(&clock, bounds(&revoked, &stop), says("* BYE x\r\n"));
        let talking = async {
            far.client
                .write_all(asked.as_bytes())
                .await
                .expect("it is open");
            let mut heard = vec![0; asked.len()];
            far.server
                .read_exact(&mut heard)
                .await
                .expect("it is asked");
            tasks.cancel();
            for _ in 0..5 {
                far.server
                    .write_all(b"part of an answer\r\n")
                    .await
                    .expect("it is open");
                far.clock.sleep(Duration::from_millis(500)).await;
            }
            far.server
                .write_all(last.as_bytes())
                .await
                .expect("it is open");
            let mut heard = String::new();
            far.client.read_to_string(&mut heard).await.expect("text");
            heard
        };
        let (ended, heard) = tokio::join!(relaying, talking);
        assert!(matches!(ended, Ended::Stopped), "{ended:?}");
        let whole = "part of an answer\r\n".repeat(5) + last + goodbye;
        assert_eq!(heard, whole);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_never_quiet_is_told_no_goodbye() {
    let (mut far, mut relay) = stage(64, (b"", b""));
    let tasks = gatepost_host::Tasks::new();
    let (revoked, stop) = (CancellationToken::new(), tasks.stop());
    let clock = far.clock.clone();
    let relaying = relay.run(&clock, bounds(&revoked, &stop), says("* BYE x\r\n"));
    let talking = async {
        far.client
            .write_all(b"a IDLE\r\n")
            .await
            .expect("it is open");
        let mut asked = [0; 8];
        far.server
            .read_exact(&mut asked)
            .await
            .expect("it is asked");
        tasks.cancel();
        let mut heard = String::new();
        while far.server.write_all(b"* 1 EXISTS\r\n").await.is_ok() {
            let mut line = [0; 12];
            if far.client.read_exact(&mut line).await.is_err() {
                break;
            }
            heard.push_str(&String::from_utf8_lossy(&line));
            far.clock.sleep(Duration::from_millis(500)).await;
        }
        let _ = far.client.read_to_string(&mut heard).await;
        heard
    };
    let (ended, heard) = tokio::join!(relaying, talking);
    assert!(matches!(ended, Ended::Stopped), "{ended:?}");
    assert!(heard.ends_with(" EXISTS\r\n"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_close_is_not_waited_for_long() {
    let (far, mut relay) = stage(64, (b"", b""));
    let (revoked, stop) = (CancellationToken::new(), Stop::never());
    let clock = far.clock.clone();
    let began = clock.now();
    drop(far.server);
    let ended = relay.run(&clock, bounds(&revoked, &stop), says("")).await;
    assert!(matches!(ended, Ended::Closed), "{ended:?}");
    let after = clock.now().duration_since(began);
    assert!(after < jiff::SignedDuration::from_mins(1), "{after}");
    drop(far.client);
}

/// Whoever is revoked hears so between two answers, and within one nothing more.
#[tokio::test(start_paused = true)]
async fn who_is_revoked_is_told_so_where_that_is_understood() {
    for (said, heard) in [
        ("a1 OK done\r\n", "a1 OK done\r\n* BYE x\r\n"),
        ("* 1 FETCH (BODY[] {99}\r\n", "* 1 FETCH (BODY[] {99}\r\n"),
    ] {
        let (mut far, mut relay) = stage(64, (b"a1 NOOP\r\n", said.as_bytes()));
        let (revoked, stop) = (CancellationToken::new(), Stop::never());
        let clock = far.clock.clone();
        let relaying = relay.run(&clock, bounds(&revoked, &stop), says("* BYE x\r\n"));
        let talking = async {
            let mut asked = [0; 9];
            far.server
                .read_exact(&mut asked)
                .await
                .expect("it is asked");
            let mut first = vec![0; said.len()];
            far.client.read_exact(&mut first).await.expect("it is said");
            revoked.cancel();
            let mut rest = String::new();
            far.client.read_to_string(&mut rest).await.expect("text");
            String::from_utf8(first).expect("text") + &rest
        };
        let (ended, all) = tokio::join!(relaying, talking);
        assert!(matches!(ended, Ended::Revoked), "{ended:?}");
        assert_eq!(all, heard);
    }
}
