use super::*;
use crate::comment::{Comment, Format};
use crate::policy::{Action, Outcome, Policies, Verdict};
use crate::score::{Score, Scores};
use crate::signals::Type;
use crate::signals::lists::{ListHits, ListKind, ListSource, Lists};
use crate::signals::pattern::Budget;
use crate::text::{Analyzer, Document};
use proptest::prelude::*;
use std::sync::LazyLock;

fn lists() -> Lists {
    let source = ListSource {
        name: "shops".into(),
        kind: ListKind::Words,
        allow: false,
        entries: vec!["shop".into()],
    };
    Lists::new(&[source]).unwrap()
}

fn try_compile(source: &str) -> Result<Expression, Vec<Fault>> {
    Expression::compile(source, &lists(), &mut Budget::default())
}

fn compile(source: &str) -> Expression {
    try_compile(source).unwrap_or_else(|faults| panic!("{source}: {faults:?}"))
}

/// Spam 0.8, three links, an author named ann with two approved comments, the
/// language en, and nothing else known.
fn facts() -> Facts<'static> {
    Facts::default()
        .with(Field::Spam, Value::Number(0.8))
        .with(Field::Links, Value::Number(3.0))
        .with(Field::AuthorName, Value::Text("ann"))
        .with(Field::AuthorApprovedCount, Value::Number(2.0))
        .with(Field::AuthorIsStaff, Value::Bool(false))
        .with(Field::CommentLanguage, Value::Text("en"))
}

#[track_caller]
fn check(source: &str, expected: Value<'_>) {
    assert_eq!(compile(source).root.value(&facts()), expected, "{source}");
}

#[test]
fn conditions_are_evaluated() {
    for source in [
        "true",
        "score.spam >= 0.8",
        "score.spam > 0.5 && signal.links >= 3",
        "signal.links * 2 - 1 == 5 && signal.links / 2 == 1.5 && -signal.links < 0",
        "signal.links + 1 in [1, 2, 4] && !(comment.language in ['de', \"fr\"])",
        "author.name.startsWith('a') && author.name.endsWith('nn') && author.name.contains('n')",
        "author.name.matches('^a.n$') && author.name != 'bob'",
        "author.is_staff ? false : true",
        "!author.is_staff || score.toxicity > 0.5",
        "has(author.name) && !has(author.age_days) && !list.shops && hits.shops == 0",
        "'é' == 'é' && author.name == r'ann'",
        "-1 in [-1.0]",
    ] {
        check(source, Value::Bool(true));
    }
    check("author.name.matches('^A') || signal.links != 3", Value::Bool(false));
}

