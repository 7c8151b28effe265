//! Compressed sparse rows.

/// Rows of items in one allocation: of adjacency lists, the CSR form.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    /// The place at which each row begins, and behind the last row the number of items.
    offsets: Vec<u32>,
    items: Vec<T>,
}

impl<T> Rows<T> {
    /// No rows yet, and room for so many.
    pub(crate) fn with_capacity(rows: usize, items: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, items: Vec::with_capacity(items) }
    }

    /// Adds a row.
    pub(crate) fn push_row(&mut self, row: impl IntoIterator<Item = T>) {
        self.items.extend(row);
        self.offsets.push(index(self.items.len()));
    }

    pub(crate) fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The items of all rows.
    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }

    /// The positions of the items among those of all rows, for the rows in another order.
    pub(crate) fn positions(&self, order: &[u32]) -> Vec<u32> {
        order.iter().flat_map(|&row| self.offsets[row as usize]..self.offsets[row as usize + 1]).collect()
    }

    /// The place of the row's first item among the items of all rows.
    pub(crate) fn start(&self, row: usize) -> usize {
        self.offsets[row] as usize
    }

    pub(crate) fn row(&self, row: usize) -> &[T] {
        &self.items[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// The row of which the item at `position` among all items is a part.
    pub(crate) fn row_of(&self, position: usize) -> usize {
        self.offsets.partition_point(|&start| start as usize <= position) - 1
    }

    /// The rows in another order, with their items changed.
    pub(crate) fn rearranged<U>(&self, order: &[u32], mut change: impl FnMut(&T) -> U) -> Rows<U> {
        let mut rows = Rows::with_capacity(self.len(), self.items.len());
        for &row in order {
            rows.push_row(self.row(row as usize).iter().map(&mut change));
        }
        rows
    }

    /// The same rows with other items.
    pub(crate) fn each<U>(self, change: impl FnMut(T) -> U) -> Rows<U> {
        // Collecting would keep the room of larger items.
        let mut items = Vec::with_capacity(self.items.len());
        items.extend(self.items.into_iter().map(change));
        Rows { offsets: self.offsets, items }
    }

    /// Gives back the room that is not used.
    pub(crate) fn shrink(&mut self) {
        self.items.shrink_to_fit();
    }
}

impl Rows<u32> {
    /// The edges the other way round. Each row is sorted.
    pub(crate) fn reversed(&self) -> Self {
        let mut offsets = vec![0_u32; self.len() + 1];
        for &item in &self.items {
            offsets[item as usize] += 1;
        }
        for row in 1..offsets.len() {
            offsets[row] += offsets[row - 1];
        }
        let mut items = vec![0; self.items.len()];
        // Each row is filled from its end, which is then its beginning.
        for row in (0..self.len()).rev() {
            for &item in self.row(row) {
                let end = &mut offsets[item as usize];
                *end -= 1;
                items[*end as usize] = index(row);
            }
        }
        Self { offsets, items }
    }
}

/// Returns `number` as an index, of half the size.
///
/// # Panics
/// If there are 2³² nodes, inputs or edges: more than the nodes of any machine's memory.
pub(crate) fn index(number: usize) -> u32 {
    u32::try_from(number).expect("a graph has fewer than 2³² nodes, inputs and edges")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reversed_rows_hold_the_same_edges() {
        let mut rows = Rows::with_capacity(4, 4);
        for row in [&[1, 3][..], &[], &[1], &[0]] {
            rows.push_row(row.iter().copied());
        }
        let reversed = rows.reversed();
        let all: Vec<_> = (0..4).map(|row| reversed.row(row)).collect();
        assert_eq!(all, [&[3][..], &[0, 2], &[], &[0]]);
        assert_eq!(reversed.reversed().row(0), rows.row(0));
        let moved = rows.rearranged(&[2, 0, 1, 3], |item| item * 2);
        assert_eq!(
            (moved.row(0), moved.row(1), moved.row_of(0), moved.row_of(3)),
            (&[2][..], &[2, 6][..], 0, 3)
        );
    }
}
