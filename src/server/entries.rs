//! How many entries the lists of a message have, before it is decoded. An entry
//! of two bytes can decode to hundreds.

use super::Options;
use super::status::Violation;

/// What a call of that method sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// `ModerateCommentRequest`, once.
    Single,
    /// `BatchModerateCommentsRequest`, once.
    Batch,
    /// `StreamModerateCommentsRequest`, again and again.
    Streamed,
}

impl Message {
    /// By the path of the method.
    pub fn of(path: &str) -> Message {
        match path.rsplit('/').next() {
            Some("BatchModerateComments") => Message::Batch,
            Some("StreamModerateComments") => Message::Streamed,
            _ => Message::Single,
        }
    }
}

// The numbers of fields in `moderation.proto`, held by the tests below.
const BATCH_REQUESTS: u64 = 1;
const STREAMED_REQUEST: u64 = 2;
const REQUEST_THREAD: u64 = 3;
const REQUEST_ATTRIBUTES: u64 = 4;
const THREAD_RECENT_TEXTS: u64 = 4;

/// Lists that are over their limits by no more than this factor and as many
/// entries are decoded, so that the answer can name everything that is wrong.
const SLACK: usize = 2;
const SLACK_ENTRIES: usize = 64;

/// Checks the lists of a message.
///
/// # Errors
/// The first that is too long to be decoded.
pub(super) fn check(message: Message, bytes: &[u8], options: &Options) -> Result<(), Violation> {
    match message {
        Message::Single => check_request("", || with_number(bytes, None), options),
        Message::Streamed => {
            // Given more than once, a message is one of all their fields.
            let request =
                || with_number(bytes, Some(STREAMED_REQUEST)).flat_map(|f| with_number(f.bytes(), None));
            check_request("request.", request, options)
        }
        Message::Batch => {
            let requests = || with_number(bytes, Some(BATCH_REQUESTS));
            let (count, limit) = (requests().count(), options.max_batch_comments);
            if count > limit {
                return Err(over("requests".into(), count, limit));
            }
            requests().enumerate().try_for_each(|(i, request)| {
                let fields = || with_number(request.bytes(), None);
                check_request(&format!("requests[{i}]."), fields, options)
            })
        }
    }
}

fn check_request<'a, I: Iterator<Item = Field<'a>>>(
    path: &str,
    fields: impl Fn() -> I,
    options: &Options,
) -> Result<(), Violation> {
    let within = |list: &str, count: usize, limit: usize| {
        let decoded = limit.saturating_mul(SLACK).saturating_add(SLACK_ENTRIES);
        if count > decoded { Err(over(format!("{path}{list}"), count, limit)) } else { Ok(()) }
    };
    let threads = fields().filter(|field| field.number == REQUEST_THREAD);
    let texts = threads.flat_map(|thread| with_number(thread.bytes(), Some(THREAD_RECENT_TEXTS))).count();
    within("thread.recent_texts", texts, options.max_recent_texts)?;
    let attributes = fields().filter(|field| field.number == REQUEST_ATTRIBUTES);
    // Packed together, or one by one.
    let attributes = attributes.map(|list| list.value.map_or(1, <[u8]>::len)).sum();
    within("attributes", attributes, super::convert::MAX_ATTRIBUTES)
}

fn over(field: String, count: usize, limit: usize) -> Violation {
    Violation { field, description: format!("has {count} entries, over the limit of {limit}") }
}

/// A field of a message in Protocol Buffers' wire format.
struct Field<'a> {
    number: u64,
    /// Of a text, a message or a packed list.
    value: Option<&'a [u8]>,
}

impl<'a> Field<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.value.unwrap_or_default()
    }
}

/// The fields of that number, or all. Ends where no decoder goes on. What stands
/// in a group counts as if it did not, so that none hides anything.
fn with_number(mut bytes: &[u8], number: Option<u64>) -> impl Iterator<Item = Field<'_>> {
    std::iter::from_fn(move || field(&mut bytes))
        .filter(move |field| number.is_none_or(|n| n == field.number))
}

