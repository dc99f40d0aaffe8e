//! Why an event was not taken in: a closed list, since each reason is a metric label and a subject.

use std::fmt;

/// An event that was refused: the reason for the counters, the detail for whoever mends the producer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Reject {
    /// The class of fault.
    pub reason: RejectReason,
    /// What exactly was wrong, at most about 200 characters.
    pub detail: String,
}

/// The classes of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RejectReason {
    /// The payload is over the size limit.
    TooLarge,
    /// The payload is not UTF-8.
    NotUtf8,
    /// The payload is not one JSON object.
    NotJson,
    /// Objects or lists are nested too deeply.
    TooDeep,
    /// A required field is missing or empty.
    MissingField,
    /// A field has the wrong type or a value outside its range.
    WrongType,
    /// The time cannot be read or is out of range.
    BadTimestamp,
    /// The type is none of the contract's.
    UnknownType,
    /// A text is longer than its limit.
    TooLong,
    /// An identifier holds control characters or text-direction overrides.
    BadIdentifier,
    /// Body and subject name different tenants or bots.
    Spoofed,
    /// The event's time runs ahead of the stream and nothing followed it there.
    Future,
    /// No more bots can be watched.
    BotLimit,
}

impl RejectReason {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 13] = [
        Self::TooLarge,
        Self::NotUtf8,
        Self::NotJson,
        Self::TooDeep,
        Self::MissingField,
        Self::WrongType,
        Self::BadTimestamp,
        Self::UnknownType,
        Self::TooLong,
        Self::BadIdentifier,
        Self::Spoofed,
        Self::Future,
        Self::BotLimit,
    ];

    /// The reason as a metric label and as the last token of the dead-letter subject.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::BadTimestamp => "bad_timestamp",
            Self::UnknownType => "unknown_type",
            Self::TooLong => "too_long",
            Self::BadIdentifier => "bad_identifier",
            Self::Spoofed => "spoofed",
            Self::Future => "future",
            Self::BotLimit => "bot_limit",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Reject {
    /// A refusal with its detail, cut to a length that fits a log line and a header.
    #[must_use]
    pub fn new(reason: RejectReason, detail: impl fmt::Display) -> Self {
        let detail: String = detail.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
        Self { reason, detail }
    }
}
