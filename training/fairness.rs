//! `fairness`: whether naming a group of people changes what a model makes of
//! a comment.

mod areas;
pub mod templates;

use crate::corpus::{Corpus, Row, Set};
use crate::manifest::DataArgs;
use crate::metrics::Scored;
use crate::scored::{self, RowScores};
use crate::{progress, table};
use anyhow::{Result, bail};
use areas::Areas;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use templates::TERMS;
use thresher::attribute::{Attribute, AttributeSet, PerAttribute};
use thresher::comment::Format;
use thresher::moderator::Moderator;

/// What the sentences of the templates are labelled for: each abusive one
/// insults somebody.
const OF_TEMPLATES: [Attribute; 2] = [Attribute::Toxicity, Attribute::Insult];

/// Arguments of `fairness`.
#[derive(clap::Args)]
#[command(
    after_help = "Three areas under the ROC curve for each term (Borkan et al. 2019): within the rows that
name it; of abuse that does not name it against harmless rows that do (BPSN: low where
harmless rows are punished for the term); of harmless rows that do not name it against
abuse that does (BNSP: low where abuse passes because of the term).

Without --data, on sentences of templates, polite and abusive, that differ in the term.
With --data, on real rows too, set by set, as means of the sets with ten positives and
ten negatives that name the term. Terms are found as words: of `white` and `old`, some
rows speak of other things.

Examples:
  thresher-train fairness
  thresher-train fairness --model mine.safetensors --data mine.jsonl --attribute IDENTITY_ATTACK"
)]
pub struct Args {
    /// The model file; the shipped model when not given
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// The attribute; may be given several times. The templates are labelled
    /// for TOXICITY and INSULT
    #[arg(long, value_name = "ATTRIBUTE", default_value = "TOXICITY", value_parser = crate::cross_validate::attribute)]
    attribute: Vec<Attribute>,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// What was measured of one attribute on one kind of rows.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The attribute's name.
    pub attribute: &'static str,
    /// `templates` or `data`.
    pub on: &'static str,
    /// The worst first.
    pub terms: Vec<Line>,
    /// The mean of the terms.
    pub average: Areas,
    /// How far the lowest area of a term lies below the average.
    pub largest_drop: Drops,
}

/// One term.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The word.
    pub term: &'static str,
    /// What it tells people apart by.
    pub by: &'static str,
    /// Labelled rows that name it.
    pub rows: usize,
    /// The positive ones among them.
    pub positives: usize,
    /// Its areas.
    #[serde(flatten)]
    pub areas: Areas,
}

/// For each area, the term that lies furthest below the average.
#[derive(Clone, Debug, Serialize)]
pub struct Drops {
    /// Of the area within the term.
    pub subgroup: Option<TermDrop>,
    /// Of the area of harmless rows that name it.
    pub bpsn: Option<TermDrop>,
    /// Of the area of abusive rows that name it.
    pub bnsp: Option<TermDrop>,
}

/// A term and how far it lies below the average.
#[derive(Clone, Debug, Serialize)]
pub struct TermDrop {
    /// The word.
    pub term: &'static str,
    /// The average less the term's area.
    pub drop: f64,
}

/// Prints the tables.
pub fn run(args: &Args) -> Result<()> {
    let moderator = scored::moderator(args.model.as_deref())?;
    let has_data = !args.data.data.is_empty() || args.data.manifest.is_some();
    for attribute in &args.attribute {
        if moderator.model().heads()[*attribute].is_none() {
            bail!("the model was not trained for {attribute}");
        }
        if !OF_TEMPLATES.contains(attribute) && !has_data {
            bail!("the templates have no label for {attribute}: give --data PATH with rows that have one");
        }
    }
    let mut reports = Vec::new();
    let of_templates: Vec<Attribute> =
        args.attribute.iter().copied().filter(|a| OF_TEMPLATES.contains(a)).collect();
    measure(&corpus_of_templates(), &moderator, &of_templates, "templates", &mut reports)?;
    if has_data {
        let sets = args.data.sets()?;
        let bar = progress::bar("reading", sets.len() as u64);
        let corpus = Corpus::read(sets, true, &bar)?;
        measure(&corpus, &moderator, &args.attribute, "data", &mut reports)?;
    }
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        outln!("model {}", moderator.model().version());
        reports.iter().for_each(print);
    }
    Ok(())
}

/// The figures on the templates, for the attributes that they have labels for
/// and a model was trained for.
pub fn reported(moderator: &Moderator) -> Result<Vec<Report>> {
    let is_trained = |a: &Attribute| moderator.model().heads()[*a].is_some();
    let attributes: Vec<Attribute> = OF_TEMPLATES.iter().copied().filter(is_trained).collect();
    let mut reports = Vec::new();
    measure(&corpus_of_templates(), moderator, &attributes, "templates", &mut reports)?;
    Ok(reports)
}

