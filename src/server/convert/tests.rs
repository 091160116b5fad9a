use super::*;
use crate::attribute::PerAttribute;
use crate::policy::{Rule, Verdict};
use crate::score::Score;
use crate::signals::Field;
use proptest::prelude::*;
use prost::Message;
use uuid::Uuid;

fn request(text: &str) -> pb::ModerateCommentRequest {
    let comment = pb::Comment { text: text.into(), ..pb::Comment::default() };
    pb::ModerateCommentRequest { comment: Some(comment), ..pb::ModerateCommentRequest::default() }
}

/// The fields with a violation.
fn fields(request: &pb::ModerateCommentRequest) -> Vec<String> {
    let violations = parse(request, &Options::default()).expect_err("the request has violations");
    violations.into_iter().map(|v| v.field).collect()
}

#[test]
fn a_whole_request_becomes_domain_types() {
    let mut request = request("Nice <b>shot</b>!");
    let comment = request.comment.as_mut().unwrap();
    comment.format = pb::Format::Html.into();
    comment.parent = Some(pb::ParentComment { text: "Look at this".into() });
    request.site = "news.example".into();
    request.thread = Some(pb::Thread { title: "Photos".into(), ..pb::Thread::default() });
    request.attributes = vec![1, 9, 1];
    request.explain = true;

    let parsed = parse(&request, &Options::default()).unwrap();
    assert_eq!(parsed.site, "news.example");
    assert_eq!(parsed.comment.text(), "Nice <b>shot</b>!");
    assert_eq!(parsed.comment.format(), Format::Html);
    assert_eq!(parsed.comment.parent(), Some("Look at this"));
    assert_eq!(thread(parsed.thread.unwrap()).title, "Photos");
    let wanted: AttributeSet = [Attribute::Spam, Attribute::OffTopic].into_iter().collect();
    assert_eq!(parsed.ask.attributes, wanted);
    assert!(parsed.ask.explain);
}

#[test]
fn what_is_left_out_has_its_default() {
    let request = request("Nice shot!");
    let parsed = parse(&request, &Options::default()).unwrap();
    assert_eq!(parsed.comment.format(), Format::Plain);
    assert_eq!(parsed.ask.attributes, AttributeSet::ALL);
    assert!(parsed.thread.is_none() && parsed.comment.parent().is_none() && !parsed.ask.explain);
}

#[test]
fn every_violation_is_named_at_once() {
    let options = Options::default();
    let comment = pb::Comment {
        comment_id: "c".repeat(257),
        text: "t".repeat(options.max_text_bytes + 1),
        format: 9,
        parent: Some(pb::ParentComment { text: "p".into() }),
        ..pb::Comment::default()
    };
    let thread = pb::Thread {
        title: "b".repeat(options.max_thread_bytes),
        recent_texts: vec![String::new(); options.max_recent_texts + 1],
        ..pb::Thread::default()
    };
    let request = pb::ModerateCommentRequest {
        site: "news and sports".into(),
        comment: Some(comment),
        thread: Some(thread),
        attributes: vec![1, 0, -7, 9, 10],
        explain: false,
    };
    let expected = [
        "site",
        "comment.comment_id",
        "comment.format",
        "comment.text",
        "thread",
        "thread.recent_texts",
        "attributes[1]",
        "attributes[2]",
        "attributes[4]",
    ];
    assert_eq!(fields(&request), expected);
}

#[test]
fn what_stands_beside_the_text_is_checked_with_it() {
    let mut request = request("Nice shot!");
    let timestamp = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    let comment = request.comment.as_mut().unwrap();
    comment.create_time = timestamp(2 * 86_400, 0);
    comment.edited = true;
    comment.author = Some(pb::Author {
        author_id: "u1".into(),
        email_domain: "mail.example".into(),
        account_create_time: timestamp(86_400, 5),
        approved_count: Some(3),
        role: pb::AuthorRole::Staff.into(),
        ..pb::Author::default()
    });
    comment.client = Some(pb::Client { ip: "192.0.2.7".into(), ..pb::Client::default() });
    request.thread = Some(pb::Thread {
        create_time: timestamp(86_400, 0),
        published_count: Some(7),
        ..pb::Thread::default()
    });
    let parsed = parse(&request, &Options::default()).unwrap();
    let context = parsed.comment.context();
    assert_eq!((context.author_age_days(), context.thread_age_hours()), (Some(1.0), Some(24.0)));
    assert_eq!((context.author().approved_count, context.thread().published_count), (Some(3), Some(7)));
    assert!(context.edited() && context.author().role == Role::Staff && context.address().is_some());

    let comment = request.comment.as_mut().unwrap();
    comment.create_time = timestamp(0, -1);
    let author = comment.author.as_mut().unwrap();
    author.account_create_time = timestamp(i64::MAX, 0);
    author.approved_count = Some(-3);
    author.role = 9;
    comment.client.as_mut().unwrap().ip = "nowhere".into();
    request.thread.as_mut().unwrap().published_count = Some(-1);
    let expected = [
        "comment.author.account_create_time",
        "comment.author.role",
        "comment.create_time",
        "comment.author.approved_count",
        "thread.published_count",
        "comment.client.ip",
    ];
    assert_eq!(fields(&request), expected);
}

