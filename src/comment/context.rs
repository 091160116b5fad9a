//! What the host platform knows about a comment beside its text: when, by
//! whom, from where, and under what.

use std::fmt;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest id of an author or a thread, and the longest name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// The longest web address, in bytes.
const MAX_URL_BYTES: usize = 2_048;
/// The longest domain, in bytes, as names are written (RFC 1035, section 2.3.4).
const MAX_DOMAIN_BYTES: usize = 253;
/// The longest `User-Agent` header, in bytes.
const MAX_USER_AGENT_BYTES: usize = 1_024;
/// The largest count: what the API's `int32` can say.
const MAX_COUNT: i64 = i32::MAX as i64;

const SECONDS_PER_HOUR: f64 = 3_600.0;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// A moment, in whole seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(i64);

impl Time {
    /// The moment, if it lies in the years 1 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Option<Time> {
        (-62_135_596_800..=253_402_300_799).contains(&seconds).then_some(Time(seconds))
    }

    /// The moment that a clock shows, if it lies in the years 1970 to 9999.
    pub fn of_clock(clock: SystemTime) -> Option<Time> {
        let since = clock.duration_since(UNIX_EPOCH).ok()?;
        Time::from_unix_seconds(i64::try_from(since.as_secs()).ok()?)
    }

    /// The whole seconds since 1970-01-01T00:00:00Z.
    pub fn unix_seconds(self) -> i64 {
        self.0
    }

    /// The seconds from `earlier` to this; nothing before it counts as zero,
    /// since clocks of two machines differ.
    fn seconds_since(self, earlier: Time) -> f64 {
        (self.0 - earlier.0).max(0) as f64
    }
}

/// What an author is to the host platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// One of the public.
    #[default]
    Reader,
    /// Somebody who speaks for the host platform.
    Staff,
}

/// What is known about an author. Empty and `None` are unknown.
#[derive(Clone, Copy, Default)]
pub struct Author<'a> {
    /// Names the author on the host platform.
    pub author_id: &'a str,
    /// The name that readers see.
    pub display_name: &'a str,
    /// The web address that the author gave as theirs.
    pub url: &'a str,
    /// What stands after the @ of the author's e-mail address.
    pub email_domain: &'a str,
    /// When the author joined.
    pub account_create_time: Option<Time>,
    /// How many of their comments were approved.
    pub approved_count: Option<i64>,
    /// How many of their comments were rejected.
    pub rejected_count: Option<i64>,
    /// What they are to the host platform.
    pub role: Role,
}

/// Where a comment was sent from. Empty is unknown.
#[derive(Clone, Copy, Default)]
pub struct Client<'a> {
    /// The IP address, version 4 or 6.
    pub ip: &'a str,
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// The page that the comment was sent from.
    pub referrer: &'a str,
}

/// What is known about a thread beside its texts. Empty and `None` are unknown.
#[derive(Clone, Copy, Default)]
pub struct ThreadFacts<'a> {
    /// Names the thread on the host platform.
    pub thread_id: &'a str,
    /// When it was opened.
    pub create_time: Option<Time>,
    /// How many comments stand under it.
    pub published_count: Option<i64>,
}

/// What a caller says about a comment, unchecked. See [`check`](Self::check).
#[derive(Clone, Copy, Default)]
pub struct Claims<'a> {
    /// When it was posted.
    pub create_time: Option<Time>,
    /// Whether it is a later version of a comment posted before.
    pub edited: bool,
    /// The text of the version that was approved before.
    pub approved_text: &'a str,
    /// Who wrote it.
    pub author: Author<'a>,
    /// Where it was sent from.
    pub client: Client<'a>,
    /// What it was posted under.
    pub thread: ThreadFacts<'a>,
}

/// Something wrong with one field of the [`Claims`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The field: `author.url`, `thread.published_count`.
    pub field: &'static str,
    /// What is wrong and the limit, never the value.
    pub what: String,
}

impl<'a> Claims<'a> {
    /// Checks lengths, counts, the domain and the address.
    ///
    /// # Errors
    /// Everything that is wrong, at least one.
    pub fn check(self) -> Result<Context<'a>, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let Claims { author, client, thread, .. } = self;
        for (field, value, limit) in [
            ("author.author_id", author.author_id, MAX_NAME_BYTES),
            ("author.display_name", author.display_name, MAX_NAME_BYTES),
            ("author.url", author.url, MAX_URL_BYTES),
            ("author.email_domain", author.email_domain, MAX_DOMAIN_BYTES),
            ("client.user_agent", client.user_agent, MAX_USER_AGENT_BYTES),
            ("client.referrer", client.referrer, MAX_URL_BYTES),
            ("thread.thread_id", thread.thread_id, MAX_NAME_BYTES),
        ] {
            if value.len() > limit {
                wrong.push(Wrong {
                    field,
                    what: format!("is {} bytes, over the limit of {limit}", value.len()),
                });
            }
        }
        if author.email_domain.contains(|c: char| c == '@' || c.is_whitespace()) {
            let what = "must be a domain, without the @ and what stands before it".to_owned();
            wrong.push(Wrong { field: "author.email_domain", what });
        }
        for (field, count) in [
            ("author.approved_count", author.approved_count),
            ("author.rejected_count", author.rejected_count),
            ("thread.published_count", thread.published_count),
        ] {
            if count.is_some_and(|count| !(0..=MAX_COUNT).contains(&count)) {
                wrong.push(Wrong { field, what: format!("must be in 0..={MAX_COUNT}") });
            }
        }
        let address = client.ip.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        if address.is_none() && !client.ip.is_empty() {
            let what = "must be an IP address of version 4 or 6, without a port".to_owned();
            wrong.push(Wrong { field: "client.ip", what });
        }
        if wrong.is_empty() { Ok(Context { claims: self, address }) } else { Err(wrong) }
    }
}

