//! What interrupts reading.

use crate::runtime::nats::streams::StreamError;

/// What interrupts reading.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The stream cannot be used.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The consumer cannot be made or asked.
    #[error("consumer `{durable}`: {detail}")]
    Consumer {
        /// The consumer.
        durable: String,
        /// What happened.
        detail: String,
    },
    /// The flow of messages broke.
    #[error("reading was interrupted: {0}")]
    Interrupted(String),
    /// Messages were lost between server and client.
    #[error("delivery {got} came after {last}: lost on the way, or another process reads through the same consumer")]
    Gap {
        /// The last number.
        last: u64,
        /// The number after it.
        got: u64,
    },
    /// The stream is not the one we read before.
    #[error("stream regressed: sequence {got} came after {last}")]
    Regressed {
        /// The last sequence applied.
        last: u64,
        /// What the stream says now.
        got: u64,
    },
}

impl SourceError {
    /// The class of fault.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Stream(error) => error.reason(),
            Self::Consumer { .. } => "consumer",
            Self::Interrupted(_) => "interrupted",
            Self::Gap { .. } => "gap",
            Self::Regressed { .. } => "regressed",
        }
    }

    /// Whether trying again can help without anybody doing anything.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Stream(error) => error.retry(),
            _ => true,
        }
    }
}
