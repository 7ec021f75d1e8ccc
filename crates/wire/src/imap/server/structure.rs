//! BODY and BODYSTRUCTURE (RFC 3501 §7.4.2).

use super::entity::{Entity, Inside, parameterized};
use super::envelope::push_envelope;
use super::fields;
use super::persona::StructureFault;
use super::text::{push_nstring, push_string};

/// How much of a structure is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// BODY: without extension data.
    Body,
    /// BODYSTRUCTURE: with it.
    BodyStructure,
}

impl Extent {
    /// What stands before the structure in the answer.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Body => "BODY ",
            Self::BodyStructure => "BODYSTRUCTURE ",
        }
    }
}

/// Writes the structure of a message.
pub(super) struct StructureWriter<'a> {
    pub(super) message: &'a [u8],
    pub(super) extent: Extent,
    pub(super) fault: Option<StructureFault>,
}

impl StructureWriter<'_> {
    pub(super) fn push(&self, out: &mut Vec<u8>, entity: &Entity) {
        out.push(b'(');
        match &entity.inside {
            Inside::Parts(parts) => self.push_multipart(out, entity, parts),
            inside => self.push_single(out, entity, inside),
        }
        out.push(b')');
    }

    fn push_multipart(&self, out: &mut Vec<u8>, entity: &Entity, parts: &[Entity]) {
        if self.fault == Some(StructureFault::MultipartWithoutParts) {
            out.extend_from_slice(b"NIL");
        } else {
            for part in parts {
                self.push(out, part);
            }
        }
        out.push(b' ');
        push_string(out, entity.media.subtype.as_bytes());
        if self.extent == Extent::BodyStructure {
            out.push(b' ');
            push_parameters(out, &entity.media.parameters);
            self.push_extension(out, entity);
        }
    }

    fn push_single(&self, out: &mut Vec<u8>, entity: &Entity, inside: &Inside) {
        let media = &entity.media;
        if self.fault == Some(StructureFault::PartWithoutType) {
            out.extend_from_slice(b"NIL NIL NIL NIL NIL \"7BIT\" 0");
        } else {
            push_string(out, media.kind.as_bytes());
            out.push(b' ');
            push_string(out, media.subtype.as_bytes());
            out.push(b' ');
            push_parameters(out, &media.parameters);
            for name in ["Content-ID", "Content-Description"] {
                out.push(b' ');
                push_nstring(out, self.field(entity, name).as_deref());
            }
            out.push(b' ');
            let encoding = self.field(entity, "Content-Transfer-Encoding");
            push_string(out, encoding.as_deref().unwrap_or(b"7BIT"));
            out.extend_from_slice(format!(" {}", entity.body.len()).as_bytes());
        }
        if let Inside::Message(message) = inside {
            out.push(b' ');
            push_envelope(out, &self.message[message.header.clone()]);
            out.push(b' ');
            self.push(out, message);
        }
        if media.kind == "text" || matches!(inside, Inside::Message(_)) {
            let lines = memchr::memchr_iter(b'\n', &self.message[entity.body.clone()]).count();
            out.extend_from_slice(format!(" {lines}").as_bytes());
        }
        if self.extent == Extent::BodyStructure {
            out.push(b' ');
            push_nstring(out, self.field(entity, "Content-MD5").as_deref());
            self.push_extension(out, entity);
        }
    }

    /// Disposition, language and location: the end of both kinds of part.
    fn push_extension(&self, out: &mut Vec<u8>, entity: &Entity) {
        out.push(b' ');
        match self.field(entity, "Content-Disposition") {
            None => out.extend_from_slice(b"NIL"),
            Some(value) => {
                let (disposition, parameters) = parameterized(&value);
                if self.fault == Some(StructureFault::DispositionAsString) {
                    push_string(out, disposition.as_bytes());
                } else {
                    out.push(b'(');
                    push_string(out, disposition.as_bytes());
                    out.push(b' ');
                    push_parameters(out, &parameters);
                    out.push(b')');
                }
            }
        }
        for name in ["Content-Language", "Content-Location"] {
            out.push(b' ');
            push_nstring(out, self.field(entity, name).as_deref());
        }
    }

    fn field(&self, entity: &Entity, name: &str) -> Option<std::borrow::Cow<'_, [u8]>> {
        fields::first(&self.message[entity.header.clone()], name)
    }
}

fn push_parameters(out: &mut Vec<u8>, parameters: &[(String, String)]) {
    if parameters.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for (at, (name, value)) in parameters.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        push_string(out, name.as_bytes());
        out.push(b' ');
        push_string(out, value.as_bytes());
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\r\none\r\n--b\r\n\
        Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\
        Content-Disposition: inline\r\n\r\nAAAA\r\n--b--\r\n";

    fn written(extent: Extent, fault: Option<StructureFault>) -> String {
        let mut out = Vec::new();
        StructureWriter {
            message: MESSAGE,
            extent,
            fault,
        }
        .push(&mut out, &Entity::of(MESSAGE));
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn body_is_bodystructure_without_its_extension() {
        assert_eq!(
            written(Extent::Body, None),
            r#"(("text" "plain" ("charset" "utf-8") NIL NIL "7BIT" 3 0)("image" "png" NIL NIL NIL "base64" 4) "mixed")"#
        );
        assert_eq!(
            written(Extent::BodyStructure, None),
            concat!(
                r#"(("text" "plain" ("charset" "utf-8") NIL NIL "7BIT" 3 0 NIL NIL NIL NIL)"#,
                r#"("image" "png" NIL NIL NIL "base64" 4 NIL ("inline" NIL) NIL NIL) "#,
                r#""mixed" ("boundary" "b") NIL NIL NIL)"#
            )
        );
    }

    #[test]
    fn faults_are_those_of_exchange() {
        let inline = written(
            Extent::BodyStructure,
            Some(StructureFault::DispositionAsString),
        );
        assert!(inline.contains(r#"NIL "inline" NIL NIL)"#), "{inline}");
        let multipart = written(
            Extent::BodyStructure,
            Some(StructureFault::MultipartWithoutParts),
        );
        assert!(multipart.starts_with(r#"(NIL "mixed""#), "{multipart}");
        let part = written(Extent::BodyStructure, Some(StructureFault::PartWithoutType));
        assert!(
            part.starts_with(r#"((NIL NIL NIL NIL NIL "7BIT" 0"#),
            "{part}"
        );
    }
}
