//! Room for many rows, in large pages where the kernel has them.
//!
//! New memory comes in pages of 4 KiB, each when it is first written. That takes one to two microseconds, as much as it
//! takes to decode the twenty rows that are in one, and adds to the time of the dump. A page of 2 MiB takes a sixth
//! of what its parts would.
//!
//! Sources: madvise(2), the kernel's Documentation/admin-guide/mm/transhuge.rst.

use super::ffi;

/// From how many rows on: some 800 KiB of them.
const MANY: usize = 4096;

/// How many times as many there is room for then. Rows that have been written stay in small pages when the list grows,
/// so that it is not to grow often. Room that is not written takes no memory, but it takes addresses, of which a
/// process of 32 bits has few.
const TIMES: usize = if usize::BITS < 64 { 2 } else { 8 };

/// Makes room in a full list of many rows. Nothing, if there is no room to be had.
pub(super) fn make<T>(rows: &mut Vec<T>) {
    if rows.len() >= MANY && rows.try_reserve(rows.len() * (TIMES - 1)).is_ok() {
        ffi::prefer_large_pages(rows.spare_capacity_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_as_they_were_and_there_is_room_for_many_more() {
        let mut rows: Vec<[u64; 24]> = Vec::with_capacity(MANY);
        for row in 0..100_000 {
            if rows.len() == rows.capacity() {
                make(&mut rows);
                assert!(rows.capacity() >= TIMES * rows.len());
            }
            rows.push([row; 24]);
        }
        assert!((0..).zip(&rows).all(|(nth, row)| *row == [nth; 24]));
    }

    #[test]
    fn few_rows_have_no_more_room_than_they_would() {
        let mut rows = vec![0_u8; MANY - 1];
        rows.shrink_to_fit();
        let before = rows.capacity();
        make(&mut rows);
        assert_eq!(rows.capacity(), before);
    }
}
