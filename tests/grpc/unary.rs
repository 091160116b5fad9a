use crate::support::*;
use thresher::attribute::Attribute;
use thresher::server::pb;
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request};

/// The number of an attribute in the API.
fn number(attribute: Attribute) -> i32 {
    pb::Attribute::from_str_name(&format!("ATTRIBUTE_{attribute}")).unwrap().into()
}

#[tokio::test]
async fn an_answer_has_every_attribute_and_both_versions() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let response =
        client.moderate_comment(comment("c1", "The roses were lovely.")).await.unwrap().into_inner();

    assert_eq!(response.comment_id, "c1");
    assert_eq!(response.model_version, MODERATOR.model().version());
    assert_eq!(response.policy_version, POLICIES.current().site("").version());
    assert!(!response.model_version.is_empty() && !response.policy_version.is_empty());
    assert!(!response.language_code.is_empty());
    assert_ne!(response.action(), pb::Action::Unspecified);
    assert_eq!(uuid::Uuid::parse_str(&response.assessment_id).unwrap().get_version_num(), 7);

    for score in &response.scores {
        assert!((0.0..=1.0).contains(&score.score), "{score:?}");
    }
    let no_thread = pb::UnscoredAttribute {
        attribute: number(Attribute::OffTopic),
        why: pb::UnscoredWhy::NoThread.into(),
    };
    assert!(response.unscored.contains(&no_thread), "{:?}", response.unscored);
    let mut attributes: Vec<i32> = response.scores.iter().map(|s| s.attribute).collect();
    assert!(attributes.is_sorted());
    attributes.extend(response.unscored.iter().map(|u| u.attribute));
    attributes.sort_unstable();
    assert_eq!(attributes, Attribute::ALL.map(number));
}

#[tokio::test]
async fn a_thread_is_what_off_topic_needs() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut request = comment("c1", "The roses were lovely.");
    let blank = pb::Thread { title: " ".into(), ..pb::Thread::default() };
    for (thread, missing) in [(Some(thread()), false), (Some(blank), true), (None, true)] {
        request.thread = thread;
        let response = client.moderate_comment(request.clone()).await.unwrap().into_inner();
        let found = response.unscored.iter().any(|u| u.why() == pb::UnscoredWhy::NoThread);
        assert_eq!(found, missing, "{request:?}");
    }
}

#[tokio::test]
async fn staff_is_not_held_unless_the_site_says_so() {
    let rules = r#"
        [site.default]
        [[site.default.rules]]
        name = "all"
        when = "true"
        then = "HOLD"
        [site.strict]
        trust.staff = false
    "#;
    let server = TestServer::start_under(rules).await;
    let mut client = server.client().await;
    for (site, role, expected) in [
        ("", pb::AuthorRole::Staff, pb::Action::Flag),
        ("", pb::AuthorRole::Unspecified, pb::Action::Hold),
        ("strict", pb::AuthorRole::Staff, pb::Action::Hold),
    ] {
        let mut request = pb::ModerateCommentRequest { site: site.into(), ..comment("c1", "Hello there.") };
        let author = pb::Author { role: role.into(), ..pb::Author::default() };
        request.comment.as_mut().unwrap().author = Some(author);
        let response = client.moderate_comment(request).await.unwrap().into_inner();
        assert_eq!(response.action(), expected, "{site} {role:?}");
        let is_staff = response.reasons.iter().any(|reason| reason.rule == "trust.staff");
        assert_eq!(is_staff, expected == pb::Action::Flag);
    }
}

#[tokio::test]
async fn only_what_was_asked_for_is_scored() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let mut request = comment("c1", "The roses were lovely.");
    request.attributes = vec![number(Attribute::Spam), number(Attribute::Spam)];
    let response = client.moderate_comment(request).await.unwrap().into_inner();
    let scored: Vec<_> = response.scores.iter().map(|s| s.attribute()).collect();
    assert_eq!(scored, [pb::Attribute::Spam]);
    assert_eq!(response.unscored.len(), Attribute::COUNT - 1);
    assert!(response.unscored.iter().all(|u| u.why() == pb::UnscoredWhy::NotRequested));
}

#[tokio::test]
async fn the_site_chooses_the_policy() {
    let policies = "[site.default]\n[site.strict]\nSPAM = { hold = 0.0 }\n";
    let server = TestServer::start_under(policies).await;
    let mut client = server.client().await;
    let mut at = async |site: &str| {
        let request = pb::ModerateCommentRequest { site: site.into(), ..comment("c1", "Lovely roses.") };
        client.moderate_comment(request).await.unwrap().into_inner()
    };
    let (default, strict, unknown) = (at("").await, at("strict").await, at("unheard-of").await);
    assert_eq!(default.action(), pb::Action::Publish);
    assert_eq!(default.reasons, []);
    assert_eq!(unknown.policy_version, default.policy_version);
    assert_ne!(strict.policy_version, default.policy_version);
    assert_eq!(strict.scores, default.scores);
    assert_eq!(strict.action(), pb::Action::Hold);
    let [reason] = strict.reasons.as_slice() else { panic!("{:?}", strict.reasons) };
    assert_eq!((reason.rule.as_str(), reason.attribute()), ("SPAM.HOLD", pb::Attribute::Spam));
    assert_eq!(reason.score, Some(strict.scores[0].score));
    assert_eq!((reason.threshold, reason.spans.len()), (Some(0.0), 0));
    assert!(!reason.message.is_empty());
}

