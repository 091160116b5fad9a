//! Between the messages of the API and the domain.

use super::ids::assessment_id;
use super::status::Violation;
use super::{Options, pb};
use crate::attribute::{Attribute, AttributeSet};
use crate::comment::{
    Author, Claims, Client, Comment, Context, Format, Role, Thread, ThreadFacts, Time, Wrong,
};
use crate::keys::KeyId;
use crate::moderator::{Ask, Assessment, Explanation, Reading};
use crate::policy::{Action, Check, Count, ListHit, Outcome, Reason, Seen, Span};
use crate::score::Unscored;

/// The longest version of a model that is looked for, in bytes.
const MAX_VERSION_BYTES: usize = 512;

/// The longest name of a site, in bytes. It goes to logs, so it is bounded in
/// its characters too.
const MAX_SITE_BYTES: usize = 128;
/// The longest id that is repeated in an answer, in bytes.
const MAX_ID_BYTES: usize = 256;
/// The longest list of attributes. Bounds the violations that it can cause.
pub(super) const MAX_ATTRIBUTES: usize = 32;

/// A request that can be judged.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    /// The name of the site; empty for the default one.
    pub site: &'a str,
    pub comment: Comment<'a>,
    /// Still a message: what is made of it is kept from one request to the
    /// next, and the message is what tells whether the next has the same.
    pub thread: Option<&'a pb::Thread>,
    pub ask: Ask,
}

/// Checks a request as a whole.
///
/// # Errors
/// Every violation, at least one.
pub(super) fn parse<'a>(
    request: &'a pb::ModerateCommentRequest,
    options: &Options,
) -> Result<Parsed<'a>, Vec<Violation>> {
    let mut violations = Violations(Vec::new());
    violations.check_site(&request.site);
    let comment = match &request.comment {
        Some(comment) => violations.parse_comment(comment, options),
        None => violations.add("comment", "is required"),
    };
    let context = violations.parse_context(request);
    violations.check_thread(request, options);
    let attributes = violations.parse_attributes(&request.attributes);
    match (comment, context, attributes) {
        (Some(comment), Some(context), Some(attributes)) if violations.0.is_empty() => Ok(Parsed {
            site: &request.site,
            comment: comment.with_context(context),
            thread: request.thread.as_ref(),
            ask: Ask { attributes, explain: request.explain },
        }),
        _ => Err(violations.0),
    }
}

/// Checks the id of one request of a stream.
pub(super) fn check_request_id(request_id: &str) -> Result<(), Vec<Violation>> {
    let mut violations = Violations(Vec::new());
    violations.check_id("request_id", request_id);
    if violations.0.is_empty() { Ok(()) } else { Err(violations.0) }
}

/// The one violation of a request that lacks a message.
pub(super) fn missing(field: &str) -> Vec<Violation> {
    vec![Violation { field: field.into(), description: "is required".into() }]
}

/// Checks a batch as a whole; its requests are checked one by one.
pub(super) fn check_batch(
    batch: &pb::BatchModerateCommentsRequest,
    batch_bytes: usize,
    options: &Options,
) -> Result<(), Vec<Violation>> {
    let mut violations = Violations(Vec::new());
    let (count, limit) = (batch.requests.len(), options.max_batch_comments);
    if count > limit {
        violations.add::<()>("requests", format!("has {count} entries, over the limit of {limit}"));
    }
    let limit = options.max_message_bytes;
    if batch_bytes > limit {
        let description = format!("is {batch_bytes} bytes together, over the limit of {limit}");
        violations.add::<()>("requests", description);
    }
    if violations.0.is_empty() { Ok(()) } else { Err(violations.0) }
}

/// The thread of a request, as the domain sees it.
pub(super) fn thread(thread: &pb::Thread) -> Thread<'_> {
    Thread { title: &thread.title, body: &thread.body, recent_texts: &thread.recent_texts }
}

/// The bytes of all texts of a request: a measure of the work that judging it
/// can cost.
pub(super) fn text_bytes(request: &pb::ModerateCommentRequest) -> usize {
    let comment = request.comment.as_ref().map_or(0, |c| c.text.len());
    let approved = request.comment.as_ref().map_or(0, |c| c.approved_text.len());
    comment.saturating_add(approved).saturating_add(context_bytes(request))
}

/// The bytes of the texts that a comment is judged against.
fn context_bytes(request: &pb::ModerateCommentRequest) -> usize {
    let parent = request.comment.as_ref().and_then(|c| c.parent.as_ref()).map_or(0, |p| p.text.len());
    let thread = request.thread.as_ref().map_or(0, |t| {
        t.recent_texts.iter().fold(t.title.len() + t.body.len(), |sum, text| sum.saturating_add(text.len()))
    });
    parent.saturating_add(thread)
}

