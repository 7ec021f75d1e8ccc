//! The refusals of the token endpoint that are given on demand, by their AADSTS number.
//!
//! Meanings and sentences are those of Microsoft's reference of error codes
//! (<https://learn.microsoft.com/entra/identity-platform/reference-error-codes>).

mod apps;
mod people;

/// One refusal.
#[derive(Debug, PartialEq, Eq)]
pub struct OnDemand {
    /// The number behind `AADSTS`.
    pub code: u32,
    /// The OAuth error (RFC 6749 §5.2, and Entra's own).
    pub error: &'static str,
    /// Entra's finer distinction for libraries.
    pub suberror: Option<&'static str>,
    /// Entra's sentence.
    pub text: &'static str,
}

impl OnDemand {
    /// Every refusal that can be ordered.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        people::ALL.iter().chain(apps::ALL)
    }

    /// The refusal with this number.
    pub fn find(code: u32) -> Option<&'static Self> {
        Self::all().find(|refusal| refusal.code == code)
    }
}

const fn refusal(
    code: u32,
    error: &'static str,
    suberror: Option<&'static str>,
    text: &'static str,
) -> OnDemand {
    OnDemand {
        code,
        error,
        suberror,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_number() {
        for refusal in OnDemand::all() {
            assert_eq!(OnDemand::find(refusal.code), Some(refusal));
        }
        assert_eq!(OnDemand::find(1), None);
    }
}
