//! What the browser shows when it comes back.

use gatepost_fault::Fault;

/// A page and the HTTP status it is sent with.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: &'static str,
    pub(super) html: String,
}

/// The sign-in is done, or could not be stored.
pub(super) fn of<F: Fault>(kept: &Result<(), F>) -> Page {
    match kept {
        Ok(()) => page("200 OK", "You are signed in", "You can close this window."),
        Err(fault) => failed(fault),
    }
}

/// The sign-in failed.
pub(super) fn failed(fault: &dyn Fault) -> Page {
    page(
        "400 Bad Request",
        "The sign-in did not succeed",
        &fault.to_string(),
    )
}

/// This belongs to another sign-in; ours goes on.
pub(super) fn stray(fault: &dyn Fault) -> Page {
    page(
        "400 Bad Request",
        "This belongs to another sign-in",
        &fault.to_string(),
    )
}

/// Nothing lives here.
pub(super) fn nothing() -> Page {
    page(
        "404 Not Found",
        "Nothing here",
        "Gatepost waits for a sign-in on this address.",
    )
}

fn page(status: &'static str, title: &str, text: &str) -> Page {
    let (title, text) = (escaped(title), escaped(text));
    let html = format!(
        "<!doctype html><meta charset=utf-8><title>{title}</title>\
         <body style=\"font:1.1rem system-ui;margin:15vh auto;max-width:34rem\">\
         <h1>{title}</h1><p>{text}</p>"
    );
    Page { status, html }
}

/// What a sign-in server says may hold anything.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_says_becomes_markup() {
        let html = page("200 OK", "t", "<script>alert(\"1\")</script>").html;
        assert!(!html.contains("<script"), "{html}");
    }
}