fn field<'a>(bytes: &mut &'a [u8]) -> Option<Field<'a>> {
    let key = varint(bytes)?;
    let mut value = None;
    match key & 7 {
        0 => drop(varint(bytes)?),
        1 => *bytes = bytes.get(8..)?,
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (taken, rest) = bytes.split_at_checked(length)?;
            (value, *bytes) = (Some(taken), rest);
        }
        // A group begins or ends.
        3 | 4 => {}
        5 => *bytes = bytes.get(4..)?,
        _ => return None,
    }
    Some(Field { number: key >> 3, value })
}

/// A number of at most ten bytes, seven bits in each.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for i in 0..10 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::pb;
    use super::*;
    use prost::Message as _;

    fn request(texts: usize, attributes: usize) -> pb::ModerateCommentRequest {
        let thread = pb::Thread { recent_texts: vec![String::new(); texts], ..pb::Thread::default() };
        let comment = pb::Comment { text: "\n\0\n\0".into(), ..pb::Comment::default() };
        pb::ModerateCommentRequest {
            site: "a.site".into(),
            comment: Some(comment),
            thread: Some(thread),
            attributes: vec![1; attributes],
            ..pb::ModerateCommentRequest::default()
        }
    }

    /// The field that is over its limit.
    fn over(message: Message, bytes: &[u8]) -> Option<String> {
        let options = Options { max_batch_comments: 3, max_recent_texts: 10, ..Options::default() };
        check(message, bytes, &options).err().map(|violation| violation.field)
    }

    #[test]
    fn lists_are_counted_wherever_they_stand() {
        let cases = [(84, 128, None), (85, 0, Some("thread.recent_texts")), (0, 129, Some("attributes"))];
        for (texts, attributes, field) in cases {
            let request = request(texts, attributes);
            let single = over(Message::Single, &request.encode_to_vec());
            assert_eq!(single.as_deref(), field);
            let streamed =
                pb::StreamModerateCommentsRequest { request_id: "r".into(), request: Some(request.clone()) };
            let streamed = over(Message::Streamed, &streamed.encode_to_vec());
            assert_eq!(streamed, field.map(|field| format!("request.{field}")));
            let batch = pb::BatchModerateCommentsRequest {
                requests: vec![pb::ModerateCommentRequest::default(), request],
            };
            let batch = over(Message::Batch, &batch.encode_to_vec());
            assert_eq!(batch, field.map(|field| format!("requests[1].{field}")));
        }
        let batch = |requests| pb::BatchModerateCommentsRequest { requests: vec![request(1, 1); requests] };
        assert_eq!(over(Message::Batch, &batch(3).encode_to_vec()), None);
        assert_eq!(over(Message::Batch, &batch(4).encode_to_vec()).as_deref(), Some("requests"));
    }

    #[test]
    fn nothing_hides_entries() {
        let texts = b"\x22\0".repeat(50);
        let thread = [&[0x1a, u8::try_from(texts.len()).unwrap()][..], &texts].concat();
        assert_eq!(over(Message::Single, &thread), None);
        assert_eq!(over(Message::Single, &thread.repeat(2)).as_deref(), Some("thread.recent_texts"));
        let one_by_one = b"\x20\x01".repeat(200);
        assert_eq!(over(Message::Single, &one_by_one).as_deref(), Some("attributes"));
        // Behind numbers of every other kind, in a group, and before what is broken.
        let behind = [
            b"\x78\xff\x01\x79\0\0\0\0\0\0\0\0\x7d\0\0\0\0\x7b\x0a\0\x7c".as_slice(),
            &b"\x0a\0".repeat(3),
            b"\xff",
        ];
        assert_eq!(over(Message::Batch, &behind.concat()).as_deref(), Some("requests"));
    }

    #[test]
    fn any_bytes_are_gone_through() {
        for bytes in [
            &b""[..],
            b"\xff",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x0a\x05ab",
            b"\x0f",
            b"\x09\0",
        ] {
            for message in [Message::Single, Message::Batch, Message::Streamed] {
                assert_eq!(over(message, bytes), None);
            }
        }
    }
}
