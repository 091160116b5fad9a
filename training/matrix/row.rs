//! A comment's features as they are kept: for each group what its features
//! weigh beside their idf, and the sorted columns as gaps of sixteen bits. A
//! tenth of a kilobyte holds a hundred characters' worth of text, a quarter of
//! what columns and values would take.

use thresher::features::{Group, SparseVec};

/// Stands before a gap that needs 32 bits.
const WIDE: u16 = u16::MAX;

/// Bytes before the gaps of a group: its scale, and how many units of sixteen
/// bits follow.
const HEADER: usize = 8;

/// The features of one comment, taken out of their form in memory or on disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    columns: Vec<u32>,
    ends: [usize; Group::COUNT],
    scales: [f32; Group::COUNT],
}

impl Row {
    /// Each group: what a column's idf is multiplied with to give its value,
    /// and the columns, in order.
    pub fn groups(&self) -> impl Iterator<Item = (f32, &[u32])> {
        let begins = [0].into_iter().chain(self.ends);
        begins.zip(self.ends).zip(self.scales).map(|((begin, end), scale)| (scale, &self.columns[begin..end]))
    }

    /// The columns of all groups.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// Writes a comment's vector over the row.
    pub fn set(&mut self, vector: &SparseVec) {
        self.set_groups(Group::ALL.map(|group| (vector.scale(group), vector.columns(group))));
    }

    /// Writes groups of distinct columns over the row.
    pub fn set_groups(&mut self, groups: [(f32, &[u32]); Group::COUNT]) {
        self.columns.clear();
        for (i, (scale, columns)) in groups.into_iter().enumerate() {
            let begin = self.columns.len();
            self.columns.extend_from_slice(columns);
            self.columns[begin..].sort_unstable();
            self.ends[i] = self.columns.len();
            self.scales[i] = scale;
        }
    }

    /// Appends the row's bytes.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        for (scale, columns) in self.groups() {
            bytes.extend(scale.to_le_bytes());
            let length = bytes.len();
            bytes.extend([0; HEADER - 4]);
            let begin = bytes.len();
            let mut before = 0;
            for &column in columns {
                match u16::try_from(column - before) {
                    Ok(gap) if gap != WIDE => bytes.extend(gap.to_le_bytes()),
                    _ => {
                        bytes.extend(WIDE.to_le_bytes());
                        bytes.extend((column - before).to_le_bytes());
                    }
                }
                before = column;
            }
            let units = ((bytes.len() - begin) / 2) as u32;
            bytes[length..begin].copy_from_slice(&units.to_le_bytes());
        }
    }

    /// Reads a row that [`encode`](Self::encode) wrote. `None` when the bytes
    /// are none.
    pub fn decode(&mut self, mut bytes: &[u8]) -> Option<()> {
        let mut written = 0;
        for i in 0..Group::COUNT {
            let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
            let [a, b, c, d, units @ ..] = *header;
            self.scales[i] = f32::from_le_bytes([a, b, c, d]);
            let units = u32::from_le_bytes(units) as usize;
            let (gaps, rest) = rest.split_at_checked(2 * units)?;
            bytes = rest;
            // Wide gaps leave some of these unwritten, to be cut off below.
            if self.columns.len() < written + units {
                self.columns.resize(written + units, 0);
            }
            let mut gaps = gaps.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            let mut column = 0u32;
            while let Some(gap) = gaps.next() {
                column = column.checked_add(match gap {
                    WIDE => u32::from(gaps.next()?) | u32::from(gaps.next()?) << 16,
                    gap => u32::from(gap),
                })?;
                self.columns[written] = column;
                written += 1;
            }
            self.ends[i] = written;
        }
        self.columns.truncate(written);
        bytes.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    proptest! {
        /// Whatever is written is read again, over whatever was there.
        #[test]
        fn rows_are_read_as_they_were_written(
            rows in vec([
                (any::<f32>(), btree_set(0..u32::MAX, 0..60)),
                (any::<f32>(), btree_set(0..70_000u32, 0..60)),
                (any::<f32>(), btree_set(0..200u32, 0..60)),
            ], 1..5)
        ) {
            let mut read = Row::default();
            for groups in rows {
                let mut row = Row::default();
                let columns = groups.each_ref().map(|(_, c)| c.iter().rev().copied().collect::<Vec<_>>());
                row.set_groups([0, 1, 2].map(|i| (groups[i].0, &columns[i][..])));
                let mut bytes = Vec::new();
                row.encode(&mut bytes);
                prop_assert_eq!(read.decode(&bytes), Some(()));
                for ((scale, columns), (expected, set)) in read.groups().zip(&groups) {
                    prop_assert_eq!(scale.to_bits(), expected.to_bits());
                    prop_assert!(columns.iter().eq(set));
                }
                prop_assert_eq!(read.columns().len(), row.columns().len());
                prop_assert_eq!(read.decode(&bytes[..bytes.len() - 1]), None, "cut short");
            }
        }

        /// Bytes that are none of ours are refused or read, and never more.
        #[test]
        fn any_bytes_have_an_answer(bytes in vec(any::<u8>(), 0..200)) {
            let mut row = Row::default();
            if row.decode(&bytes).is_some() {
                prop_assert_eq!(row.groups().map(|(_, columns)| columns.len()).sum::<usize>(), row.columns().len());
            }
        }
    }
}
