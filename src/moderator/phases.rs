//! The phases of judging a comment, for whoever wants to know how long each
//! takes. The core has no clock; it says when a phase is over.

/// A stretch of the way from a request to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// From the message to the domain's types.
    Parse,
    /// Reading the thread, where it is not that of the comment before.
    Thread,
    /// From the text to a document.
    Analyse,
    /// From the document to its features.
    Vectorise,
    /// From the features to scores.
    Score,
    /// From scores and signals to a verdict, with its spans if asked for.
    Policy,
    /// From the assessment to the message.
    Respond,
}

impl Phase {
    /// How many there are.
    pub const COUNT: usize = 7;

    /// All phases, in their order.
    pub const ALL: [Phase; Self::COUNT] = [
        Phase::Parse,
        Phase::Thread,
        Phase::Analyse,
        Phase::Vectorise,
        Phase::Score,
        Phase::Policy,
        Phase::Respond,
    ];

    /// The name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Parse => "parse",
            Phase::Thread => "thread",
            Phase::Analyse => "analyse",
            Phase::Vectorise => "vectorise",
            Phase::Score => "score",
            Phase::Policy => "policy",
            Phase::Respond => "respond",
        }
    }
}

/// Is told when phases are over.
pub trait Laps {
    /// The phase is over, and the next begins.
    fn lap(&mut self, phase: Phase);
}

/// Nobody wants to know; costs nothing.
impl Laps for () {
    #[inline]
    fn lap(&mut self, _: Phase) {}
}
