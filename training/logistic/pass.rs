//! One pass over the rows for several models at once: what a row costs is
//! mostly finding its columns, which then serve all of them.

use super::loss;
use crate::matrix::Rows;
use linfa::dataset::Records;
use ndarray::Array1;
use std::io;

/// How many models share a pass at most: the weights and slopes of a column
/// fill the 64 bytes that a processor fetches at once.
pub const LANES: usize = 8;

/// What a model wants to know: its loss at some weights.
pub struct Question<'a> {
    /// A weight for each of the columns asked about, for features as they are
    /// in the rows before their idf.
    pub weights: Vec<f32>,
    /// The log-odds of a row without features.
    pub intercept: f64,
    /// What the model is to say, row by row.
    pub targets: &'a Array1<f32>,
    /// What each row counts; zero leaves it out. Empty when all count one.
    pub row_weights: &'a Array1<f32>,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The loss over all rows, each by its weight.
    pub cost: f64,
    /// Its slope in each weight.
    pub slopes: Vec<f32>,
    /// Its slope in the intercept.
    pub intercept_slope: f64,
}

/// A column's weights and slopes, a model each.
#[derive(Clone, Copy)]
struct Column<const L: usize> {
    weights: [f32; L],
    slopes: [f32; L],
}

/// The tables of passes, kept between them.
pub struct Pass<'a> {
    rows: &'a Rows,
    /// The columns that are asked about: all that the rows have.
    columns: &'a [u32],
    single: Vec<Column<1>>,
    several: Vec<Column<LANES>>,
}

impl<'a> Pass<'a> {
    /// Passes over some rows.
    pub fn new(rows: &'a Rows, columns: &'a [u32]) -> Pass<'a> {
        Pass { rows, columns, single: Vec::new(), several: Vec::new() }
    }

    /// Answers at most [`LANES`] questions. An answer does not depend on what
    /// else is asked.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn run(&mut self, questions: &[Question<'_>]) -> io::Result<Vec<Answer>> {
        match questions {
            [_] => run(self.rows, self.columns, &mut self.single, questions),
            _ => run(self.rows, self.columns, &mut self.several, questions),
        }
    }
}

fn run<const L: usize>(
    rows: &Rows,
    columns: &[u32],
    table: &mut Vec<Column<L>>,
    questions: &[Question<'_>],
) -> io::Result<Vec<Answer>> {
    debug_assert!(questions.len() <= L);
    table.resize(rows.nfeatures(), Column { weights: [0.0; L], slopes: [0.0; L] });
    for (number, &column) in columns.iter().enumerate() {
        let column = &mut table[column as usize];
        column.slopes = [0.0; L];
        for (weight, question) in column.weights.iter_mut().zip(questions) {
            *weight = question.weights[number];
        }
    }
    let row_weight = |question: &Question<'_>, i| question.row_weights.get(i).copied().unwrap_or(1.0);
    let mut answers = vec![Answer::default(); questions.len()];
    rows.visit(
        |i| questions.iter().any(|question| row_weight(question, i) != 0.0),
        |i, row| {
            let mut margins = [0.0f32; L];
            for (scale, columns) in row.groups() {
                let mut sums = [0.0f32; L];
                for &column in columns {
                    let weights = &table[column as usize].weights;
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
                }
                margins.iter_mut().zip(sums).for_each(|(margin, sum)| *margin += sum * scale);
            }
            let mut slopes = [0.0f32; L];
            for (lane, (question, answer)) in questions.iter().zip(&mut answers).enumerate() {
                let weight = f64::from(row_weight(question, i));
                if weight == 0.0 {
                    continue;
                }
                let margin = f64::from(margins[lane]) + question.intercept;
                let (cost, slope) = loss(margin, f64::from(question.targets[i]));
                answer.cost += weight * cost;
                answer.intercept_slope += weight * slope;
                slopes[lane] = (weight * slope) as f32;
            }
            for (scale, columns) in row.groups() {
                let steps = slopes.map(|slope| slope * scale);
                for &column in columns {
                    let slopes = &mut table[column as usize].slopes;
                    slopes.iter_mut().zip(steps).for_each(|(slope, step)| *slope += step);
                }
            }
        },
    )?;
    for (lane, answer) in answers.iter_mut().enumerate() {
        answer.slopes = columns.iter().map(|&column| table[column as usize].slopes[lane]).collect();
    }
    Ok(answers)
}
