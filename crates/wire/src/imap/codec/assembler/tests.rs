//! The cuts, bound by bound.

use super::*;

const BOUNDS: Bounds = Bounds {
    line: 64,
    literal: 16,
    literals: 2,
};

fn fed(octets: &[u8]) -> Assembler {
    let mut assembler = Assembler::new(BOUNDS);
    assembler.push(octets);
    assembler
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it is compared with what next_part answers"
)]
fn message(octets: &'static [u8]) -> Result<Option<Part>, Bound> {
    Ok(Some(Part::Message(Bytes::from_static(octets))))
}

#[test]
fn a_kept_literal_stands_in_the_message() {
    let mut assembler = fed(b"* 1 FETCH (BODY[] {3}\r\na\r\n)\r\nA1 OK done\r\n");
    let announced = Announcement {
        length: 3,
        mode: LiteralMode::Synchronizing,
    };
    assert_eq!(assembler.next_part(), Ok(Some(Part::Announced(announced))));
    assert_eq!(assembler.accept(Treatment::Keep), Ok(()));
    assert_eq!(
        assembler.next_part(),
        message(b"* 1 FETCH (BODY[] {3}\r\na\r\n)\r\n")
    );
    assert_eq!(assembler.next_part(), message(b"A1 OK done\r\n"));
    assert_eq!(assembler.next_part(), Ok(None));
}

#[test]
fn a_streamed_literal_leaves_an_empty_one() {
    let mut assembler = fed(b"* 1 FETCH (BODY[] {30}\r\n");
    assert!(matches!(
        assembler.next_part(),
        Ok(Some(Part::Announced(_)))
    ));
    assert_eq!(assembler.accept(Treatment::Keep), Err(Bound::Literal(16)));
    assert_eq!(assembler.accept(Treatment::Stream), Ok(()));
    assembler.push(&[b'x'; 20]);
    assert_eq!(
        assembler.next_part(),
        Ok(Some(Part::Chunk(vec![b'x'; 20].into())))
    );
    assert_eq!(assembler.next_part(), Ok(None));
    assembler.push(b"yyyyyyyyyy UID 7)\r\n");
    assert_eq!(
        assembler.next_part(),
        Ok(Some(Part::Chunk(vec![b'y'; 10].into())))
    );
    assert_eq!(assembler.next_part(), Ok(Some(Part::LiteralEnd)));
    assert_eq!(
        assembler.next_part(),
        message(b"* 1 FETCH (BODY[] {0}\r\n UID 7)\r\n")
    );
}

#[test]
fn an_overlong_line_is_dropped_and_the_next_message_is_cut() {
    let mut assembler = fed(&[b'x'; 65]);
    assert_eq!(assembler.next_part(), Err(Bound::Line(64)));
    assembler.push(&[b'x'; 1000]);
    assert_eq!(assembler.next_part(), Ok(None));
    assert!(
        assembler.incoming.len() <= LONGEST_ANNOUNCEMENT,
        "what is dropped is not held"
    );
    assembler.push(b"\r\nA2 NOOP\r\n");
    assert_eq!(assembler.next_part(), message(b"A2 NOOP\r\n"));
}

#[test]
fn the_literal_of_an_overlong_line_is_not_taken_for_commands() {
    let mut line = vec![b'x'; 100];
    line.extend_from_slice(b" {13+}\r\nA2 LOGOUT\r\n\r\n rest\r\nA3 NOOP\r\n");
    let mut assembler = fed(&line);
    assert_eq!(assembler.next_part(), Err(Bound::Line(64)));
    assert_eq!(assembler.next_part(), message(b"A3 NOOP\r\n"));
}

#[test]
fn a_refused_literal_ends_its_message() {
    let mut assembler = fed(b"A1 APPEND x {99999999999}\r\nA2 NOOP\r\n");
    assert!(matches!(
        assembler.next_part(),
        Ok(Some(Part::Announced(_)))
    ));
    assembler.refuse();
    assert_eq!(assembler.next_part(), message(b"A2 NOOP\r\n"));
}

#[test]
fn text_that_looks_like_an_announcement_is_text() {
    let mut assembler = fed(b"A1 NO there is no folder x{5}\r\nA2 OK\r\n");
    assert!(matches!(
        assembler.next_part(),
        Ok(Some(Part::Announced(_)))
    ));
    assert_eq!(assembler.accept(Treatment::Text), Ok(()));
    assert_eq!(
        assembler.next_part(),
        message(b"A1 NO there is no folder x{5}\r\n")
    );
    assert_eq!(assembler.next_part(), message(b"A2 OK\r\n"));
}

#[test]
fn literals_are_counted() {
    let mut assembler = fed(b"A1 X {1+}\r\na {1+}\r\nb {1+}\r\nc\r\n");
    for _ in 0..2 {
        assert!(matches!(
            assembler.next_part(),
            Ok(Some(Part::Announced(_)))
        ));
        assert_eq!(assembler.accept(Treatment::Keep), Ok(()));
    }
    assert!(matches!(
        assembler.next_part(),
        Ok(Some(Part::Announced(_)))
    ));
    assert_eq!(assembler.accept(Treatment::Keep), Err(Bound::Literals(2)));
    assert_eq!(assembler.accept(Treatment::Discard), Ok(()));
    assert!(matches!(assembler.next_part(), Ok(Some(Part::Message(_)))));
}
