//! What the comments before one say about it: copies of it, and how fast its
//! author writes.

/// What is remembered of the comments before one, as far as it bears on it.
/// `None` is unknown; `Default` is a comment of which nothing was looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// Copies of the comment; unknown where nothing is remembered.
    pub repeats: Option<Repeats>,
    /// What its author sent before; unknown when nobody says who wrote it.
    pub author: Option<Rate>,
    /// What came from its address before; unknown when nobody says where it
    /// came from.
    pub address: Option<Rate>,
}

/// Earlier comments of the site, in the last day, that say the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeats {
    /// Those with the same text.
    pub exact: u32,
    /// Those with the same or nearly the same text.
    pub near: u32,
    /// Of those, the ones by the same author.
    pub by_author: u32,
    /// Of those, the ones from the same network.
    pub by_network: u32,
    /// How many other people sent the same or nearly the same, at most 8.
    pub authors: u32,
    /// How many other people wrote the same link, telephone number, e-mail
    /// address or handle, at most 8; of several, the one most wrote.
    pub contact_authors: u32,
    /// How many other people wrote the same name in the same thread, at most
    /// 8; of several, the one most wrote.
    pub name_authors: u32,
}

/// How many comments somebody sent in the time before one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// In a minute.
    pub minute: u32,
    /// In an hour.
    pub hour: u32,
    /// In a day.
    pub day: u32,
    /// Whether an earlier comment is remembered at all, other than this one.
    pub is_known: bool,
}

impl Past {
    /// What two memories say together: of each count the larger, since what
    /// either has seen was there.
    #[must_use]
    pub fn or_more(self, other: Past) -> Past {
        Past {
            repeats: both(self.repeats, other.repeats, Repeats::or_more),
            author: both(self.author, other.author, Rate::or_more),
            address: both(self.address, other.address, Rate::or_more),
        }
    }
}

/// What is known of two, together where both are.
fn both<T: Copy>(one: Option<T>, other: Option<T>, together: impl FnOnce(T, T) -> T) -> Option<T> {
    one.zip(other).map(|(one, other)| together(one, other)).or(one).or(other)
}

impl Repeats {
    fn or_more(self, other: Repeats) -> Repeats {
        Repeats {
            exact: self.exact.max(other.exact),
            near: self.near.max(other.near),
            by_author: self.by_author.max(other.by_author),
            by_network: self.by_network.max(other.by_network),
            authors: self.authors.max(other.authors),
            contact_authors: self.contact_authors.max(other.contact_authors),
            name_authors: self.name_authors.max(other.name_authors),
        }
    }
}

impl Rate {
    fn or_more(self, other: Rate) -> Rate {
        Rate {
            minute: self.minute.max(other.minute),
            hour: self.hour.max(other.hour),
            day: self.day.max(other.day),
            is_known: self.is_known || other.is_known,
        }
    }
}
