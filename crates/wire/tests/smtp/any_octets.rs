//! Every decoder takes any octets.

use gatepost_wire::fuzzing;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_octets_are_taken(octets in prop::collection::vec(any::<u8>(), 0..512)) {
        fuzzing::smtp_client(&octets);
        fuzzing::smtp_server(&octets);
        fuzzing::smtp_gate(&octets);
        fuzzing::smtp_texts(&octets);
    }

    #[test]
    fn replies_in_any_order_are_taken(pieces in prop::collection::vec(reply(), 0..40)) {
        fuzzing::smtp_client(pieces.concat().as_bytes());
    }

    #[test]
    fn commands_in_any_order_are_taken(pieces in prop::collection::vec(command(), 0..40)) {
        fuzzing::smtp_server(pieces.concat().as_bytes());
        fuzzing::smtp_gate(pieces.concat().as_bytes());
    }

    #[test]
    fn arguments_survive(pieces in prop::collection::vec(argument(), 0..8)) {
        fuzzing::smtp_texts(pieces.concat().as_bytes());
    }
}

fn reply() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("250 2.1.0 ok\r\n".to_owned()),
        Just("250-hello\r\n".to_owned()),
        Just("250 PIPELINING\r\n".to_owned()),
        Just("250 CHUNKING\r\n".to_owned()),
        Just("334 \r\n".to_owned()),
        Just("354 go on\r\n".to_owned()),
        Just("421 4.3.2 bye\r\n".to_owned()),
        Just("502 what\r\n".to_owned()),
        Just("535 5.7.139 no\r\n".to_owned()),
        Just("554".to_owned()),
        Just("\r\n".to_owned()),
        "[ -~]{0,20}",
    ]
}

fn command() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("EHLO x\r\n".to_owned()),
        Just("MAIL FROM:<a@x.test>\r\n".to_owned()),
        Just("RCPT TO:<a@x.test>\r\n".to_owned()),
        Just("DATA\r\n".to_owned()),
        Just(".\r\n".to_owned()),
        Just("..x\n.\n".to_owned()),
        Just("AUTH PLAIN AGEAYg==\r\n".to_owned()),
        Just("AUTH LOGIN\r\n".to_owned()),
        Just("YQ==\r\n".to_owned()),
        Just("*\r\n".to_owned()),
        Just("RSET\r\n".to_owned()),
        Just("QUIT\r\n".to_owned()),
        Just("\r\n".to_owned()),
        (0_u32..40).prop_map(|octets| format!("BDAT {octets}\r\n")),
        (0_u32..40).prop_map(|octets| format!("BDAT {octets} LAST\r\n")),
        "[ -~]{0,20}",
    ]
}

fn argument() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("FROM:".to_owned()),
        Just("TO:".to_owned()),
        Just("<a@x.test>".to_owned()),
        Just("<\"a >\\\"\"@x.test>".to_owned()),
        Just("<>".to_owned()),
        Just(" SIZE=12".to_owned()),
        Just(" RET=HDRS".to_owned()),
        Just(" ENVID=a+20b".to_owned()),
        Just(" NOTIFY=DELAY,SUCCESS".to_owned()),
        Just(" ORCPT=rfc822;a+2Bb".to_owned()),
        Just(" SMTPUTF8".to_owned()),
        "\\PC{0,10}",
    ]
}