#[test]
fn limits_are_reached_before_they_are_passed() {
    let options = Options::default();
    let mut fitting = request(&"t".repeat(options.max_text_bytes));
    let comment = fitting.comment.as_mut().unwrap();
    comment.comment_id = "c".repeat(256);
    comment.parent = Some(pb::ParentComment { text: "p".repeat(10) });
    fitting.site = "s".repeat(128);
    fitting.attributes = vec![1; 32];
    let mut recent_texts = vec![String::new(); options.max_recent_texts];
    recent_texts[0] = "r".repeat(options.max_thread_bytes - 30);
    fitting.thread = Some(pb::Thread {
        title: "t".repeat(10),
        body: "b".repeat(10),
        recent_texts,
        ..pb::Thread::default()
    });
    parse(&fitting, &options).unwrap();

    let mut over = fitting.clone();
    over.site.push('s');
    assert_eq!(fields(&over), ["site"]);
    let mut over = fitting.clone();
    over.attributes.push(1);
    assert_eq!(fields(&over), ["attributes"]);
    let mut over = fitting.clone();
    over.thread.as_mut().unwrap().body.push('b');
    assert_eq!(fields(&over), ["thread"]);
}

#[test]
fn a_comment_is_required_and_not_blank() {
    let empty = pb::ModerateCommentRequest::default();
    assert_eq!(fields(&empty), ["comment"]);
    for text in ["", " \u{a0}\n"] {
        assert_eq!(fields(&request(text)), ["comment.text"]);
    }
}

#[test]
fn descriptions_say_the_limit_and_read_on_from_the_field() {
    let violations = parse(&request(&"t".repeat(20_481)), &Options::default()).unwrap_err();
    assert_eq!(violations[0].description, "is 20481 bytes of UTF-8, over the limit of 20480");
}

#[test]
fn a_batch_is_limited_in_count_and_bytes() {
    let options = Options { max_batch_comments: 2, max_message_bytes: 100, ..Options::default() };
    let batch = |count| pb::BatchModerateCommentsRequest { requests: vec![request("Nice"); count] };
    assert_eq!(check_batch(&batch(2), 100, &options), Ok(()));
    assert_eq!(check_batch(&batch(0), 0, &options), Ok(()));
    let violations = check_batch(&batch(3), 101, &options).unwrap_err();
    let shown: Vec<_> = violations.iter().map(|v| format!("{} {}", v.field, v.description)).collect();
    assert_eq!(
        shown,
        [
            "requests has 3 entries, over the limit of 2",
            "requests is 101 bytes together, over the limit of 100"
        ]
    );
}

#[test]
fn numbers_and_attributes_lead_to_one_another() {
    for a in Attribute::ALL {
        assert_eq!(attribute_of(attribute(a).into()), Some(a));
        assert_eq!(attribute(a).as_str_name(), format!("ATTRIBUTE_{a}"));
    }
    assert_eq!(attribute_of(0), None);
    for cause in [
        Unscored::NotRequested,
        Unscored::NoThread,
        Unscored::NotTrained,
        Unscored::UnfamiliarLanguage,
        Unscored::NoModel,
        Unscored::Late,
    ] {
        assert_eq!(why(cause).as_str_name(), format!("UNSCORED_WHY_{cause}"));
    }
    for a in Action::ALL {
        assert_eq!(action(a).as_str_name(), format!("ACTION_{a}"));
    }
}

