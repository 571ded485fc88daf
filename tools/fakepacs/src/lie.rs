//! One lie of a retrieval: what it is, and of which study or instance.

use std::str::FromStr;

use crate::object::Instance;

/// What is wrong with a retrieval, or with what is read just before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A C-FIND at SERIES level is refused with A700.
    NoSeries,
    /// No presentation context for C-GET.
    NoGet,
    /// No presentation context for C-MOVE.
    NoMove,
    /// Associations are rejected for now: local limit exceeded.
    RejectTransient,
    /// Associations are rejected for good: calling AE title not recognised.
    RejectPermanent,
    /// A connection is taken, and A-ASSOCIATE-RQ never answered.
    HangAssociation,
    /// A C-GET or C-MOVE is never answered.
    HangRequest,
    /// Nothing more comes in the middle of an object.
    HangInObject,
    /// All objects come, and no final response.
    HangAtEnd,
    /// Success, and nothing is sent.
    SendNothing,
    /// Success, and so many are left out.
    SendFewer(u64),
    /// All is sent; the final response says Success and that so many failed.
    FalseCounts(u64),
    /// A702 after so many sub-operations.
    OutOfResources(u64),
    /// The sub-operation fails, and is named in the final response.
    Fail,
    /// A-ABORT after so many objects.
    Abort(u64),
    /// A-ABORT in the middle of an object.
    AbortInObject,
    /// The dataset names another SOP Instance than the C-STORE.
    WrongInstance,
    /// Objects come under other SOP Instance UIDs than they were listed by, others each time.
    Renamed,
    /// The dataset names another SOP class than the C-STORE.
    WrongClass,
    /// The dataset names another study than the one that was asked for.
    WrongStudy,
    /// The dataset is in another transfer syntax than its presentation context.
    WrongSyntax(&'static str),
    /// An object is sent twice.
    Twice,
    /// An object is sent twice, with other pixels.
    TwiceDifferent,
    /// The end of the dataset is missing.
    Truncated,
    /// Other pixels each time.
    RandomPixels,
    /// So many instances came in after the study was listed.
    Grow(u64),
    /// So many instances were deleted after the study was listed.
    Shrink(u64),
    /// The dataset names another patient than the listing.
    Reidentified,
    /// C-STOREs of a C-MOVE do not say whose.
    NoOriginator,
    /// A C-MOVE sends so many instances of other studies too.
    SendMore(u64),
    /// A C-MOVE is answered with Success, and the objects come so many milliseconds later.
    Late(u64),
}

/// How a kind is made of its name.
enum Made {
    Plain(Kind),
    WithNumber(fn(u64) -> Kind),
    WithSyntax(fn(&'static str) -> Kind),
}

const KINDS: [(&str, Made); 31] = [
    ("no-series", Made::Plain(Kind::NoSeries)),
    ("no-get", Made::Plain(Kind::NoGet)),
    ("no-move", Made::Plain(Kind::NoMove)),
    ("reject-transient", Made::Plain(Kind::RejectTransient)),
    ("reject-permanent", Made::Plain(Kind::RejectPermanent)),
    ("hang-association", Made::Plain(Kind::HangAssociation)),
    ("hang-request", Made::Plain(Kind::HangRequest)),
    ("hang-in-object", Made::Plain(Kind::HangInObject)),
    ("hang-at-end", Made::Plain(Kind::HangAtEnd)),
    ("send-nothing", Made::Plain(Kind::SendNothing)),
    ("send-fewer", Made::WithNumber(Kind::SendFewer)),
    ("false-counts", Made::WithNumber(Kind::FalseCounts)),
    ("out-of-resources", Made::WithNumber(Kind::OutOfResources)),
    ("fail", Made::Plain(Kind::Fail)),
    ("abort", Made::WithNumber(Kind::Abort)),
    ("abort-in-object", Made::Plain(Kind::AbortInObject)),
    ("wrong-instance", Made::Plain(Kind::WrongInstance)),
    ("renamed", Made::Plain(Kind::Renamed)),
    ("wrong-class", Made::Plain(Kind::WrongClass)),
    ("wrong-study", Made::Plain(Kind::WrongStudy)),
    ("wrong-syntax", Made::WithSyntax(Kind::WrongSyntax)),
    ("twice", Made::Plain(Kind::Twice)),
    ("twice-different", Made::Plain(Kind::TwiceDifferent)),
    ("truncated", Made::Plain(Kind::Truncated)),
    ("random-pixels", Made::Plain(Kind::RandomPixels)),
    ("grow", Made::WithNumber(Kind::Grow)),
    ("shrink", Made::WithNumber(Kind::Shrink)),
    ("reidentified", Made::Plain(Kind::Reidentified)),
    ("no-originator", Made::Plain(Kind::NoOriginator)),
    ("send-more", Made::WithNumber(Kind::SendMore)),
    ("late", Made::WithNumber(Kind::Late)),
];

/// The names of all kinds, with what else is to be given.
pub(crate) fn kinds() -> String {
    let named = KINDS.iter().map(|(name, made)| match made {
        Made::Plain(_) => (*name).to_owned(),
        Made::WithNumber(_) => format!("{name}=NUMBER"),
        Made::WithSyntax(_) => format!("{name}=UID"),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// A lie, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lie {
    /// What is wrong.
    pub kind: Kind,
    /// UID of the study, series or instance that alone it is about.
    pub only: Option<String>,
}

impl From<Kind> for Lie {
    fn from(kind: Kind) -> Self {
        Self { kind, only: None }
    }
}

impl Lie {
    /// A lie about this study, series or instance.
    pub fn about(kind: Kind, uid: impl Into<String>) -> Self {
        Self { kind, only: Some(uid.into()) }
    }

    pub(crate) fn is_about(&self, instance: &Instance<'_>) -> bool {
        self.only.as_ref().is_none_or(|uid| {
            *uid == instance.study.uid || *uid == instance.series.uid || *uid == instance.uid()
        })
    }
}

/// As it is written: `KIND`, `KIND=NUMBER`, and `@UID` behind either.
impl FromStr for Lie {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, only) = match text.split_once('@') {
            Some((kind, uid)) => (kind, Some(uid.to_owned())),
            None => (text, None),
        };
        let (name, value) = kind.split_once('=').unwrap_or((kind, ""));
        let number = || {
            let parsed = if value.is_empty() { Ok(1) } else { value.parse() };
            parsed.map_err(|error| format!("{text}: {error}"))
        };
        let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) else {
            return Err(format!("{name} is no lie that is known here; known are {}", kinds()));
        };
        let kind = match kind {
            Made::Plain(kind) => *kind,
            Made::WithNumber(kind) => kind(number()?),
            Made::WithSyntax(kind) => kind(syntax(value)?),
        };
        Ok(Self { kind, only })
    }
}

fn syntax(uid: &str) -> Result<&'static str, String> {
    let known = dataset::TRANSFER_SYNTAXES.iter().find(|known| **known == uid);
    known.copied().ok_or_else(|| format!("{uid} is no transfer syntax"))
}