/// What is known about a comment beside its text, checked.
///
/// `Debug` leaves everything out, so that no log line can carry who wrote it.
#[derive(Clone, Copy, Default)]
pub struct Context<'a> {
    claims: Claims<'a>,
    address: Option<IpAddr>,
}

impl<'a> Context<'a> {
    /// The same, posted at `now` if nobody said when.
    pub fn at(self, now: Option<Time>) -> Self {
        let create_time = self.claims.create_time.or(now);
        Self { claims: Claims { create_time, ..self.claims }, ..self }
    }

    /// Who wrote the comment.
    pub fn author(&self) -> &Author<'a> {
        &self.claims.author
    }

    /// Where it was sent from.
    pub fn client(&self) -> &Client<'a> {
        &self.claims.client
    }

    /// The IP address it was sent from. One of version 4 in the clothes of
    /// version 6 is one of version 4.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// What it was posted under.
    pub fn thread(&self) -> &ThreadFacts<'a> {
        &self.claims.thread
    }

    /// When it was posted.
    pub fn create_time(&self) -> Option<Time> {
        self.claims.create_time
    }

    /// Whether it is a later version of a comment posted before.
    pub fn edited(&self) -> bool {
        self.claims.edited
    }

    /// The text of the version that was approved before; empty for none.
    pub fn approved_text(&self) -> &'a str {
        self.claims.approved_text
    }

    /// How long the author had been with the platform when the comment was
    /// posted, in days.
    pub fn author_age_days(&self) -> Option<f64> {
        let seconds = self.create_time()?.seconds_since(self.claims.author.account_create_time?);
        Some(seconds / SECONDS_PER_DAY)
    }

    /// How long the thread had been open when the comment was posted, in hours.
    pub fn thread_age_hours(&self) -> Option<f64> {
        let seconds = self.create_time()?.seconds_since(self.claims.thread.create_time?);
        Some(seconds / SECONDS_PER_HOUR)
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_wrong_is_told_and_no_value_is_quoted() {
        let long = "canary".repeat(1_000);
        let claims = Claims {
            author: Author {
                author_id: &long,
                url: &long,
                email_domain: "canary@example.com",
                approved_count: Some(-1),
                ..Author::default()
            },
            client: Client { ip: "canary", ..Client::default() },
            thread: ThreadFacts { published_count: Some(1 << 31), ..ThreadFacts::default() },
            ..Claims::default()
        };
        let wrong = claims.check().unwrap_err();
        let fields: Vec<_> = wrong.iter().map(|w| w.field).collect();
        assert_eq!(
            fields,
            [
                "author.author_id",
                "author.url",
                "author.email_domain",
                "author.approved_count",
                "thread.published_count",
                "client.ip"
            ]
        );
        assert!(wrong.iter().all(|w| !w.what.contains("canary")));
        assert_eq!(wrong[0].what, "is 6000 bytes, over the limit of 256");
    }

    #[test]
    fn ages_are_counted_up_to_the_comment() {
        let time = |seconds| Time::from_unix_seconds(seconds);
        let mut claims = Claims::default();
        claims.author.account_create_time = time(1_000);
        claims.thread.create_time = time(1_000 + 86_400);
        let context = claims.check().unwrap();
        assert_eq!((context.author_age_days(), context.thread_age_hours()), (None, None));
        let context = context.at(time(1_000 + 2 * 86_400));
        assert_eq!((context.author_age_days(), context.thread_age_hours()), (Some(2.0), Some(24.0)));
        // What was said stands, and nobody is younger than nothing.
        let context = context.at(time(5));
        assert_eq!(context.author_age_days(), Some(2.0));
        let early = Claims { create_time: time(0), ..claims }.check().unwrap();
        assert_eq!(early.author_age_days(), Some(0.0));
        assert_eq!(Time::from_unix_seconds(i64::MAX), None);
    }

    #[test]
    fn addresses_of_either_version_are_read() {
        let address = |ip| Claims { client: Client { ip, ..Client::default() }, ..Claims::default() }.check();
        assert_eq!(address("192.0.2.7").unwrap().address(), "192.0.2.7".parse().ok());
        assert_eq!(address("::ffff:192.0.2.7").unwrap().address(), "192.0.2.7".parse().ok());
        assert_eq!(address("2001:db8::1").unwrap().address(), "2001:db8::1".parse().ok());
        assert_eq!(address("").unwrap().address(), None);
        assert!(address("192.0.2.7:80").is_err());
    }
}
