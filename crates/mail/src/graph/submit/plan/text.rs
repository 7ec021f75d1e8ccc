//! The text of a draft, made of all texts of a message.

use mail_parser::{MessageParser, PartType};

use super::PlannedFile;
use crate::graph::drafts::MailBody;

/// A text that is read by people.
#[derive(Debug)]
pub(super) struct Text {
    /// In which choice it stands.
    choice: Option<u32>,
    body: MailBody,
    /// What becomes of it if no request takes it.
    file: PlannedFile,
}

/// What became of texts.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) body: MailBody,
    /// Those for which there was no room.
    pub(super) files: Vec<PlannedFile>,
    /// Of a choice only the better form was taken.
    pub(super) has_lost_choice: bool,
}

impl Text {
    /// One of a part, header and body, without what it was encoded in.
    pub(super) fn read(octets: &[u8], choice: Option<u32>, file: PlannedFile) -> Self {
        let parsed = MessageParser::default().parse(octets);
        let part = parsed.and_then(|message| message.parts.into_iter().next());
        let body = match part.map(|part| part.body) {
            Some(PartType::Html(html)) => MailBody::Html(html.into_owned()),
            Some(PartType::Text(text)) => MailBody::Text(text.into_owned()),
            Some(
                PartType::Binary(_)
                | PartType::InlineBinary(_)
                | PartType::Message(_)
                | PartType::Multipart(_),
            )
            | None => MailBody::default(),
        };
        Self { choice, body, file }
    }

    fn is_html(&self) -> bool {
        matches!(self.body, MailBody::Html(_))
    }

    fn content(&self) -> &str {
        match &self.body {
            MailBody::Text(text) | MailBody::Html(text) => text,
        }
    }
}

/// One body of all texts, with `room` octets in JSON at most: Graph takes no other. The longest
/// texts go as files until the others fit.
pub(super) fn body(mut texts: Vec<Text>, room: usize) -> Texts {
    let mut files = Vec::new();
    loop {
        let kept = kept(&texts);
        let body = joined(&texts, &kept);
        let longest = kept.iter().max_by_key(|at| in_json(texts[**at].content()));
        match longest {
            Some(longest) if in_json(content(&body)) > room => {
                files.push(texts.remove(*longest).file);
            }
            _ => {
                return Texts {
                    body,
                    files,
                    has_lost_choice: kept.len() < texts.len(),
                };
            }
        }
    }
}

/// The places of those that become the body. Of a choice it is the HTML if there is one.
fn kept(texts: &[Text]) -> Vec<usize> {
    let html = texts.iter().filter(|text| text.is_html());
    let html: Vec<u32> = html.filter_map(|text| text.choice).collect();
    let is_kept = |text: &Text| {
        let has_better = text.choice.is_some_and(|choice| html.contains(&choice));
        text.is_html() || !has_better
    };
    let kept = texts.iter().enumerate().filter(|(_, text)| is_kept(text));
    kept.map(|(at, _)| at).collect()
}

fn joined(texts: &[Text], kept: &[usize]) -> MailBody {
    let kept = || kept.iter().map(|at| &texts[*at]);
    if !kept().any(Text::is_html) {
        let texts: Vec<&str> = kept().map(Text::content).collect();
        return MailBody::Text(texts.join("\r\n"));
    }
    let pieces = kept().map(|text| match &text.body {
        MailBody::Html(html) => html.clone(),
        MailBody::Text(text) => format!("<pre>{}</pre>", escaped(text)),
    });
    MailBody::Html(pieces.collect::<Vec<_>>().join("<br>"))
}

fn content(body: &MailBody) -> &str {
    match body {
        MailBody::Text(text) | MailBody::Html(text) => text,
    }
}

/// How many octets a text has in JSON, where quotes and control characters are written with a
/// backslash (RFC 8259 §7).
fn in_json(text: &str) -> usize {
    let octets = text.bytes().map(|octet| match octet {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    });
    octets.sum()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_text_needs_in_json_is_known() {
        let all: String = (0..=0x2000).filter_map(char::from_u32).collect();
        let written = serde_json::Value::from(all.as_str()).to_string();
        assert_eq!(in_json(&all), written.len() - 2, "but for its quotes");
    }
}
