//! Who a request comes from, as its transport has proven it. Nothing that a model sends gets here.

/// Who a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Whoever runs this process, or holds the one token of the whole server: the configured contexts say for whom.
    Process,
    /// A client that has proven who it is, whatever the contexts say.
    Client(Identity),
}

/// A tenant and a principal that a credential stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The credential's name or issuer, for logs and for telling apart who shares a principal.
    pub credential: String,
    /// The tenant; never blank.
    pub tenant: String,
    /// The principal; never blank.
    pub principal: String,
    /// Where both came from: `http_token` or `http_claims`.
    pub provenance: &'static str,
    /// What the credential may be used for.
    pub grants: Grants,
}

/// What a credential may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grants {
    /// Reading: read tools and records.
    pub read: bool,
    /// Proposing changes.
    pub propose: bool,
}

impl Grants {
    /// Everything that a model can do at all.
    pub const ALL: Self = Self { read: true, propose: true };
    /// Nothing.
    pub const NONE: Self = Self { read: false, propose: false };
    /// The words for reading and for proposing.
    pub const WORDS: [&'static str; 2] = ["read", "propose"];

    /// What a list of scopes grants; words that are not ours grant nothing.
    #[must_use]
    pub fn of<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        words.into_iter().fold(Self::NONE, |held, word| Self {
            read: held.read || word == "read",
            propose: held.propose || word == "propose",
        })
    }
}

impl Caller {
    /// What the caller may do.
    #[must_use]
    pub fn grants(&self) -> Grants {
        match self {
            Self::Process => Grants::ALL,
            Self::Client(identity) => identity.grants,
        }
    }

    /// The name of the credential that it has shown.
    #[must_use]
    pub fn credential(&self) -> Option<&str> {
        match self {
            Self::Process => None,
            Self::Client(identity) => Some(&identity.credential),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_grant_what_they_name() {
        assert_eq!(Grants::of(["read"]), Grants { read: true, propose: false });
        assert_eq!(Grants::of(["openid", "propose", "read"]), Grants::ALL);
        assert_eq!(Grants::of(["Read", "", "propose_all"]), Grants::NONE);
    }
}
