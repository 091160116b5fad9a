//! Sparse rows as linfa records.

use linfa::dataset::Records;
use std::sync::Arc;
use thresher::features::{Group, SparseVec, Vectorizer};

/// Compressed sparse rows, the whole corpus.
#[derive(Debug, Default)]
pub struct Csr {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Csr {
    /// An empty matrix.
    pub fn new() -> Csr {
        Csr { starts: vec![0], ..Csr::default() }
    }

    /// Adds the vector of one comment as a row: idf over the group's norm.
    pub fn push(&mut self, vector: &SparseVec, vectorizer: &Vectorizer) {
        for group in Group::ALL {
            let scale = vector.scale(group);
            for &column in vector.columns(group) {
                self.columns.push(column);
                self.values.push(vectorizer.idf(column) * scale);
            }
        }
        self.starts.push(self.columns.len());
    }

    /// Adds a row of columns and values.
    #[cfg(test)]
    pub fn push_row(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        for (column, value) in row {
            self.columns.push(column);
            self.values.push(value);
        }
        self.starts.push(self.columns.len());
    }

    /// Appends another matrix's rows.
    pub fn append(&mut self, other: Csr) {
        let offset = self.columns.len();
        self.starts.extend(other.starts[1..].iter().map(|s| s + offset));
        self.columns.extend(other.columns);
        self.values.extend(other.values);
    }

    /// The columns and values of a row.
    pub fn row(&self, row: u32) -> (&[u32], &[f32]) {
        let range = self.starts[row as usize]..self.starts[row as usize + 1];
        (&self.columns[range.clone()], &self.values[range])
    }
}

/// Some rows of a matrix, in order; cheap to clone and to narrow, so that
/// folds and attributes share one copy of the corpus.
#[derive(Clone, Debug)]
pub struct Rows {
    matrix: Arc<Csr>,
    rows: Arc<[u32]>,
    columns: usize,
}

impl Rows {
    /// The named rows of a matrix with `columns` columns.
    pub fn new(matrix: Arc<Csr>, rows: impl Into<Arc<[u32]>>, columns: usize) -> Rows {
        Rows { matrix, rows: rows.into(), columns }
    }

    /// The rows, each as columns and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u32], &[f32])> {
        self.rows.iter().map(|&row| self.matrix.row(row))
    }
}

impl Records for Rows {
    type Elem = f32;

    fn nsamples(&self) -> usize {
        self.rows.len()
    }

    fn nfeatures(&self) -> usize {
        self.columns
    }
}
