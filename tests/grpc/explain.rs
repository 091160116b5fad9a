//! Explanations over the wire.

use crate::support::*;
use thresher::server::pb;
use thresher::server::pb::field_value::Value;

const POLICY: &str = r#"
[site.default]
SPAM = { hold = 0 }
[[site.default.rules]]
name = "newcomers"
when = "author.approved_count < 3 && author.name != 'Ann'"
then = "HOLD"
[[site.default.rules]]
name = "off"
when = "false"
then = "HOLD"
enabled = false
"#;

#[tokio::test]
async fn an_explanation_has_every_rule_and_repeats_no_text() {
    let server = TestServer::start_under(POLICY).await;
    let mut client = server.client().await;
    let mut request = comment("c1", "The roses were lovely.");
    request.comment.as_mut().unwrap().author =
        Some(pb::Author { display_name: "Quillwort".into(), ..pb::Author::default() });
    let plain = client.moderate_comment(request.clone()).await.unwrap().into_inner();
    assert_eq!(plain.rule_checks, []);

    request.explain = true;
    let explained = client.moderate_comment(request).await.unwrap().into_inner();
    assert_eq!(explained.action, plain.action);
    let names: Vec<&str> = explained.rule_checks.iter().map(|check| check.rule.as_str()).collect();
    assert_eq!(names, ["SPAM.HOLD", "newcomers", "off"]);
    let [spam, newcomers, off] = explained.rule_checks.as_slice() else { panic!("there are three") };
    assert_eq!((spam.outcome(), spam.attribute()), (pb::CheckOutcome::Fired, pb::Attribute::Spam));
    assert_eq!((spam.score, spam.threshold), (explained.reasons[0].score, Some(0.0)));
    assert_eq!(newcomers.outcome(), pb::CheckOutcome::Unknown);
    assert_eq!((newcomers.action(), newcomers.condition_value), (pb::Action::Hold, None));
    assert_eq!(newcomers.condition, "((author.approved_count < 3) && (author.name != \"Ann\"))");
    assert_eq!(
        newcomers.field_values[0],
        pb::FieldValue { field: "author.approved_count".into(), value: None }
    );
    assert_eq!(newcomers.field_values[1].value, Some(Value::TextLength(9)));
    assert_eq!(off.outcome(), pb::CheckOutcome::Disabled);
    assert!(!format!("{explained:?}").contains("Quillwort"));
}
