//! The shape of a filter: terms under and, or, not, in three-valued logic.

use super::term::Term;

/// An expression. The operators keep it in one form (no list inside a list of its own kind, no double
/// negation, nothing beside what decides alone), so that equal texts make equal expressions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    Term(Term),
    Not(Box<Expr>),
    /// All of these; true when there are none.
    All(Vec<Expr>),
    /// One of these at least; false when there are none.
    Any(Vec<Expr>),
}

/// What is known of a term.
type Decide<'a> = &'a dyn Fn(&Term) -> Option<bool>;

/// How many operators may be nested: more than any text can nest. Without a limit, a deep expression would overflow the
/// stack, and be it when it is dropped.
const MAX_DEPTH: usize = 256;

const TOO_DEEP: Expr = Expr::Term(Term::TooDeep);

impl Expr {
    pub(crate) const TRUE: Self = Self::All(Vec::new());
    pub(crate) const FALSE: Self = Self::Any(Vec::new());

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::All(parts) if parts.is_empty())
    }

    pub(crate) fn is_false(&self) -> bool {
        matches!(self, Self::Any(parts) if parts.is_empty())
    }

    pub(crate) fn and(self, other: Self) -> Self {
        if self.is_false() || other.is_true() {
            return self;
        }
        if other.is_false() || self.is_true() {
            return other;
        }
        // The parts of a list were checked when they became that.
        if [&self, &other].into_iter().any(|one| !matches!(one, Self::All(_)) && one.is_deep()) {
            return TOO_DEEP;
        }
        let mut parts = self.into_conjuncts();
        parts.extend(other.into_conjuncts());
        Self::All(parts)
    }

    pub(crate) fn or(self, other: Self) -> Self {
        if self.is_true() || other.is_false() {
            return self;
        }
        if other.is_true() || self.is_false() {
            return other;
        }
        if [&self, &other].into_iter().any(|one| !matches!(one, Self::Any(_)) && one.is_deep()) {
            return TOO_DEEP;
        }
        let into_parts = |expr| match expr {
            Self::Any(parts) => parts,
            one => vec![one],
        };
        let mut parts = into_parts(self);
        parts.extend(into_parts(other));
        Self::Any(parts)
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            Self::All(parts) if parts.is_empty() => Self::FALSE,
            Self::Any(parts) if parts.is_empty() => Self::TRUE,
            other if other.is_deep() => TOO_DEEP,
            other => Self::Not(Box::new(other)),
        }
    }

    fn is_deep(&self) -> bool {
        self.depth() >= MAX_DEPTH
    }

    fn depth(&self) -> usize {
        match self {
            Self::Term(_) => 0,
            Self::Not(inner) => 1 + inner.depth(),
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::depth).max().unwrap_or(0),
        }
    }

    fn into_conjuncts(self) -> Vec<Self> {
        match self {
            Self::All(parts) => parts,
            one => vec![one],
        }
    }

    /// What must all be true.
    #[allow(dead_code, reason = "for kernels that can be asked")]
    pub(crate) fn conjuncts(&self) -> &[Self] {
        match self {
            Self::All(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }

    /// Whether it is true, false or undecided, where that is known of its terms. What comes out holds
    /// whatever the unknown terms are.
    pub(crate) fn decide(&self, term: Decide<'_>) -> Option<bool> {
        match self {
            Self::Term(it) => term(it),
            Self::Not(inner) => inner.decide(term).map(|known| !known),
            Self::All(parts) => Self::unless(parts, false, term),
            Self::Any(parts) => Self::unless(parts, true, term),
        }
    }

    /// `decisive` if one of the parts is, its opposite if all are that, or else unknown.
    fn unless(parts: &[Self], decisive: bool, term: Decide<'_>) -> Option<bool> {
        let mut answer = Some(!decisive);
        for part in parts {
            match part.decide(term) {
                Some(known) if known == decisive => return Some(decisive),
                Some(_) => {}
                None => answer = None,
            }
        }
        answer
    }

    /// The same with what is known of its terms put in their place.
    #[allow(dead_code, reason = "for kernels that can be asked")]
    pub(crate) fn given(&self, term: Decide<'_>) -> Self {
        match self {
            Self::Term(it) => match term(it) {
                Some(true) => Self::TRUE,
                Some(false) => Self::FALSE,
                None => self.clone(),
            },
            Self::Not(inner) => inner.given(term).not(),
            Self::All(parts) => {
                let mut all = Self::TRUE;
                for part in parts {
                    all = all.and(part.given(term));
                }
                all
            }
            Self::Any(parts) => {
                let mut any = Self::FALSE;
                for part in parts {
                    any = any.or(part.given(term));
                }
                any
            }
        }
    }

    /// Whether one of its terms is such, wherever it stands.
    pub(crate) fn has(&self, is_such: &dyn Fn(&Term) -> bool) -> bool {
        self.find(is_such).is_some()
    }

    /// The first such term.
    pub(crate) fn find(&self, is_such: &dyn Fn(&Term) -> bool) -> Option<&Term> {
        match self {
            Self::Term(it) => is_such(it).then_some(it),
            Self::Not(inner) => inner.find(is_such),
            Self::All(parts) | Self::Any(parts) => parts.iter().find_map(|part| part.find(is_such)),
        }
    }

    /// Each term, with whether it stands under an even number of negations.
    pub(crate) fn each<'e>(&'e self, positive: bool, see: &mut dyn FnMut(&'e Term, bool)) {
        match self {
            Self::Term(it) => see(it, positive),
            Self::Not(inner) => inner.each(!positive, see),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each(positive, see)),
        }
    }
}