/// The violations found so far.
struct Violations(Vec<Violation>);

impl Violations {
    /// Notes a violation. Answers `None`, for a field that has no value now.
    fn add<T>(&mut self, field: impl Into<String>, description: impl Into<String>) -> Option<T> {
        self.0.push(Violation { field: field.into(), description: description.into() });
        None
    }

    fn check_site(&mut self, site: &str) {
        if site.len() > MAX_SITE_BYTES {
            let description = format!("is {} bytes, over the limit of {MAX_SITE_BYTES}", site.len());
            self.add::<()>("site", description);
        } else if !site.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b)) {
            self.add::<()>("site", "must have no characters but A-Z, a-z, 0-9, dot, hyphen and underscore");
        } else if KeyId::of(site).is_some() {
            // Names of sites are logged.
            self.add::<()>("site", "is an API key, which belongs in the header `authorization`");
        }
    }

    fn check_id(&mut self, field: &str, id: &str) {
        if id.len() > MAX_ID_BYTES {
            self.add::<()>(field, format!("is {} bytes, over the limit of {MAX_ID_BYTES}", id.len()));
        }
    }

    fn parse_comment<'a>(&mut self, comment: &'a pb::Comment, options: &Options) -> Option<Comment<'a>> {
        self.check_id("comment.comment_id", &comment.comment_id);
        let (bytes, limit) = (comment.approved_text.len(), options.max_text_bytes);
        if bytes > limit {
            let description = format!("is {bytes} bytes of UTF-8, over the limit of {limit}");
            self.add::<()>("comment.approved_text", description);
        }
        let format = self.parse_format(comment.format);
        let parent = comment.parent.as_ref().map_or("", |parent| &parent.text);
        match Comment::new(&comment.text, options.max_text_bytes) {
            Ok(parsed) => Some(parsed.with_format(format?).with_parent(parent)),
            Err(error) => self.add("comment.text", error.to_string()),
        }
    }

    fn parse_format(&mut self, number: i32) -> Option<Format> {
        match pb::Format::try_from(number) {
            Ok(pb::Format::Unspecified | pb::Format::Plain) => Some(Format::Plain),
            Ok(pb::Format::Html) => Some(Format::Html),
            Ok(pb::Format::Markdown) => Some(Format::Markdown),
            Err(_) => self.add("comment.format", format!("has no value {number}")),
        }
    }

    /// What the request says beside the texts.
    fn parse_context<'a>(&mut self, request: &'a pb::ModerateCommentRequest) -> Option<Context<'a>> {
        let comment = request.comment.as_ref()?;
        let author = comment.author.as_ref().map(|author| Author {
            author_id: &author.author_id,
            display_name: &author.display_name,
            url: &author.url,
            email_domain: &author.email_domain,
            account_create_time: self
                .parse_time("comment.author.account_create_time", author.account_create_time.as_ref()),
            approved_count: author.approved_count.map(i64::from),
            rejected_count: author.rejected_count.map(i64::from),
            role: self.parse_role(author.role),
        });
        let client = comment.client.as_ref().map(|client| Client {
            ip: &client.ip,
            user_agent: &client.user_agent,
            referrer: &client.referrer,
        });
        let thread = request.thread.as_ref().map(|thread| ThreadFacts {
            thread_id: &thread.thread_id,
            create_time: self.parse_time("thread.create_time", thread.create_time.as_ref()),
            published_count: thread.published_count.map(i64::from),
        });
        let claims = Claims {
            create_time: self.parse_time("comment.create_time", comment.create_time.as_ref()),
            edited: comment.edited,
            approved_text: &comment.approved_text,
            author: author.unwrap_or_default(),
            client: client.unwrap_or_default(),
            thread: thread.unwrap_or_default(),
        };
        match claims.check() {
            Ok(context) => Some(context),
            Err(wrong) => {
                for Wrong { field, what } in wrong {
                    let of_the_thread = field.starts_with("thread.");
                    let path = if of_the_thread { field.to_owned() } else { format!("comment.{field}") };
                    self.add::<()>(path, what);
                }
                None
            }
        }
    }

    fn parse_time(&mut self, field: &str, time: Option<&prost_types::Timestamp>) -> Option<Time> {
        let time = time?;
        let sound = (0..1_000_000_000).contains(&time.nanos);
        Time::from_unix_seconds(time.seconds)
            .filter(|_| sound)
            .or_else(|| self.add(field, "must be a time in the years 1 to 9999"))
    }

    fn parse_role(&mut self, number: i32) -> Role {
        match pb::AuthorRole::try_from(number) {
            Ok(pb::AuthorRole::Unspecified | pb::AuthorRole::Reader) => Role::Reader,
            Ok(pb::AuthorRole::Staff) => Role::Staff,
            Err(_) => self.add("comment.author.role", format!("has no value {number}")).unwrap_or_default(),
        }
    }

    fn check_thread(&mut self, request: &pb::ModerateCommentRequest, options: &Options) {
        let (bytes, limit) = (context_bytes(request), options.max_thread_bytes);
        if bytes > limit {
            let description =
                format!("is {bytes} bytes of UTF-8 with the parent's text, over the limit of {limit}");
            self.add::<()>("thread", description);
        }
        let count = request.thread.as_ref().map_or(0, |t| t.recent_texts.len());
        let limit = options.max_recent_texts;
        if count > limit {
            self.add::<()>("thread.recent_texts", format!("has {count} entries, over the limit of {limit}"));
        }
    }

    fn parse_attributes(&mut self, numbers: &[i32]) -> Option<AttributeSet> {
        if numbers.is_empty() {
            return Some(AttributeSet::ALL);
        }
        if numbers.len() > MAX_ATTRIBUTES {
            let description = format!("has {} entries, over the limit of {MAX_ATTRIBUTES}", numbers.len());
            return self.add("attributes", description);
        }
        let known = numbers.iter().enumerate().filter_map(|(i, &number)| {
            attribute_of(number)
                .or_else(|| self.add(format!("attributes[{i}]"), format!("has no value {number}")))
        });
        Some(known.collect())
    }
}

