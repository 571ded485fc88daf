//! Study Root Query/Retrieve: levels and keys (PS3.4 annex C).

use dataset::Tag;

/// One key of a query: attribute and value as text; an empty value asks for the attribute.
pub type Key<'a> = (Tag, &'a str);

/// Query/Retrieve Level (0008,0052) of the Study Root model (PS3.4 section C.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// STUDY.
    Study,
    /// SERIES.
    Series,
    /// IMAGE.
    Image,
}

impl Level {
    /// The value as DICOM writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Study => "STUDY",
            Self::Series => "SERIES",
            Self::Image => "IMAGE",
        }
    }
}