#[tokio::test]
async fn an_explanation_points_into_the_text() {
    let server = TestServer::start_under("[site.default]\nSPAM = { flag = 0.0 }\n").await;
    let mut client = server.client().await;
    let text = "CLICK HERE \u{1f449} http://win-a-prize.example/now FREE FREE FREE \u{1f4b0} cash";
    let mut request = comment("c1", text);
    request.explain = true;
    let response = client.moderate_comment(request).await.unwrap().into_inner();
    let length = i32::try_from(text.chars().count()).unwrap();
    let spans = &response.reasons[0].spans;
    assert!(!spans.is_empty());
    for span in spans {
        assert!(0 <= span.begin && span.begin < span.end && span.end <= length, "{span:?}");
    }
}

#[tokio::test]
async fn bad_requests_name_their_fields() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let limit = options().max_text_bytes;
    let with = |change: fn(&mut pb::ModerateCommentRequest)| {
        let mut request = comment("c1", "The roses were lovely.");
        change(&mut request);
        request
    };
    let cases: [(pb::ModerateCommentRequest, &[&str]); 9] = [
        (pb::ModerateCommentRequest::default(), &["comment"]),
        (comment("c1", ""), &["comment.text"]),
        (comment("c1", " \t\u{2003}\r\n"), &["comment.text"]),
        (comment("c1", &"t".repeat(limit + 1)), &["comment.text"]),
        (with(|r| r.comment.as_mut().unwrap().format = 4), &["comment.format"]),
        (with(|r| r.comment.as_mut().unwrap().format = -1), &["comment.format"]),
        (with(|r| r.attributes = vec![1, 10, 0]), &["attributes[1]", "attributes[2]"]),
        (with(|r| r.site = "caf\u{e9}".into()), &["site"]),
        (
            with(|r| {
                r.site = "a b".into();
                r.comment.as_mut().unwrap().text = "\n".into();
                r.attributes = vec![i32::MAX];
                r.thread = Some(pb::Thread { body: "b".repeat(300_000), ..pb::Thread::default() });
            }),
            &["site", "comment.text", "thread", "attributes[0]"],
        ),
    ];
    for (request, fields) in cases {
        let shown = format!("{request:?}");
        let status = client.moderate_comment(request).await.expect_err(&shown);
        assert_eq!(status_fields(&status), fields, "{shown}");
        assert!(status.message().starts_with(fields[0]), "{}", status.message());
    }
}

#[tokio::test]
async fn odd_texts_within_the_limit_are_judged() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let limit = options().max_text_bytes;
    let texts = [
        "t".repeat(limit),
        "\u{301}".repeat(limit / 2),
        "a.co ".repeat(4_000),
        "\u{200b}x\u{202e}y\u{0}z".into(),
        "<".repeat(limit),
        "](".repeat(limit / 2),
    ];
    for text in texts {
        for format in [pb::Format::Plain, pb::Format::Html, pb::Format::Markdown] {
            let mut request = comment("c1", &text);
            request.comment.as_mut().unwrap().format = format.into();
            client.moderate_comment(request).await.unwrap();
        }
    }
}

#[tokio::test]
async fn compressed_requests_are_read_and_answers_are_sent_plain() {
    let server = TestServer::start().await;
    let mut client = server
        .client()
        .await
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip);
    let response = client.moderate_comment(comment("c1", &"roses ".repeat(500))).await.unwrap();
    assert_eq!(response.metadata().get("grpc-encoding"), None);
    assert_eq!(response.into_inner().comment_id, "c1");
}

#[tokio::test]
async fn an_oversize_message_is_refused_and_the_connection_goes_on() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let limit = options().max_message_bytes;

    // A little over the limit the answer still names the field.
    let status = client.moderate_comment(comment("c1", &"t".repeat(limit + 100))).await.unwrap_err();
    assert_eq!(status_fields(&status), ["comment.text"]);

    let status = client.moderate_comment(comment("c1", &"t".repeat(limit * 2))).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);

    // So small when compressed, so large when not.
    let mut compressing = client.clone().send_compressed(CompressionEncoding::Gzip);
    let status = compressing.moderate_comment(comment("c1", &"t".repeat(limit * 2))).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);

    client.moderate_comment(comment("c1", "The roses were lovely.")).await.unwrap();
}

/// A request with a text that the generated messages cannot hold.
#[derive(Clone, PartialEq, prost::Message)]
struct RawRequest {
    #[prost(message, optional, tag = "2")]
    comment: Option<RawComment>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RawComment {
    #[prost(bytes = "vec", tag = "2")]
    text: Vec<u8>,
}

#[tokio::test]
async fn invalid_utf8_is_refused_and_the_connection_goes_on() {
    let server = TestServer::start().await;
    let channel = server.channel().await;
    let mut raw = tonic::client::Grpc::new(channel.clone());
    for (text, expected) in [(&b"canary \xff\xfe"[..], Code::InvalidArgument), (&b"canary"[..], Code::Ok)] {
        raw.ready().await.unwrap();
        let request = RawRequest { comment: Some(RawComment { text: text.to_vec() }) };
        let path = http::uri::PathAndQuery::from_static("/thresher.v1.ModerationService/ModerateComment");
        let codec = tonic_prost::ProstCodec::<RawRequest, pb::ModerateCommentResponse>::default();
        let outcome = raw.unary(Request::new(request), path, codec).await;
        let (code, message) =
            outcome.map_or_else(|s| (s.code(), s.message().to_owned()), |_| (Code::Ok, String::new()));
        assert_eq!(code, expected, "{message}");
        assert!(!message.contains("canary"), "{message}");
    }
}