#[test]
fn the_unknown_is_unknown_unless_it_does_not_matter() {
    for source in [
        "author.age_days < 1",
        "!(author.age_days < 1)",
        "author.age_days == author.age_days",
        "author.age_days in [1, 2]",
        "author.url.contains('a')",
        "comment.edited",
        "comment.edited && true",
        "false || comment.edited",
        "comment.edited ? true : false",
        "signal.links / 0 > 1",
        "(signal.links - 3) / (signal.links - 3) == 1",
        "comment.text.matches('a')",
    ] {
        check(source, Value::Unknown);
        assert!(!compile(source).holds(&facts()), "{source}");
    }
    for (source, value) in [
        ("comment.edited && false", false),
        ("false && comment.edited", false),
        ("comment.edited || true", true),
        ("author.age_days < 1 || score.spam > 0.5", true),
    ] {
        check(source, Value::Bool(value));
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let deep = format!("{}true{}", "(".repeat(40), ")".repeat(40));
    for (source, at, message) in [
        ("score.span > 0.5", 0, "unknown field `score.span`; did you mean `score.spam`?"),
        ("true && author.agedays < 3", 8, "unknown field `author.agedays`; did you mean `author.age_days`?"),
        ("'é' == 'e' && colour == 1", 15, "unknown field `colour`; docs/policy.md lists them"),
        ("list.shop", 0, "unknown list `shop`; did you mean `shops`?"),
        ("lists.shops", 0, "unknown field `lists.shops`; did you mean `list.shops`?"),
        ("hit.shops > 1", 0, "unknown field `hit.shops`; did you mean `hits.shops`?"),
        ("score.spam > 90", 11, "`score.spam` is a score in 0..=1, which 90 is not; did you mean 0.9?"),
        ("-1 == score.spam", 3, "`score.spam` is a score in 0..=1, which -1 is not"),
        (
            "score.spam",
            0,
            "a condition must be true or false, not a number; compare it, such as `score.spam > 0.5`",
        ),
        (
            "author.name",
            0,
            "a condition must be true or false, not a text; compare it, such as `author.name == \"a\"`",
        ),
        (
            "hits.shops",
            0,
            "a condition must be true or false, not a number; compare it, such as `hits.shops > 0`",
        ),
        ("signal.links + 1", 0, "a condition must be true or false, not a number"),
        ("score.spam > 'a'", 11, "`>` takes two numbers, not a number and a text"),
        (
            "score.spam > '0.5'",
            11,
            "`>` takes two numbers, not a number and a text; numbers stand without quotes: `0.5`",
        ),
        (
            "list.shops > 1",
            11,
            "`>` takes two numbers, not a bool and a number; how many entries there are is `hits.shops`",
        ),
        ("author.name < 'b'", 12, "`<` takes two numbers, not a text and a text"),
        (
            "score.spam && true",
            11,
            "`&&` takes two bools, not a number and a bool; compare it, such as `score.spam > 0.5`",
        ),
        (
            "author.name == 3",
            12,
            "`==` takes values of one type, not a text and a number; texts stand in quotes: `\"3\"`",
        ),
        (
            "'3' == signal.links",
            4,
            "`==` takes values of one type, not a text and a number; numbers stand without quotes: `3`",
        ),
        ("!score.spam", 1, "`!` takes a bool, not a number; compare it, such as `score.spam > 0.5`"),
        ("signal.links in ['a']", 13, "a number is never in a list with a text"),
        ("signal.links in [score.spam]", 17, "behind `in` stand numbers and texts, written out"),
        (
            "author.name in list.shops",
            15,
            "`in` takes a list of values in square brackets; lists of the policy are list.NAME",
        ),
        ("author.name.matches('(')", 20, "not a regular expression: unclosed group"),
        ("author.name.matches(author.url)", 20, "`matches` takes a regular expression, written out"),
        (
            "size(author.name) > 3",
            4,
            "rules cannot do `size`; they know has, in, startsWith, endsWith, contains and matches",
        ),
        (
            "signal.links % 2 == 1",
            13,
            "rules cannot do `%`; they know has, in, startsWith, endsWith, contains and matches",
        ),
        ("[1, 2].all(x, x > 0)", 10, "rules have no loops (all, exists, map, filter)"),
        ("signal.link > 2", 0, "unknown field `signal.link`; did you mean `signal.links`?"),
        ("has(list.shops)", 4, "`list.shops` is always known; without `has`, it is true or false"),
        ("has(hits.shops)", 4, "`hits.shops` is always known; without `has`, it is a number"),
        ("has(list.shop)", 4, "unknown list `shop`; did you mean `shops`?"),
        ("score.spam > 0,8", 13, "not a condition: decimals are written with a point, such as 0.8"),
        (
            "author.age_days in [0,8] && score.spam > 0,8",
            41,
            "not a condition: decimals are written with a point, such as 0.8",
        ),
        ("has(author.nam)", 4, "unknown field `author.nam`; did you mean `author.name`?"),
        ("true ? 1 : 'a'", 5, "`? :` takes values of one type, not a number and a text"),
        ("author.name == null", 15, "only numbers, texts, true and false can be written out"),
        (&deep, 32, "brackets stand more than 32 deep"),
    ] {
        let faults = try_compile(source).unwrap_err();
        let told: Vec<_> = faults.iter().map(|fault| (fault.at, fault.message.as_str())).collect();
        assert_eq!(told, [(at, message)], "{source}");
    }
}

#[test]
fn what_stands_in_texts_and_comments_is_no_bracket() {
    let brackets = "(".repeat(40);
    for source in [
        format!("author.name != '{brackets}'"),
        format!("author.name != \"a\\\"{brackets}\""),
        format!("author.name != r'\\' && author.name != '{brackets}'"),
        format!("author.name != '''a'\n{brackets}'''"),
        format!("author.name != R\"\"\"\\\"{brackets}\"\"\""),
        format!("author.name.matches('{}')", "\\\\(".repeat(40)),
        format!("true // {brackets}\n && true"),
        format!("{}true", "!".repeat(600)),
        format!("score.spam > {}1.0", "-".repeat(600)),
    ] {
        compile(&source);
    }
    for (source, at) in [
        (format!("author.name != 'a' && {brackets}"), 22 + 32),
        (format!("author.name != '\\'' && {brackets}"), 23 + 32),
        (format!("author.name != r'\\' && {brackets}"), 23 + 32),
        // What is no text to the parser, or may be none, hides nothing from it.
        (format!("'\n{brackets}"), 2 + 32),
        (format!("' {brackets}"), 2 + 32),
        (format!("'\\x'{brackets}'"), 4 + 32),
        (format!("&'{brackets}'"), 2 + 32),
        (format!("true// '''\n{brackets}'''"), 11 + 32),
    ] {
        let faults = try_compile(&source).unwrap_err();
        let expected = Fault { at, message: "brackets stand more than 32 deep".into() };
        assert_eq!(faults, [expected], "{source}");
    }
    for times in [31, 32, 100] {
        let chain = "score.spam > 0.5 ? true : ".repeat(times) + "false";
        let told = try_compile(&chain).map(|_| ()).map_err(|faults| faults[0].message.clone());
        let expected = if times < 32 { Ok(()) } else { Err("operations stand more than 32 deep".into()) };
        assert_eq!(told, expected);
    }
}

#[test]
fn the_longest_chains_are_compiled_or_refused() {
    let told = |source: &str| try_compile(source).map(|_| ()).map_err(|faults| faults[0].message.clone());
    assert_eq!(told(&("1+".repeat(1_500) + "1")), Err("over the limit of 500 operations".into()));
    assert_eq!(told(&("a.".repeat(1_500) + "a")), Err("over the limit of 500 operations".into()));
    for (link, end) in [
        ("!", "true"),
        ("-", "1.0"),
        ("- ", "1"),
        ("true?true:", "true"),
        ("true?", "true"),
        ("1+", "1"),
        ("1<", "1"),
        ("true&&", "true"),
        ("a.", "b"),
        ("!-", "a"),
        ("'(',", "1"),
        ("''", ""),
        ("&", ""),
        ("[1]", ""),
        ("{}", ""),
        ("(1)", ""),
        ("1in ", "[1]"),
        ("in ", ""),
        ("a ", ""),
    ] {
        let source = link.repeat((4_096 - end.len()) / link.len()) + end;
        let _ = try_compile(&source).map_err(|faults| assert!(!faults.is_empty(), "{link}"));
    }
}

#[test]
fn patterns_are_charged_to_one_budget() {
    let mut budget = Budget::default();
    let lists = lists();
    let mut compile = |source: &str| {
        let compiled = Expression::compile(source, &lists, &mut budget);
        compiled.map(|_| ()).map_err(|faults| (faults[0].at, faults[0].message.clone()))
    };
    // Each can be in 604 states at once.
    let large = "comment.text.matches('(?:a?){300}b')";
    for _ in 0..3 {
        assert_eq!(compile(&[large; 2].join(" || ")), Ok(()));
    }
    let told = "patterns can be in more than 4000 states at once together";
    assert_eq!(compile(&format!("true || {large}")), Err((29, told.to_owned())));
    let told = "a pattern takes more than 1048576 bytes once it is compiled";
    assert_eq!(compile("author.name.matches('(?:a?){200000}')"), Err((20, told.to_owned())));

    let mut budget = Budget::default();
    let ten = ["author.name.matches('a')"; 10].join(" || ");
    for _ in 0..100 {
        assert!(Expression::compile(&ten, &lists, &mut budget).is_ok());
    }
    let faults = Expression::compile("author.name.matches('a')", &lists, &mut budget).unwrap_err();
    assert_eq!(faults, [Fault { at: 20, message: "over the limit of 1000 patterns together".into() }]);
}

#[test]
fn broken_syntax_is_told_where_it_breaks() {
    for (source, at) in [("score.spam > ", 13), ("(true", 5), ("true &&\n&& false", 8), ("", 0), ("1 = 2", 2)]
    {
        let faults = try_compile(source).unwrap_err();
        assert_eq!(faults[0].at, at, "{source}: {faults:?}");
        assert!(faults.iter().all(|fault| fault.message.starts_with("not a condition: ")), "{faults:?}");
        assert!(faults.iter().all(|fault| !fault.message.contains('\n')), "{faults:?}");
    }
}

#[test]
fn slips_from_other_languages_are_named() {
    for (source, at, hint) in [
        ("score.spam = 0.5", 11, "equality is written `==`"),
        ("score.spam => 0.5", 11, "at least is written `>=`"),
        ("score.spam ≥ 0.5", 11, "at least is written `>=`"),
        ("score.spam > 0.5 AND signal.links > 1", 17, "`and` is written `&&`"),
        ("comment.text == ' = or' or true", 24, "`or` is written `||`"),
        ("not list.words", 0, "`not` is written `!`, before brackets or a name"),
        ("score.spam > 80%", 15, "shares are written as numbers up to 1, such as 0.8 for 80 percent"),
        ("comment.text contains 'a'", 13, "it is written `FIELD.contains(\"a\")`"),
        ("author.name == “a”", 15, "texts stand in straight quotes, such as \"a\""),
    ] {
        let faults = try_compile(source).unwrap_err();
        assert_eq!(faults, [Fault { at, message: format!("not a condition: {hint}") }], "{source}");
    }
    let faults = try_compile("comment.text == 'a = b' && (true").unwrap_err();
    assert!(!faults[0].message.contains("equality"), "{faults:?}");
    let faults = try_compile("True").unwrap_err();
    assert_eq!(faults[0].message, "unknown field `True`; did you mean `true`?");
    let faults = try_compile("author.age > 3").unwrap_err();
    assert_eq!(faults[0].message, "unknown field `author.age`; did you mean `author.age_days`?");
}

#[test]
fn size_is_bounded() {
    let long = format!("'{}' == ''", "a".repeat(4_096));
    let wide = vec!["true"; 300].join(" && ");
    for source in [long, wide] {
        assert!(try_compile(&source).is_err());
    }
    compile(&vec!["score.spam > 0.5"; 60].join(" && "));
}

#[test]
fn spelling_does_not_change_what_a_condition_is() {
    let canonical = |source| compile(source).to_string();
    assert_eq!(canonical("score.spam>0.50&&list.shops"), canonical("(score.spam  > .5) && (list.shops)"));
    assert_ne!(canonical("score.spam > 0.5"), canonical("score.spam >= 0.5"));
    let source = "author.name in ['a', 'b'] ? !has(thread.id) : hits.shops - 1 > -2";
    assert_eq!(
        canonical(source),
        "((author.name in [\"a\", \"b\"]) ? (!has(thread.id)) : ((hits.shops - 1) > -2))"
    );
}

fn any_value(kind: Type) -> BoxedStrategy<Value<'static>> {
    let known = match kind {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => prop_oneof![0.0..=1.0f64, -10.0..1e9, Just(0.0)].prop_map(Value::Number).boxed(),
        Type::Text => prop::sample::select(vec!["", "a", "en", "é"]).prop_map(Value::Text).boxed(),
    };
    prop_oneof![1 => Just(Value::Unknown), 3 => known].boxed()
}