/// The attribute of a number of the API; none for the unspecified one.
/// Checks the name of a site; empty stands for the default one.
///
/// # Errors
/// When it is too long or has a character that no such name has.
pub(super) fn check_site(site: &str) -> Result<(), Vec<Violation>> {
    let mut violations = Violations(Vec::new());
    violations.check_site(site);
    if violations.0.is_empty() { Ok(()) } else { Err(violations.0) }
}

/// Checks that a model is named.
///
/// # Errors
/// When it is not, or its name is too long.
pub(super) fn check_model_version(version: &str) -> Result<(), Vec<Violation>> {
    let description = match version.len() {
        0 => "must not be empty".to_owned(),
        1..=MAX_VERSION_BYTES => return Ok(()),
        bytes => format!("is {bytes} bytes, over the limit of {MAX_VERSION_BYTES}"),
    };
    Err(vec![Violation { field: "model_version".into(), description }])
}

/// The attributes of a set, as numbers of the API.
pub(super) fn attributes(set: AttributeSet) -> Vec<i32> {
    Attribute::ALL.into_iter().filter(|&a| set.contains(a)).map(|a| attribute(a).into()).collect()
}

fn attribute_of(number: i32) -> Option<Attribute> {
    let named = pb::Attribute::try_from(number).ok()?;
    Attribute::ALL.into_iter().find(|&a| attribute(a) == named)
}

fn attribute(attribute: Attribute) -> pb::Attribute {
    match attribute {
        Attribute::Spam => pb::Attribute::Spam,
        Attribute::Toxicity => pb::Attribute::Toxicity,
        Attribute::SevereToxicity => pb::Attribute::SevereToxicity,
        Attribute::Insult => pb::Attribute::Insult,
        Attribute::Profanity => pb::Attribute::Profanity,
        Attribute::Threat => pb::Attribute::Threat,
        Attribute::IdentityAttack => pb::Attribute::IdentityAttack,
        Attribute::SexuallyExplicit => pb::Attribute::SexuallyExplicit,
        Attribute::OffTopic => pb::Attribute::OffTopic,
    }
}

/// The answer for one comment, under an id of its own.
pub(super) fn respond(
    comment_id: &str,
    assessment: &Assessment,
    model_version: &str,
    policy_version: &str,
) -> pb::ModerateCommentResponse {
    let mut scores = Vec::with_capacity(Attribute::COUNT);
    let mut unscored = Vec::new();
    for (a, outcome) in assessment.scores.iter() {
        let attribute = attribute(a).into();
        match outcome {
            Ok(score) => scores.push(pb::AttributeScore {
                attribute,
                score: score.get(),
                unfamiliar_language: assessment.unfamiliar.contains(a),
            }),
            Err(cause) => unscored.push(pb::UnscoredAttribute { attribute, why: why(*cause).into() }),
        }
    }
    pb::ModerateCommentResponse {
        assessment_id: assessment_id().to_string(),
        comment_id: comment_id.into(),
        scores,
        action: action(assessment.verdict.action).into(),
        reasons: assessment.verdict.reasons.iter().map(reason).collect(),
        shadow_reasons: assessment.verdict.shadow_reasons.iter().map(reason).collect(),
        rule_checks: assessment.checks.iter().map(check).collect(),
        language_code: assessment.language_code.into(),
        unscored,
        model_version: model_version.into(),
        policy_version: policy_version.into(),
        explanations: assessment.explanations.iter().map(explanation).collect(),
        readings: assessment.readings.iter().map(reading).collect(),
    }
}

