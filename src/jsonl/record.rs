//! The two kinds of records: comments and the threads that they answer.

use super::fault::shown;
use crate::comment::{Author, Claims, Client, Format, Role, ThreadFacts, Time};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, de};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// One line of a comment file. Fields it does not name are ignored.
///
/// `Debug` shows the id alone, so that no log line can carry a text or an
/// author.
#[derive(Clone, Deserialize)]
pub struct CommentRecord {
    /// Names the comment; unique in its file.
    pub id: String,
    /// The id of the thread the comment was posted to.
    #[serde(default)]
    pub thread_id: Option<String>,
    /// The id of the comment that this one answers.
    #[serde(default)]
    pub parent_id: Option<String>,
    /// Who wrote it, as the source names people.
    #[serde(default)]
    pub author: Option<String>,
    /// What the author wrote.
    pub text: String,
    /// The language (BCP 47).
    #[serde(default)]
    pub lang: Option<String>,
    /// When it was posted, as the source says it.
    #[serde(default)]
    pub created_at: Option<String>,
    /// What moderators or annotators said, each in `0.0..=1.0`. A label that
    /// is missing is unknown, never 0.
    #[serde(default, deserialize_with = "labels")]
    pub labels: BTreeMap<String, f64>,
    /// Where the comment is from.
    #[serde(default)]
    pub source: Option<String>,
    /// How the text is written; plain when nothing is said.
    #[serde(default, deserialize_with = "format")]
    pub format: Option<Format>,
    /// Whether this is a later version of a comment that was posted before.
    #[serde(default)]
    pub edited: Option<bool>,
    /// The text of the version that was approved before.
    #[serde(default)]
    pub approved_text: Option<String>,
    /// What the source knows about the author.
    #[serde(default, deserialize_with = "object")]
    pub author_details: Option<AuthorRecord>,
    /// Where the comment was sent from.
    #[serde(default, deserialize_with = "object")]
    pub client: Option<ClientRecord>,
    /// What the source says beyond this form.
    #[serde(default)]
    pub raw: Option<serde_json::Value>,
}

impl fmt::Debug for CommentRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommentRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

impl CommentRecord {
    /// Whether there is a `created_at` that is no time, which past comments may
    /// have: it is as their source says it.
    pub fn has_odd_time(&self) -> bool {
        is_odd(self.created_at.as_deref())
    }

    /// What the record says beside the text; which thread it is of too, where
    /// nothing more is known of that. A `created_at` that is no time is unknown;
    /// see [`has_odd_time`](Self::has_odd_time).
    pub fn claims<'a>(&'a self, thread: ThreadFacts<'a>) -> Claims<'a> {
        let known = |text: &'a Option<String>| text.as_deref().unwrap_or_default();
        let mut author = Author { author_id: known(&self.author), ..Author::default() };
        if let Some(details) = &self.author_details {
            author = Author {
                display_name: known(&details.display_name),
                url: known(&details.url),
                email_domain: known(&details.email_domain),
                account_create_time: details.account_created_at,
                approved_count: details.approved_count,
                rejected_count: details.rejected_count,
                role: details.role.unwrap_or_default(),
                ..author
            };
        }
        let client = self.client.as_ref().map(|client| Client {
            ip: known(&client.ip),
            user_agent: known(&client.user_agent),
            referrer: known(&client.referrer),
        });
        Claims {
            create_time: self.created_at.as_deref().and_then(time_of),
            edited: self.edited.unwrap_or_default(),
            approved_text: known(&self.approved_text),
            author,
            client: client.unwrap_or_default(),
            thread: match thread.thread_id {
                "" => ThreadFacts { thread_id: known(&self.thread_id), ..thread },
                _ => thread,
            },
        }
    }
}

/// What a comment file says about an author. `Debug` shows nothing of it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct AuthorRecord {
    /// The name that readers see.
    pub display_name: Option<String>,
    /// The web address that the author gave as theirs.
    pub url: Option<String>,
    /// What stands after the @ of the author's e-mail address.
    pub email_domain: Option<String>,
    /// When the author joined (RFC 3339).
    #[serde(deserialize_with = "time")]
    pub account_created_at: Option<Time>,
    /// How many of their comments were approved.
    pub approved_count: Option<i64>,
    /// How many of their comments were rejected.
    pub rejected_count: Option<i64>,
    /// `reader` (when nothing is said) or `staff`.
    #[serde(deserialize_with = "role")]
    pub role: Option<Role>,
}