/// A comment that holds an entry of [`lists`], as it is looked at.
static LISTED: LazyLock<(Document, ListHits)> = LazyLock::new(|| {
    let (mut document, mut hits) = (Document::default(), ListHits::default());
    Analyzer::default().analyze(COMMENT, Format::Plain, &mut document);
    lists().find(&Comment::new(COMMENT, 100).unwrap(), &document, &mut hits);
    assert_eq!(hits.count(lists().find_list("shops").unwrap()), 1);
    (document, hits)
});
const COMMENT: &str = "my shop";

fn any_facts() -> impl Strategy<Value = Facts<'static>> {
    let values: Vec<_> = Field::ALL.iter().map(|field| any_value(field.kind())).collect();
    (values, any::<bool>()).prop_map(|(values, is_listed)| {
        let mut facts = Facts::default();
        if is_listed {
            let (document, hits) = &*LISTED;
            facts = facts.with_signals(&Comment::new(COMMENT, 100).unwrap(), document, hits);
        }
        Field::ALL.iter().zip(values).fold(facts, |facts, (field, value)| facts.with(*field, value))
    })
}

fn any_field(kind: Type) -> impl Strategy<Value = String> + Clone {
    let fields: Vec<&str> =
        Field::ALL.iter().filter(|field| field.kind() == kind).map(|field| field.name()).collect();
    prop::sample::select(fields).prop_map(str::to_owned)
}

