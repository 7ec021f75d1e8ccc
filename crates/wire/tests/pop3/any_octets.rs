//! Every decoder takes any octets.

use gatepost_wire::fuzzing;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_octets_are_taken(octets in prop::collection::vec(any::<u8>(), 0..512)) {
        fuzzing::body(&octets);
        fuzzing::pop3_client(&octets);
        fuzzing::pop3_server(&octets);
        fuzzing::pop3_gate(&octets);
    }

    #[test]
    fn bodies_of_dots_and_ends_of_line_are_transparent(
        pieces in prop::collection::vec(prop_oneof![
            Just("."), Just("\r"), Just("\n"), Just("\r\n"), Just("x"),
        ], 0..24)
    ) {
        fuzzing::body(pieces.concat().as_bytes());
    }

    #[test]
    fn pieces_of_pop3_in_any_order_are_taken(pieces in prop::collection::vec(piece(), 0..40)) {
        let octets = pieces.concat();
        fuzzing::pop3_client(octets.as_bytes());
        fuzzing::pop3_server(octets.as_bytes());
        fuzzing::pop3_gate(octets.as_bytes());
    }
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("+OK ".to_owned()),
        Just("-ERR [SYS/TEMP] ".to_owned()),
        Just("+ ".to_owned()),
        Just("\r\n".to_owned()),
        Just(".\r\n".to_owned()),
        Just("..".to_owned()),
        Just("1 120".to_owned()),
        Just("PIPELINING\r\n".to_owned()),
        Just("USER a\r\n".to_owned()),
        Just("PASS b c\r\n".to_owned()),
        Just("AUTH PLAIN ".to_owned()),
        Just("AUTH LOGIN\r\n".to_owned()),
        Just("AGEAYg==\r\n".to_owned()),
        Just("*\r\n".to_owned()),
        Just("RETR 1\r\n".to_owned()),
        Just("TOP 1 1\r\n".to_owned()),
        Just("DELE 1\r\n".to_owned()),
        Just("UIDL\r\n".to_owned()),
        Just("QUIT\r\n".to_owned()),
        "[ -~]{0,20}",
    ]
}
