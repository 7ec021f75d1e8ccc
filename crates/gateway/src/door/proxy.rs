//! The PROXY protocol, versions 1 and 2: a proxy says in front of a connection whom it is for
//! (`HAProxy`, "The PROXY protocol").

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Whom a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// The proxy itself.
    Proxy,
    /// A client at this address.
    Client(IpAddr),
    /// A client, and the proxy cannot tell which.
    Somebody,
}

/// Reads the header and not an octet more.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Told> {
    // The shortest header of either version is longer.
    let mut beginning = [0; SIGNATURE.len()];
    stream.read_exact(&mut beginning[..1]).await?;
    let reading = async {
        stream.read_exact(&mut beginning[1..]).await?;
        header(&beginning, stream).await
    };
    reading.await.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => bad("the connection ended within its header"),
        _ => error,
    })
}

async fn header(
    beginning: &[u8; SIGNATURE.len()],
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Told> {
    if beginning == SIGNATURE {
        binary(stream).await
    } else if beginning.starts_with(b"PROXY ") {
        text(beginning, stream).await
    } else {
        Err(bad(
            "it begins with something else than a header of the PROXY protocol",
        ))
    }
}

async fn text(beginning: &[u8], stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Told> {
    let mut line = beginning.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LONGEST_LINE {
            return Err(bad("the line of its header is too long"));
        }
        line.push(stream.read_u8().await?);
    }
    let line = std::str::from_utf8(&line).map_err(|_| bad("the line of its header is no text"))?;
    let mut words = line.trim_end().split(' ').skip(1);
    let family = words.next().unwrap_or_default();
    let source = words.next().unwrap_or_default();
    let address = match family {
        "UNKNOWN" => return Ok(Told::Somebody),
        "TCP4" => source.parse().map(IpAddr::V4).ok(),
        "TCP6" => source.parse().map(IpAddr::V6).ok(),
        _ => None,
    };
    // Two addresses and two ports.
    let complete = words.count() == 3;
    match address.filter(|_| complete) {
        Some(address) => Ok(Told::Client(address.to_canonical())),
        None => Err(bad("the line of its header cannot be read")),
    }
}

async fn binary(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Told> {
    let (version, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = usize::from(stream.read_u16().await?);
    if length > LONGEST {
        return Err(bad("its header is too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    let address = match (version, family >> 4) {
        (PROXIED, INET) => rest
            .first_chunk::<4>()
            .filter(|_| length >= 12)
            .map(|octets| IpAddr::V4(Ipv4Addr::from(*octets))),
        (PROXIED, INET6) => rest
            .first_chunk::<16>()
            .filter(|_| length >= 36)
            .map(|octets| IpAddr::V6(Ipv6Addr::from(*octets))),
        (LOCAL, _) => return Ok(Told::Proxy),
        // Of a family that has no addresses that we know, or of none.
        (PROXIED, _) => return Ok(Told::Somebody),
        _ => None,
    };
    match address {
        Some(address) => Ok(Told::Client(address.to_canonical())),
        None => Err(bad("its header cannot be read")),
    }
}

fn bad(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const LOCAL: u8 = 0x20;
const PROXIED: u8 = 0x21;
const INET: u8 = 1;
const INET6: u8 = 2;
/// Of version 1, with its end (section 2.1).
const LONGEST_LINE: usize = 107;
/// Addresses and what else a proxy tells.
const LONGEST: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(mut octets: &[u8]) -> (io::Result<Told>, Vec<u8>) {
        let read = read(&mut octets).await;
        (read, octets.to_vec())
    }

    #[tokio::test]
    async fn both_versions_say_who_it_is_and_leave_the_rest() {
        let four: Vec<u8> = [
            SIGNATURE.as_slice(),
            &[0x21, 0x11, 0, 15],
            &[192, 0, 2, 7, 10, 0, 0, 1, 1, 2, 3, 4],
            &[4, 0, 0],
        ]
        .concat();
        let six = [
            SIGNATURE.as_slice(),
            &[0x21, 0x21, 0, 36],
            &Ipv6Addr::from_bits(0x2001_0db8 << 96 | 1).octets(),
            &[0; 20],
        ]
        .concat();
        let local = [SIGNATURE.as_slice(), &[0x20, 0, 0, 0]].concat();
        let nameless = [SIGNATURE.as_slice(), &[0x21, 0, 0, 0]].concat();
        let unix = [SIGNATURE.as_slice(), &[0x21, 0x31, 0, 216], &[0; 216]].concat();
        let client = |text: &str| Told::Client(text.parse().expect("an address"));
        for (header, told) in [
            (
                b"PROXY TCP4 192.0.2.7 10.0.0.1 1 143\r\n".to_vec(),
                client("192.0.2.7"),
            ),
            (
                b"PROXY TCP6 2001:db8::1 ::1 1 143\r\n".to_vec(),
                client("2001:db8::1"),
            ),
            (
                b"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 143\r\n".to_vec(),
                client("192.0.2.7"),
            ),
            (b"PROXY UNKNOWN\r\n".to_vec(), Told::Somebody),
            (
                b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(),
                Told::Somebody,
            ),
            (four, client("192.0.2.7")),
            (six, client("2001:db8::1")),
            (local, Told::Proxy),
            (nameless, Told::Somebody),
            (unix, Told::Somebody),
        ] {
            let octets = [header.as_slice(), b"a NOOP\r\n"].concat();
            let (read, rest) = read_all(&octets).await;
            assert_eq!(read.expect("a header"), told, "{}", header.escape_ascii());
            assert_eq!(rest, b"a NOOP\r\n");
        }
    }

    #[tokio::test]
    async fn anything_else_is_refused() {
        let endless = format!("PROXY TCP4 {}", "1".repeat(200));
        let long = [
            SIGNATURE.as_slice(),
            &[0x21, 0x11, 0xff, 0xff],
            vec![0; 70_000].as_slice(),
        ]
        .concat();
        let short = [SIGNATURE.as_slice(), &[0x21, 0x11, 0, 4], &[192, 0, 2, 7]].concat();
        for octets in [
            b"a1 CAPABILITY\r\n".as_slice(),
            b"PROXY TCP4 192.0.2.7\r\n",
            b"PROXY TCP4 2001:db8::1 ::1 1 143\r\n",
            b"PROXY TCP9 192.0.2.7 10.0.0.1 1 143\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 1 143 more\r\n",
            b"PROXY",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00",
            endless.as_bytes(),
            &long,
            &short,
        ] {
            let (read, _) = read_all(octets).await;
            let error = read.expect_err("no header");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
        let (read, _) = read_all(b"").await;
        let error = read.expect_err("nobody said anything");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
