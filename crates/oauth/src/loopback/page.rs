//! The pages a browser is shown after a sign-in. They repeat nothing that came from outside.

/// A page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// The sign-in worked.
    Done,
    /// It did not, and the terminal says why.
    Failed,
    /// An administrator permitted the app.
    Permitted,
    /// An administrator did not.
    NotPermitted,
    /// This redirect belongs to another sign-in.
    Foreign,
    /// Somebody looks in before the sign-in.
    Waiting,
    /// There is no sign-in under way any more.
    Over,
}

impl Page {
    pub(crate) fn html(self) -> String {
        let (title, text) = self.words();
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
             <style>body{{font:1.1em/1.5 sans-serif;max-width:32em;margin:15vh auto;padding:0 1em}}</style>\
             <h1>{title}</h1><p>{text}</p></html>"
        )
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Done => (
                "You are signed in",
                "You can close this window. Gatepost has what it needs.",
            ),
            Self::Failed => (
                "The sign-in did not work",
                "Gatepost says why in the window where it was started.",
            ),
            Self::Permitted => (
                "The app is permitted",
                "You can close this window. Gatepost says what is next.",
            ),
            Self::NotPermitted => (
                "The app is not permitted",
                "Gatepost says why in the window where it was started.",
            ),
            Self::Foreign => (
                "This is the answer to another sign-in",
                "Open the address that Gatepost printed last; it still waits.",
            ),
            Self::Waiting => (
                "Gatepost waits for a sign-in",
                "Open the address that it printed.",
            ),
            Self::Over => (
                "No sign-in is under way",
                "Start it again in the window of Gatepost.",
            ),
        }
    }
}
