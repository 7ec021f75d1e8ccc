//! Asking a running `serve`. Blocking and without a runtime: `gatepost token` must be quick.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use gatepost_store::StateFolder;
use zeroize::Zeroizing;

use super::{Answer, MOST, Question, socket};

/// What the running `serve` of this state folder answers; `None` if none runs, or it does not
/// answer, in which case the caller does the work itself.
pub fn ask(state: &StateFolder, question: &Question) -> Option<Answer> {
    ask_within(LIMIT, state, question)
}

/// The same, for those who wait no longer than `limit`.
pub fn ask_within(limit: Duration, state: &StateFolder, question: &Question) -> Option<Answer> {
    let limit = limit.min(LIMIT);
    let exchange = || -> std::io::Result<Zeroizing<String>> {
        let mut stream = UnixStream::connect(socket(state))?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut answer = Zeroizing::new(String::new());
        BufReader::new(stream.take(MOST)).read_line(&mut answer)?;
        Ok(answer)
    };
    serde_json::from_str(&exchange().ok()?).ok()
}

/// A token that must be fetched takes as long as the sign-in server does, at most 30 seconds.
const LIMIT: Duration = Duration::from_secs(35);
