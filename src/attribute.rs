//! What a comment is scored for.

use std::fmt;
use std::ops::{Index, IndexMut};

/// One of the nine things a comment is scored for.
///
/// The names are those of Google's Perspective API where it has the attribute,
/// so that thresholds carry over by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Attribute {
    /// Unwanted promotion: adverts, scams, phishing, floods.
    Spam,
    /// Rude, disrespectful, or likely to make people leave a discussion.
    Toxicity,
    /// Hateful or aggressive far beyond rudeness.
    SevereToxicity,
    /// Inflammatory or demeaning towards a person or a group.
    Insult,
    /// Swear words and other obscene language.
    Profanity,
    /// An intention to inflict pain, injury or violence.
    Threat,
    /// Hate aimed at people because of who they are.
    IdentityAttack,
    /// References to sexual acts or body parts (experimental: few labels).
    SexuallyExplicit,
    /// Does not belong under the thread it was posted to.
    OffTopic,
}

impl Attribute {
    /// How many attributes there are.
    pub const COUNT: usize = 9;

    /// Every attribute, in the order used everywhere: tables, files, answers.
    pub const ALL: [Attribute; Self::COUNT] = [
        Attribute::Spam,
        Attribute::Toxicity,
        Attribute::SevereToxicity,
        Attribute::Insult,
        Attribute::Profanity,
        Attribute::Threat,
        Attribute::IdentityAttack,
        Attribute::SexuallyExplicit,
        Attribute::OffTopic,
    ];

    /// How many attributes are judged by the comment's own text.
    pub const TEXT_COUNT: usize = 8;

    /// The attributes judged by the comment's own text; `OFF_TOPIC` is judged
    /// against the thread instead.
    pub const TEXT: [Attribute; Self::TEXT_COUNT] = {
        let mut text = [Attribute::Spam; Self::TEXT_COUNT];
        let mut i = 0;
        while i < Self::TEXT_COUNT {
            text[i] = Self::ALL[i];
            i += 1;
        }
        text
    };

    /// The name in the API, in policies and in output: `SEVERE_TOXICITY`.
    pub const fn name(self) -> &'static str {
        match self {
            Attribute::Spam => "SPAM",
            Attribute::Toxicity => "TOXICITY",
            Attribute::SevereToxicity => "SEVERE_TOXICITY",
            Attribute::Insult => "INSULT",
            Attribute::Profanity => "PROFANITY",
            Attribute::Threat => "THREAT",
            Attribute::IdentityAttack => "IDENTITY_ATTACK",
            Attribute::SexuallyExplicit => "SEXUALLY_EXPLICIT",
            Attribute::OffTopic => "OFF_TOPIC",
        }
    }

    /// The key of the label in training data: `severe_toxicity`.
    pub const fn label(self) -> &'static str {
        match self {
            Attribute::Spam => "spam",
            Attribute::Toxicity => "toxicity",
            Attribute::SevereToxicity => "severe_toxicity",
            Attribute::Insult => "insult",
            Attribute::Profanity => "profanity",
            Attribute::Threat => "threat",
            Attribute::IdentityAttack => "identity_attack",
            Attribute::SexuallyExplicit => "sexually_explicit",
            Attribute::OffTopic => "off_topic",
        }
    }

    /// The attribute of that [`name`](Self::name), spelled exactly.
    pub fn from_name(name: &str) -> Option<Attribute> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// The position in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One value for each attribute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerAttribute<T>([T; Attribute::COUNT]);

impl<T> PerAttribute<T> {
    /// Computes the value of each attribute.
    pub fn from_fn(mut f: impl FnMut(Attribute) -> T) -> Self {
        Self(Attribute::ALL.map(&mut f))
    }

    /// The attributes with their values, in the order of [`Attribute::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Attribute, &T)> {
        Attribute::ALL.into_iter().zip(self.0.iter())
    }
}

impl<T> Index<Attribute> for PerAttribute<T> {
    type Output = T;

    fn index(&self, attribute: Attribute) -> &T {
        &self.0[attribute.index()]
    }
}

impl<T> IndexMut<Attribute> for PerAttribute<T> {
    fn index_mut(&mut self, attribute: Attribute) -> &mut T {
        &mut self.0[attribute.index()]
    }
}

/// A set of attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeSet(u16);

impl AttributeSet {
    /// Every attribute.
    pub const ALL: AttributeSet = AttributeSet((1 << Attribute::COUNT) - 1);
    /// No attribute.
    pub const EMPTY: AttributeSet = AttributeSet(0);

    /// Whether the attribute is in the set.
    pub const fn contains(self, attribute: Attribute) -> bool {
        self.0 & (1 << attribute as u16) != 0
    }
}

impl FromIterator<Attribute> for AttributeSet {
    fn from_iter<I: IntoIterator<Item = Attribute>>(attributes: I) -> Self {
        Self(attributes.into_iter().fold(0, |set, a| set | 1 << a as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_attribute() {
        for (i, a) in Attribute::ALL.into_iter().enumerate() {
            assert_eq!(a.index(), i);
            assert_eq!(Attribute::from_name(a.name()), Some(a));
            assert_eq!(a.label(), a.name().to_lowercase());
        }
        assert_eq!(Attribute::from_name("spam"), None);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: AttributeSet = [Attribute::Spam, Attribute::OffTopic].into_iter().collect();
        for a in Attribute::ALL {
            assert_eq!(set.contains(a), a == Attribute::Spam || a == Attribute::OffTopic);
            assert!(AttributeSet::ALL.contains(a));
            assert!(!AttributeSet::EMPTY.contains(a));
        }
    }
}
