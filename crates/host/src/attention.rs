//! How connections are looked after.

use std::io;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpStream;

/// Says small things at once: otherwise each waits for a delayed acknowledgement. And
/// finds out that the other side is gone without a word, some three minutes after it was last
/// heard (RFC 9293 §3.8.4), where the system itself would begin to ask after two hours.
///
/// # Errors
///
/// What the system says of a socket that is not open any more.
pub fn attend(connection: &TcpStream) -> io::Result<()> {
    connection.set_nodelay(true)?;
    sockopt::set_socket_keepalive(connection, true)?;
    sockopt::set_tcp_keepidle(connection, SILENCE)?;
    sockopt::set_tcp_keepintvl(connection, BETWEEN)?;
    sockopt::set_tcp_keepcnt(connection, QUESTIONS)?;
    Ok(())
}

/// How long nothing is heard before the other side is asked whether it is there.
const SILENCE: Duration = Duration::from_mins(2);
/// How long is waited for an answer before it is asked again.
const BETWEEN: Duration = Duration::from_secs(15);
/// How often it is asked before it counts as gone.
const QUESTIONS: u32 = 4;

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_says_things_at_once_and_is_asked_after_two_minutes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let near = TcpStream::connect(address).await.expect("it listens");
        attend(&near).expect("it is open");
        assert!(near.nodelay().expect("it is open"));
        let asked = |asked: rustix::io::Result<Duration>| asked.expect("it is open").as_secs();
        assert_eq!(asked(sockopt::tcp_keepidle(&near)), 120);
        assert_eq!(asked(sockopt::tcp_keepintvl(&near)), 15);
        assert_eq!(sockopt::tcp_keepcnt(&near), Ok(4));
        assert_eq!(sockopt::socket_keepalive(&near), Ok(true));
    }
}
