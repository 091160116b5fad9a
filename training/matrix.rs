//! Sparse rows as linfa records: compact, in blocks, of which those that do
//! not fit in memory are read from a file, pass after pass.

mod row;
mod scratch;

pub use row::Row;
pub use scratch::Scratch;

use linfa::dataset::Records;
use scratch::Kept;
use std::io;
use std::sync::Arc;
use thresher::features::SparseVec;

/// How many rows a block has, but for the last.
pub const BLOCK: usize = 2048;

/// Rows next to each other, on their way into a [`Matrix`].
#[derive(Debug, Default)]
pub struct Block {
    ends: Vec<u32>,
    bytes: Vec<u8>,
    row: Row,
}

impl Block {
    /// Adds the vector of one comment as a row.
    pub fn push(&mut self, vector: &SparseVec) {
        self.row.set(vector);
        self.row.encode(&mut self.bytes);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Adds a row of groups of columns.
    #[cfg(test)]
    pub fn push_groups(&mut self, groups: [(f32, &[u32]); 3]) {
        self.row.set_groups(groups);
        self.row.encode(&mut self.bytes);
        self.ends.push(self.bytes.len() as u32);
    }

    /// Puts the rows away.
    ///
    /// # Errors
    /// When the scratch file cannot be written.
    pub fn keep(self, scratch: &Scratch) -> io::Result<KeptBlock> {
        Ok(KeptBlock { ends: self.ends.into(), bytes: scratch.keep(self.bytes)? })
    }
}

/// Rows next to each other, put away.
#[derive(Debug)]
pub struct KeptBlock {
    /// Where each row ends.
    ends: Box<[u32]>,
    bytes: Kept,
}

/// The features of a whole corpus, or of a sample.
#[derive(Debug)]
pub struct Matrix {
    blocks: Vec<KeptBlock>,
    scratch: Arc<Scratch>,
    /// The inverse document frequency of each column.
    idf: Arc<[f32]>,
}

impl Matrix {
    /// Blocks of [`BLOCK`] rows, the last of as many or fewer.
    pub fn new(blocks: Vec<KeptBlock>, scratch: Arc<Scratch>, idf: Arc<[f32]>) -> Matrix {
        Matrix { blocks, scratch, idf }
    }

    /// How many bytes did not fit in memory.
    pub fn spilled(&self) -> u64 {
        self.scratch.spilled()
    }

    /// Copies some rows into a matrix of their own, in memory, in the order
    /// given; ascending is quickest.
    ///
    /// # Errors
    /// When the scratch file cannot be read.
    pub fn gather(&self, rows: &[u32]) -> io::Result<Matrix> {
        let scratch = Scratch::memory();
        let mut reader = Reader::new(self);
        let blocks = rows.chunks(BLOCK).map(|rows| {
            let mut block = Block::default();
            for &row in rows {
                block.bytes.extend_from_slice(reader.bytes(row)?);
                block.ends.push(block.bytes.len() as u32);
            }
            block.keep(&scratch)
        });
        let blocks = blocks.collect::<io::Result<_>>()?;
        Ok(Matrix { blocks, scratch: Arc::new(scratch), idf: Arc::clone(&self.idf) })
    }
}

/// Reads rows one after another; each block is fetched once as long as they
/// ascend.
#[derive(Debug)]
pub struct Reader<'a> {
    matrix: &'a Matrix,
    /// The block in the buffer.
    block: usize,
    buffer: Vec<u8>,
    row: Row,
}

impl<'a> Reader<'a> {
    fn new(matrix: &'a Matrix) -> Reader<'a> {
        Reader { matrix, block: usize::MAX, buffer: Vec::new(), row: Row::default() }
    }

    fn bytes(&mut self, row: u32) -> io::Result<&[u8]> {
        let (number, row) = (row as usize / BLOCK, row as usize % BLOCK);
        let block = &self.matrix.blocks[number];
        let range =
            row.checked_sub(1).map_or(0, |before| block.ends[before] as usize)..block.ends[row] as usize;
        let bytes = match &block.bytes {
            Kept::File { .. } if self.block == number => &self.buffer,
            kept => {
                // An error leaves the buffer with neither block.
                self.block = usize::MAX;
                let bytes = self.matrix.scratch.read(kept, &mut self.buffer)?;
                self.block = number;
                bytes
            }
        };
        Ok(&bytes[range])
    }
}

/// Some rows of a matrix, in order; cheap to clone and to narrow, so that
/// folds and attributes share one copy of the corpus.
#[derive(Clone, Debug)]
pub struct Rows {
    matrix: Arc<Matrix>,
    rows: Arc<[u32]>,
}

impl Rows {
    /// The named rows of a matrix.
    pub fn new(matrix: Arc<Matrix>, rows: impl Into<Arc<[u32]>>) -> Rows {
        Rows { matrix, rows: rows.into() }
    }