fn why(cause: Unscored) -> pb::UnscoredWhy {
    match cause {
        Unscored::NotRequested => pb::UnscoredWhy::NotRequested,
        Unscored::NoThread => pb::UnscoredWhy::NoThread,
        Unscored::NotTrained => pb::UnscoredWhy::NotTrained,
        Unscored::UnfamiliarLanguage => pb::UnscoredWhy::UnfamiliarLanguage,
        Unscored::NoModel => pb::UnscoredWhy::NoModel,
        Unscored::Late => pb::UnscoredWhy::DeadlinePassed,
    }
}

fn action(action: Action) -> pb::Action {
    match action {
        Action::Publish => pb::Action::Publish,
        Action::Flag => pb::Action::Flag,
        Action::Hold => pb::Action::Hold,
        Action::Reject => pb::Action::Reject,
        Action::Discard => pb::Action::Discard,
    }
}

fn reason(reason: &Reason) -> pb::Reason {
    pb::Reason {
        rule: reason.rule.to_string(),
        attribute: reason.rule.attribute().map_or(pb::Attribute::Unspecified, attribute).into(),
        score: reason.score.map(|s| s.get()),
        threshold: reason.threshold.map(|s| s.get()),
        message: reason.to_string(),
        spans: reason.spans.iter().map(span).collect(),
        list_hits: reason.hits.iter().map(list_hit).collect(),
        counts: reason.counts.iter().map(count).collect(),
        action: action(reason.rule.action()).into(),
    }
}

fn check(check: &Check) -> pb::RuleCheck {
    pb::RuleCheck {
        rule: check.rule.clone(),
        outcome: outcome(check.outcome).into(),
        action: check.action.map_or(pb::Action::Unspecified, action).into(),
        message: check.message.clone(),
        attribute: check.attribute.map_or(pb::Attribute::Unspecified, attribute).into(),
        score: check.score.map(|score| score.get()),
        threshold: check.threshold.map(|threshold| threshold.get()),
        condition: check.condition.clone().unwrap_or_default(),
        condition_value: check.holds,
        field_values: check.values.iter().map(field_value).collect(),
        allowed_list_hits: check.held_back.iter().map(list_hit).collect(),
    }
}

fn outcome(outcome: Outcome) -> pb::CheckOutcome {
    match outcome {
        Outcome::Fired => pb::CheckOutcome::Fired,
        Outcome::FiredInShadow => pb::CheckOutcome::FiredInShadow,
        Outcome::NotMet => pb::CheckOutcome::NotMet,
        Outcome::Unknown => pb::CheckOutcome::Unknown,
        Outcome::Settled => pb::CheckOutcome::Settled,
        Outcome::Disabled => pb::CheckOutcome::Disabled,
    }
}

fn field_value((field, seen): &(String, Seen)) -> pb::FieldValue {
    use pb::field_value::Value;
    let value = match seen {
        Seen::Unknown => None,
        Seen::Bool(value) => Some(Value::BoolValue(*value)),
        Seen::Number(value) => Some(Value::NumberValue(*value)),
        Seen::Language(code) => Some(Value::TextValue(code.clone())),
        Seen::Text(characters) => Some(Value::TextLength(i32::try_from(*characters).unwrap_or(i32::MAX))),
    };
    pb::FieldValue { field: field.clone(), value }
}

fn list_hit(hit: &ListHit) -> pb::ListHit {
    pb::ListHit { list: hit.list.clone(), entry: hit.entry.clone() }
}

fn count(count: &Count) -> pb::FieldCount {
    let number = i32::try_from(count.count).unwrap_or(i32::MAX);
    pb::FieldCount { field: count.field.name().to_owned(), count: number }
}

fn span(span: &Span) -> pb::Span {
    pb::Span { begin: position(span.begin), end: position(span.end), weight: span.weight }
}

fn explanation(explanation: &Explanation) -> pb::Explanation {
    let Explanation { margin, base, surface, thread, elsewhere, .. } = *explanation;
    let attribute = attribute(explanation.attribute).into();
    let spans = explanation.spans.iter().map(span).collect();
    pb::Explanation { attribute, margin, spans, base, surface, thread, elsewhere }
}

fn reading(reading: &Reading) -> pb::Reading {
    let (begin, end) = (position(reading.begin), position(reading.end));
    pb::Reading { begin, end, read_as: reading.read_as.clone() }
}

fn position(position: u32) -> i32 {
    i32::try_from(position).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests;