impl fmt::Debug for AuthorRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorRecord").finish_non_exhaustive()
    }
}

/// Where a comment of a file was sent from. `Debug` shows nothing of it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct ClientRecord {
    /// The IP address, version 4 or 6.
    pub ip: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The page that the comment was sent from.
    pub referrer: Option<String>,
}

impl fmt::Debug for ClientRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRecord").finish_non_exhaustive()
    }
}

/// One line of a thread file. Fields it does not name are ignored.
///
/// `Debug` shows the id alone.
#[derive(Clone, Deserialize)]
pub struct ThreadRecord {
    /// Names the thread; unique in its file.
    pub id: String,
    /// The headline; nothing and `null` are an empty one.
    #[serde(default)]
    pub title: Option<String>,
    /// The article, the post or the question; nothing and `null` are an empty
    /// one.
    #[serde(default)]
    pub body: Option<String>,
    /// Where it stands on the web.
    #[serde(default)]
    pub url: Option<String>,
    /// Where the thread is from.
    #[serde(default)]
    pub source: Option<String>,
    /// When it was opened, as the source says it.
    #[serde(default)]
    pub created_at: Option<String>,
    /// How many comments stand under it.
    #[serde(default)]
    pub published_count: Option<i64>,
}

impl ThreadRecord {
    /// Whether there is a `created_at` that is no time.
    pub fn has_odd_time(&self) -> bool {
        is_odd(self.created_at.as_deref())
    }

    /// What the record says beside the texts. A `created_at` that is no time is
    /// unknown.
    pub fn facts(&self) -> ThreadFacts<'_> {
        ThreadFacts {
            thread_id: &self.id,
            create_time: self.created_at.as_deref().and_then(time_of),
            published_count: self.published_count,
        }
    }
}

impl fmt::Debug for ThreadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadRecord").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Reads labels and checks their range; `null` is unknown, like a missing one.
fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let labels = Option::<BTreeMap<String, Option<f64>>>::deserialize(deserializer)?.unwrap_or_default();
    let known = labels.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
    known
        .map(|(name, value)| {
            if (0.0..=1.0).contains(&value) {
                return Ok((name, value));
            }
            Err(de::Error::custom(format_args!("label `{}` is {value}, outside 0..=1", shown(&name))))
        })
        .collect()
}

/// The names of [`Format`] in files.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FormatName {
    Plain,
    Html,
    Markdown,
}

fn format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Format>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(|name| match name {
        FormatName::Plain => Format::Plain,
        FormatName::Html => Format::Html,
        FormatName::Markdown => Format::Markdown,
    }))
}

fn is_odd(time: Option<&str>) -> bool {
    time.is_some_and(|time| time_of(time).is_none())
}

/// A time as RFC 3339 writes it; without an offset UTC, a day alone is its
/// midnight.
fn time_of(text: &str) -> Option<Time> {
    let timestamp: prost_types::Timestamp = text.parse().ok()?;
    Time::from_unix_seconds(timestamp.seconds)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    /// Read as a value of its own, so that a fault has the place of the value.
    struct Value(Time);
    struct Reads;

    impl Visitor<'_> for Reads {
        type Value = Value;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a time as RFC 3339 has it")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
            let other = de::Unexpected::Other("another string");
            time_of(text).map(Value).ok_or_else(|| E::invalid_value(other, &self))
        }
    }

    impl<'de> Deserialize<'de> for Value {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
            deserializer.deserialize_str(Reads)
        }
    }

    Ok(Option::<Value>::deserialize(deserializer)?.map(|Value(time)| time))
}

/// Reads an object and nothing else: serde takes a list of values for a struct
/// as well.
fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct Object<T>(T);
    struct Reads<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Reads<T> {
        type Value = Object<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Object)
        }
    }

    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
            deserializer.deserialize_map(Reads(PhantomData))
        }
    }

    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(object)| object))
}

/// The names of [`Role`] in files.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleName {
    Reader,
    Staff,
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Role>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(|name| match name {
        RoleName::Reader => Role::Reader,
        RoleName::Staff => Role::Staff,
    }))
}