    /// The inverse document frequency of each column.
    pub fn idf(&self) -> &[f32] {
        &self.matrix.idf
    }

    /// A reader, for [`get`](Self::get).
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.matrix)
    }

    /// The features of the row that stands at `index` here.
    ///
    /// # Errors
    /// When the scratch file cannot be read.
    pub fn get<'r>(&self, reader: &'r mut Reader<'_>, index: usize) -> io::Result<&'r Row> {
        // Taken out while the reader lends its buffer.
        let mut row = std::mem::take(&mut reader.row);
        let read = row.decode(reader.bytes(self.rows[index])?);
        reader.row = row;
        read.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the scratch file was damaged"))?;
        Ok(&reader.row)
    }

    /// Reads the rows of which `wanted` is true, from first to last.
    ///
    /// # Errors
    /// When the scratch file cannot be read.
    pub fn visit(&self, wanted: impl Fn(usize) -> bool, mut take: impl FnMut(usize, &Row)) -> io::Result<()> {
        let mut reader = self.reader();
        for index in (0..self.rows.len()).filter(|&index| wanted(index)) {
            take(index, self.get(&mut reader, index)?);
        }
        Ok(())
    }

    /// The columns that the rows have, in order.
    ///
    /// # Errors
    /// When the scratch file cannot be read.
    pub fn used_columns(&self) -> io::Result<Vec<u32>> {
        let mut used = vec![false; self.nfeatures()];
        self.visit(|_| true, |_, row| row.columns().iter().for_each(|&column| used[column as usize] = true))?;
        Ok((0..used.len() as u32).filter(|&column| used[column as usize]).collect())
    }
}

impl Records for Rows {
    type Elem = f32;

    fn nsamples(&self) -> usize {
        self.rows.len()
    }

    fn nfeatures(&self) -> usize {
        self.matrix.idf.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of which each has one column, its own number.
    fn numbered(count: u32, scratch: Scratch) -> Arc<Matrix> {
        let rows: Vec<u32> = (0..count).collect();
        let blocks = rows.chunks(BLOCK).map(|rows| {
            let mut block = Block::default();
            rows.iter().for_each(|row| block.push_groups([(1.0, &[*row]), (0.5, &[]), (0.5, &[7])]));
            block.keep(&scratch).unwrap()
        });
        let blocks = blocks.collect();
        Arc::new(Matrix::new(blocks, Arc::new(scratch), vec![1.0; count as usize].into()))
    }

    #[test]
    fn rows_are_found_in_memory_in_the_file_and_in_a_sample() {
        let folder = tempfile::tempdir().unwrap();
        for scratch in
            [Scratch::memory(), Scratch::new(folder.path(), 0), Scratch::new(folder.path(), 100_000)]
        {
            let matrix = numbered(5_000, scratch);
            let wanted = [0, 1, 2_047, 2_048, 4_096, 4_999];
            let sample = Arc::new(matrix.gather(&wanted).unwrap());
            let here = Rows::new(sample, (0..wanted.len() as u32).collect::<Vec<_>>());
            for rows in [here, Rows::new(matrix, wanted)] {
                let mut found = Vec::new();
                rows.visit(|index| index != 2, |index, row| found.push((index, row.columns().to_vec())))
                    .unwrap();
                let expected = [(0, 0), (1, 1), (3, 2_048), (4, 4_096), (5, 4_999)];
                assert_eq!(found, expected.map(|(index, row)| (index, vec![row, 7])));
            }
        }
    }
}
