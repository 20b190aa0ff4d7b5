//! Capacity for many rows, in huge pages where the kernel has them.
//!
//! The kernel maps new memory in pages of 4 KiB, each when it is first written. That takes one to two microseconds, as
//! long as decoding the twenty rows in the page, and adds to the time of the dump. A page of 2 MiB takes a sixth of
//! the time of its parts.
//!
//! Sources: madvise(2), the kernel's Documentation/admin-guide/mm/transhuge.rst.

use super::ffi;

/// The least number of rows: some 800 KiB of them.
const HUGE_MIN_ROWS: usize = 4096;

/// By what factor the capacity grows. Rows that have been written stay in small pages when the list grows, so it should
/// not grow often. Spare capacity that is not written takes no memory, but it takes addresses, of which a process of
/// 32 bits has few.
const GROWTH: usize = if usize::BITS < 64 { 2 } else { 8 };

/// Grows a full list of many rows eightfold, and advises huge pages for the spare capacity. Does nothing for a short
/// list, or if there is no memory.
pub(super) fn reserve_huge<T>(rows: &mut Vec<T>) {
    if rows.len() >= HUGE_MIN_ROWS && rows.try_reserve(rows.len() * (GROWTH - 1)).is_ok() {
        ffi::advise_huge_pages(rows.spare_capacity_mut());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_as_they_were_and_the_capacity_is_for_many_more() {
        let mut rows: Vec<[u64; 24]> = Vec::with_capacity(HUGE_MIN_ROWS);
        for row in 0..100_000 {
            if rows.len() == rows.capacity() {
                reserve_huge(&mut rows);
                assert!(rows.capacity() >= GROWTH * rows.len());
            }
            rows.push([row; 24]);
        }
        assert!((0..).zip(&rows).all(|(nth, row)| *row == [nth; 24]));
    }

    #[test]
    fn few_rows_have_no_more_capacity_than_before() {
        let mut rows = vec![0_u8; HUGE_MIN_ROWS - 1];
        rows.shrink_to_fit();
        let before = rows.capacity();
        reserve_huge(&mut rows);
        assert_eq!(rows.capacity(), before);
    }
}