#[test]
fn an_assessment_becomes_a_response() {
    let score = Score::new(0.75).unwrap();
    let threshold = Score::new(0.5);
    let fired = Reason {
        rule: Rule::Threshold(Attribute::Spam, Action::Hold),
        score: Some(score),
        threshold,
        hits: vec![ListHit { list: "l".into(), entry: "e".into() }],
        counts: vec![Count { field: Field::RepeatNearCount, count: 7 }],
        spans: vec![Span { begin: 3, end: 7, weight: 1.5 }],
    };
    let assessment = Assessment {
        scores: PerAttribute::from_fn(|a| match a {
            Attribute::Spam => Ok(score),
            Attribute::OffTopic => Err(Unscored::NoThread),
            _ => Err(Unscored::NotRequested),
        }),
        verdict: Verdict {
            action: Action::Hold,
            reasons: vec![fired.clone()],
            shadow_reasons: vec![fired.clone()],
        },
        checks: Vec::new(),
        language_code: "en",
        model_scores: PerAttribute::from_fn(|_| Err(Unscored::NotRequested)),
        unfamiliar: [Attribute::Spam].into_iter().collect(),
        explanations: vec![Explanation {
            attribute: Attribute::Spam,
            margin: 1.0,
            spans: vec![Span { begin: 3, end: 7, weight: 1.5 }],
            base: -2.0,
            surface: 0.5,
            thread: 0.25,
            elsewhere: 0.75,
        }],
        readings: vec![Reading { begin: 1, end: 5, read_as: "free".into() }],
    };
    let response = respond("c1", &assessment, "m1", "p1");
    assert_eq!(response.comment_id, "c1");
    assert_eq!((response.model_version.as_str(), response.policy_version.as_str()), ("m1", "p1"));
    assert_eq!(response.language_code, "en");
    assert_eq!(response.action(), pb::Action::Hold);
    assert_eq!(
        response.scores,
        [pb::AttributeScore { attribute: 1, score: 0.75, unfamiliar_language: true }]
    );
    assert_eq!(response.unscored.len(), Attribute::COUNT - 1);
    assert_eq!(response.unscored[7].why(), pb::UnscoredWhy::NoThread);
    let expected = pb::Reason {
        rule: "SPAM.HOLD".into(),
        attribute: 1,
        score: Some(0.75),
        threshold: Some(0.5),
        message: fired.to_string(),
        spans: vec![pb::Span { begin: 3, end: 7, weight: 1.5 }],
        list_hits: vec![pb::ListHit { list: "l".into(), entry: "e".into() }],
        action: pb::Action::Hold.into(),
        counts: vec![pb::FieldCount { field: "repeat.near_count".into(), count: 7 }],
    };
    assert_eq!(response.shadow_reasons, std::slice::from_ref(&expected));
    assert_eq!(response.reasons, [expected]);
    let expected = pb::Explanation {
        attribute: 1,
        margin: 1.0,
        spans: vec![pb::Span { begin: 3, end: 7, weight: 1.5 }],
        base: -2.0,
        surface: 0.5,
        thread: 0.25,
        elsewhere: 0.75,
    };
    assert_eq!(response.explanations, [expected]);
    assert_eq!(response.readings, [pb::Reading { begin: 1, end: 5, read_as: "free".into() }]);

    let id = Uuid::parse_str(&response.assessment_id).unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert_ne!(respond("c1", &assessment, "m1", "p1").assessment_id, response.assessment_id);
}

/// A parsed request or violations that are fit to be sent.
fn check_outcome(request: &pb::ModerateCommentRequest) -> Result<(), TestCaseError> {
    let options =
        Options { max_text_bytes: 30, max_thread_bytes: 40, max_recent_texts: 2, ..Options::default() };
    match parse(request, &options) {
        Ok(parsed) => {
            prop_assert!(!parsed.comment.text().trim().is_empty());
            prop_assert!(text_bytes(request) <= 70);
        }
        Err(violations) => {
            prop_assert!(!violations.is_empty() && violations.len() <= MAX_ATTRIBUTES + 6);
            for violation in violations {
                prop_assert!(violation.field.is_ascii() && violation.description.is_ascii());
            }
        }
    }
    Ok(())
}

prop_compose! {
    fn any_request()(
        site in "[a-z. ]{0,12}",
        comment in proptest::option::of((".{0,12}", "\\PC{0,20}", -1..6i32, proptest::option::of(".{0,12}"))),
        thread in proptest::option::of((".{0,12}", ".{0,12}", proptest::collection::vec(".{0,6}", 0..4))),
        attributes in proptest::collection::vec(prop_oneof![0..12i32, any::<i32>()], 0..40),
        explain in any::<bool>(),
    ) -> pb::ModerateCommentRequest {
        let comment = comment.map(|(comment_id, text, format, parent)| pb::Comment {
            comment_id,
            text,
            format,
            parent: parent.map(|text| pb::ParentComment { text }),
            ..pb::Comment::default()
        });
        let thread =
            thread.map(|(title, body, recent_texts)| pb::Thread { title, body, recent_texts, ..pb::Thread::default() });
        pb::ModerateCommentRequest { site, comment, thread, attributes, explain }
    }
}

proptest! {
    #[test]
    fn any_request_is_parsed_or_refused(request in any_request()) {
        check_outcome(&request)?;
    }

    #[test]
    fn any_bytes_that_decode_are_parsed_or_refused(
        request in any_request(),
        noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = request.encode_to_vec();
        if !bytes.is_empty() {
            for (at, byte) in noise {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        if let Ok(request) = pb::ModerateCommentRequest::decode(bytes.as_slice()) {
            check_outcome(&request)?;
        }
    }
}
