//! A small HTTP server with a script: each question has its answers, which are given in order.

use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use gatepost_host::Clock;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Answers questions of the mailbox `ada@contoso.com`.
pub(super) struct Server {
    listener: TcpListener,
    script: Mutex<Vec<Line>>,
    seen: Mutex<Vec<Seen>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

struct Line {
    question: String,
    answer: Answer,
    /// Whether it is given once only.
    once: bool,
}

/// A question that came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Such as `GET /mailFolders?$top=5`, without version and user, decoded.
    pub(super) question: String,
    /// The head as it came.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// The connection ends behind so many octets of the body.
    pub(super) cut: Option<usize>,
    /// The connection ends behind so many octets of the whole answer, its head included.
    pub(super) cut_at: Option<usize>,
    pub(super) delay: Duration,
    /// Nothing is answered, and the connection ends.
    pub(super) hangs_up: bool,
}

impl Answer {
    pub(super) fn json(body: &str) -> Self {
        Self {
            status: 200,
            body: body.as_bytes().to_vec(),
            ..Self::default()
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// A refusal with a code of Graph's.
    pub(super) fn refusal(status: u16, code: &str) -> Self {
        let error =
            json!({"error": {"code": code, "message": "No.", "innerError": {"request-id": "r-1"}}});
        Self {
            status,
            ..Self::json(&error.to_string())
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Server {
    /// One that gives each answer of `script` once. A question matches if it begins as written.
    pub(super) async fn new(script: &[(&str, Answer)]) -> Self {
        let lines = script.iter().map(|(question, answer)| Line {
            question: (*question).to_owned(),
            answer: answer.clone(),
            once: true,
        });
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.expect("a free port"),
            script: Mutex::new(lines.collect()),
            seen: Mutex::default(),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
        }
    }

    /// Gives this answer once more.
    pub(super) fn adds(&self, question: &str, answer: Answer) {
        self.script.lock().expect("nobody panicked").push(Line {
            question: question.to_owned(),
            answer,
            once: true,
        });
    }

    /// Gives this answer as often as it is asked, when nothing else is left.
    pub(super) fn knows(&self, question: &str, answer: Answer) {
        self.script.lock().expect("nobody panicked").push(Line {
            question: question.to_owned(),
            answer,
            once: false,
        });
    }

    pub(super) fn base(&self) -> Url {
        let address = self.listener.local_addr().expect("it listens");
        Url::parse(&format!("http://{address}")).expect("a URL")
    }

    /// The questions so far, those within a batch for themselves.
    pub(super) fn questions(&self) -> Vec<String> {
        let seen = self.seen();
        seen.into_iter().map(|seen| seen.question).collect()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("nobody panicked").clone()
    }

    /// How many questions are not answered yet.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// How many answers were under way at once at most.
    pub(super) fn most_open(&self) -> usize {
        self.most_open.load(Ordering::SeqCst)
    }

    /// Serves until `client` is done.
    pub(super) async fn serve<F: Future>(&self, client: F) -> F::Output {
        tokio::select! {
            biased;
            done = client => done,
            () = self.listen() => unreachable!("it listens for ever"),
        }
    }

    async fn listen(&self) {
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let (connection, _) = accepted.expect("a connection");
                    connections.push(self.talk(connection));
                }
                Some(()) = connections.next() => {}
            }
        }
    }

    async fn talk(&self, mut connection: TcpStream) {
        while let Some((head, body)) = read(&mut connection).await {
            let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_open.fetch_max(open, Ordering::SeqCst);
            let answer = self.answer(&head, body);
            Clock::system().sleep(answer.delay).await;
            let goes_on = write(&mut connection, &answer).await;
            self.open.fetch_sub(1, Ordering::SeqCst);
            if !goes_on {
                return;
            }
        }
    }

    fn answer(&self, head: &str, body: Vec<u8>) -> Answer {
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let path = path.strip_prefix("/v1.0").expect("the version comes first");
        if path == "/$batch" {
            return self.batch(&serde_json::from_slice(&body).expect("JSON"));
        }
        self.one((method, path), head, body)
    }

    fn one(&self, (method, path): (&str, &str), head: &str, body: Vec<u8>) -> Answer {
        let path = decoded(path);
        let path = path.strip_prefix("/users/ada@contoso.com").unwrap_or(&path);
        let question = format!("{method} {path}");
        self.seen.lock().expect("nobody panicked").push(Seen {
            question: question.clone(),
            head: head.to_owned(),
            body,
        });
        let mut script = self.script.lock().expect("nobody panicked");
        let found = script
            .iter()
            .position(|line| question.starts_with(&line.question));
        let Some(found) = found else {
            panic!("nobody wrote down {question}");
        };
        if script[found].once {
            script.remove(found).answer
        } else {
            script[found].answer.clone()
        }
    }

    /// Answers in the order that is the least convenient.
    fn batch(&self, batch: &Value) -> Answer {
        let requests = batch["requests"].as_array().expect("requests");
        assert!(requests.len() <= 20, "Graph takes twenty");
        let answers = requests.iter().rev().map(|request| {
            let text = |key: &str| request[key].as_str().expect("a text");
            assert_eq!(request["headers"]["Prefer"], "IdType=\"ImmutableId\"");
            let body = request
                .get("body")
                .map(Value::to_string)
                .unwrap_or_default();
            let answer = self.one((text("method"), text("url")), "", body.into_bytes());
            let headers = answer.headers.into_iter();
            let headers: serde_json::Map<String, Value> = headers
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            json!({
                "id": text("id"), "status": answer.status, "headers": headers,
                "body": serde_json::from_slice::<Value>(&answer.body).unwrap_or_default(),
            })
        });
        let answers: Vec<Value> = answers.collect();
        Answer::json(&json!({ "responses": answers }).to_string())
    }
}

/// A head and the body behind it; `None` when the client hangs up.
async fn read(connection: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("ASCII");
    let lines = head.to_ascii_lowercase();
    let length = lines
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.map_or(0, |length| length.parse().expect("a number"));
    assert!(
        !lines.contains("transfer-encoding"),
        "every length is known"
    );
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

async fn write(connection: &mut TcpStream, answer: &Answer) -> bool {
    if answer.hangs_up {
        return false;
    }
    let mut head = format!("HTTP/1.1 {} Said\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.extend([*name, ": ", value, "\r\n"]);
    }
    head.extend([
        "content-length: ",
        &answer.body.len().to_string(),
        "\r\n\r\n",
    ]);
    let body = &answer.body[..answer.cut.unwrap_or(answer.body.len())];
    let mut whole = [head.as_bytes(), body].concat();
    let mut is_cut = answer.cut.is_some();
    if let Some(at) = answer.cut_at {
        is_cut |= at < whole.len();
        whole.truncate(at);
    }
    let written = async {
        connection.write_all(&whole).await?;
        connection.flush().await
    };
    written.await.is_ok() && !is_cut
}

fn decoded(path: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = (*first == b'%').then(|| std::str::from_utf8(&behind[..2]).expect("digits"));
        if let Some(digits) = digits {
            octets.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            rest = &behind[2..];
        } else {
            octets.push(*first);
            rest = behind;
        }
    }
    String::from_utf8(octets).expect("UTF-8")
}
