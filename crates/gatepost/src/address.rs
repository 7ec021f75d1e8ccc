//! Mail addresses as they name mailboxes.

/// The normal form of an address that names a mailbox: lower case, since Exchange does not tell
/// cases apart. The error is a sentence.
pub fn normal(text: &str) -> Result<String, String> {
    let wrong = || {
        format!(
            "`{}` is no mail address; write it as name@example.com",
            text.escape_debug()
        )
    };
    let (local, domain) = text.rsplit_once('@').ok_or_else(wrong)?;
    let printable = |c: char| !c.is_control() && !c.is_whitespace();
    // RFC 5321 §4.5.3.1: 64 octets before the @, 255 after it.
    let sized = (1..=64).contains(&local.len()) && (1..=255).contains(&domain.len());
    if sized && text.chars().all(printable) && !local.contains('@') {
        Ok(text.to_lowercase())
    } else {
        Err(wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_in_lower_case_or_refused() {
        assert_eq!(normal("Ada@Contoso.com").as_deref(), Ok("ada@contoso.com"));
        for wrong in [
            "",
            "ada",
            "@contoso.com",
            "ada@",
            "a b@contoso.com",
            "a\u{1b}[2J@x.com",
        ] {
            normal(wrong).expect_err(wrong);
        }
    }
}