/// Whether a condition is refused for comparing a score with what it never is.
fn is_idle(source: &str) -> bool {
    let is_idle = |fault: &Fault| fault.message.contains("is a score in 0..=1, which");
    try_compile(source).is_err_and(|faults| faults.iter().all(is_idle))
}

/// Conditions with everything that rules can write.
fn any_condition() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        4 => any_field(Type::Number),
        4 => (0..100i32).prop_map(|number| format!("{}", f64::from(number) / 10.0)),
        1 => Just("hits.shops".to_owned()),
    ];
    let number = number.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            3 => (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/"]), inner.clone())
                .prop_map(|(left, sign, right)| format!("({left} {sign} {right})")),
            1 => inner.clone().prop_map(|inner| format!("(-{inner})")),
            1 => (any_field(Type::Bool), inner.clone(), inner)
                .prop_map(|(condition, yes, no)| format!("({condition} ? {yes} : {no})")),
        ]
    });
    let text = || prop_oneof![any_field(Type::Text), Just("'a'".to_owned()), Just("'\u{e9}n'".to_owned())];
    let equals = || prop::sample::select(vec!["==", "!="]);
    let called =
        prop::sample::select(vec!["startsWith('a')", "endsWith('n')", "contains('')", "matches('a+')"]);
    let compared =
        (number.clone(), prop::sample::select(vec!["<", "<=", "==", "!=", ">", ">="]), number.clone())
            .prop_map(|(left, sign, right)| format!("{left} {sign} {right}"));
    let leaf = prop_oneof![
        4 => compared,
        2 => (any_field(Type::Text), called).prop_map(|(text, call)| format!("{text}.{call}")),
        1 => (any_field(Type::Text), text()).prop_map(|(text, part)| format!("{text}.contains({part})")),
        2 => (text(), equals(), text()).prop_map(|(left, sign, right)| format!("{left} {sign} {right}")),
        1 => (any_field(Type::Bool), equals(), any_field(Type::Bool))
            .prop_map(|(left, sign, right)| format!("{left} {sign} {right}")),
        1 => any_field(Type::Bool),
        1 => Just("list.shops".to_owned()),
        1 => any_field(Type::Text).prop_map(|text| format!("{text} in ['a', '\u{e9}']")),
        1 => number.prop_map(|number| format!("{number} in [0, 0.5, -1]")),
        1 => prop::sample::select(Field::ALL).prop_map(|field| format!("has({})", field.name())),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["&&", "||", "==", "!="]), inner.clone())
                .prop_map(|(left, sign, right)| format!("({left}) {sign} ({right})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(condition, yes, no)| format!("({condition}) ? ({yes}) : ({no})")),
            inner.prop_map(|inner| format!("!({inner})")),
        ]
    })
    .prop_filter("compares no score with what it never is", |source| !is_idle(source))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A sound condition has a truth value for any facts, and its negation has
    /// the opposite one; a policy that has it for a rule comes to a verdict and
    /// to an explanation, which agree with it.
    #[test]
    fn evaluation_is_total(source in any_condition(), facts in any_facts()) {
        let (plain, negated) = (compile(&source), compile(&format!("!({source})")));
        let expected = match plain.root.value(&facts) {
            Value::Bool(value) => Value::Bool(!value),
            Value::Unknown => Value::Unknown,
            other => return Err(TestCaseError::fail(format!("{other:?} is no truth value"))),
        };
        prop_assert_eq!(negated.root.value(&facts), expected);
        // Read again from its one way to be written, it is the same.
        let again = compile(&plain.to_string());
        prop_assert_eq!(again.to_string(), plain.to_string());

        let policy = format!(
            "[lists.shops]\nkind = \"words\"\nentries = [\"shop\"]\n[site.default]\ntrust.staff = false\n\
             [[site.default.rules]]\nname = \"r\"\nwhen = \"{source}\"\nthen = \"HOLD\"\n"
        );
        let policies = Policies::parse(&policy, "p.toml").map_err(|error| TestCaseError::fail(error.to_string()))?;
        let scores = Scores::from_fn(|_| Ok(Score::saturating(0.5)));
        let (mut verdict, site) = (Verdict::default(), policies.site(""));
        site.decide_on(&scores, &facts, &mut verdict);
        let (action, outcome) = match plain.truth(&facts) {
            Some(true) => (Action::Hold, Outcome::Fired),
            Some(false) => (Action::Publish, Outcome::NotMet),
            None => (Action::Publish, Outcome::Unknown),
        };
        prop_assert_eq!(verdict.action, action);
        let checks = site.explain(&scores, &facts);
        let check = checks.iter().find(|check| check.rule == "r").unwrap();
        prop_assert_eq!((check.outcome, check.holds), (outcome, plain.truth(&facts)));
    }

    /// Whatever the text, it is a condition or its faults lie in it.
    #[test]
    fn any_text_is_compiled_or_refused(
        source in "(score\\.spam|list\\.shops|hits|has|in|true|author\\.name|matches|[0-9]|0x|u|e|[-+*/%<>=!&|?:.,()\\[\\]{}'\"`é ]|\n){0,16}"
    ) {
        if let Err(faults) = try_compile(&source) {
            prop_assert!(!faults.is_empty());
            for fault in faults {
                prop_assert!(fault.at <= source.len() && !fault.message.contains('\n'), "{:?}", fault);
            }
        }
    }
}