/// The sentences of the templates as if they had been read from a file.
fn corpus_of_templates() -> Corpus {
    let sentences = templates::sentences().into_iter().enumerate();
    let rows = sentences.map(|(i, sentence)| {
        let label = if sentence.abusive { 1.0 } else { 0.0 };
        Row {
            id: String::new(),
            set: 0,
            text: sentence.text,
            format: Format::Plain,
            thread: None,
            parent: None,
            weight: 1.0,
            labels: PerAttribute::from_fn(|a| OF_TEMPLATES.contains(&a).then_some(label)),
            soft: None,
            made: false,
            company: None,
            group: i as u64,
            key: i as u64,
        }
    });
    let set = Set { name: "templates".to_owned(), weight: 1.0, ..Set::default() };
    Corpus { rows: rows.collect(), sets: vec![set], threads: Vec::new() }
}

fn measure(
    corpus: &Corpus,
    moderator: &Moderator,
    attributes: &[Attribute],
    on: &'static str,
    reports: &mut Vec<Report>,
) -> Result<()> {
    let rows = scored::labelled(corpus);
    let asked: AttributeSet = attributes.iter().copied().collect();
    let text = |row: u32| Cow::Borrowed(corpus.rows[row as usize].text.as_str());
    let scores = scored::score_as(corpus, moderator, &rows, asked, text)?;
    let named: Vec<Vec<usize>> = rows.iter().map(|&row| templates::named(&text(row))).collect();
    for &attribute in attributes {
        reports.push(report(corpus, &rows, &scores, &named, attribute, on));
    }
    Ok(())
}

fn report(
    corpus: &Corpus,
    rows: &[u32],
    scores: &[RowScores],
    named: &[Vec<usize>],
    attribute: Attribute,
    on: &'static str,
) -> Report {
    // The labelled rows of each set, with the terms they name.
    let mut sets: BTreeMap<u32, Vec<(Scored, &[usize])>> = BTreeMap::new();
    for ((&row, scores), named) in rows.iter().zip(scores).zip(named) {
        let row = &corpus.rows[row as usize];
        if let (Some(label), Some(score)) = (row.labels[attribute], scores[attribute]) {
            sets.entry(row.set).or_default().push((Scored { score, positive: label >= 0.5 }, named));
        }
    }
    let line = |i: usize| {
        let parts: Vec<[Vec<Scored>; 2]> = sets
            .values()
            .map(|rows| {
                [true, false].map(|inside| {
                    let part = rows.iter().filter(|(_, named)| named.contains(&i) == inside);
                    part.map(|(scored, _)| *scored).collect()
                })
            })
            .collect();
        let areas: Vec<Areas> =
            parts.iter().map(|[subgroup, background]| Areas::new(subgroup, background)).collect();
        let subgroup = || parts.iter().flat_map(|[subgroup, _]| subgroup);
        Line {
            term: TERMS[i].word,
            by: TERMS[i].by,
            rows: subgroup().count(),
            positives: subgroup().filter(|s| s.positive).count(),
            areas: Areas::mean(&areas),
        }
    };
    let mut terms: Vec<Line> = (0..TERMS.len()).map(line).collect();
    let worth = |l: &Line| (l.areas.bpsn.unwrap_or(2.0), l.areas.subgroup.unwrap_or(2.0));
    terms.sort_by(|a, b| worth(a).0.total_cmp(&worth(b).0).then(worth(a).1.total_cmp(&worth(b).1)));
    let average = Areas::mean(&terms.iter().map(|l| l.areas).collect::<Vec<_>>());
    let drop = |area: fn(&Areas) -> Option<f64>| {
        let lowest = terms.iter().filter_map(|l| Some((l.term, area(&l.areas)?)));
        let (term, lowest) = lowest.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(TermDrop { term, drop: area(&average)? - lowest })
    };
    let largest_drop =
        Drops { subgroup: drop(|a| a.subgroup), bpsn: drop(|a| a.bpsn), bnsp: drop(|a| a.bnsp) };
    Report { attribute: attribute.name(), on, terms, average, largest_drop }
}

fn print(report: &Report) {
    outln!("{} on {}:", report.attribute, report.on);
    let mut out = table::new(["term", "by", "rows", "positive", "subgroup AUC", "BPSN AUC", "BNSP AUC"]);
    let shown = |area: Option<f64>| table::figure(area.unwrap_or(f64::NAN));
    let areas = |areas: &Areas| [areas.subgroup, areas.bpsn, areas.bnsp].map(shown);
    let mut unknown = Vec::new();
    for line in &report.terms {
        if line.areas == Areas::default() {
            unknown.push(line.term);
            continue;
        }
        let counts =
            [line.term.to_owned(), line.by.to_owned(), line.rows.to_string(), line.positives.to_string()];
        out.add_row(counts.into_iter().chain(areas(&line.areas)));
    }
    let average = ["average".to_owned(), String::new(), String::new(), String::new()];
    out.add_row(average.into_iter().chain(areas(&report.average)));
    outln!("{out}");
    if !unknown.is_empty() {
        outln!("too few rows: {}", unknown.join(", "));
    }
    let drops = &report.largest_drop;
    for (area, drop) in [("subgroup", &drops.subgroup), ("BPSN", &drops.bpsn), ("BNSP", &drops.bnsp)] {
        if let Some(TermDrop { term, drop }) = drop {
            outln!("largest drop of {area} AUC against the average: {drop:.4} ({term})");
        }
    }
}
