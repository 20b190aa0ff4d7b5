//! `SYSTEM_PROCESS_INFORMATION`, in both widths of a pointer.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixture;
use netstat_wire::windows::PointerWidth;
use netstat_wire::windows::system_process_information::{ProcessRecord, Processes, record_size};
use netstat_wire::windows::utf_16::units;
use proptest::prelude::*;

const WIDTHS: [PointerWidth; 2] = [PointerWidth::Four, PointerWidth::Eight];

/// The address of the buffers of these tests.
const ADDRESS: u64 = 0x1234_5000;

#[derive(Clone, Debug)]
struct Process {
    pid: u32,
    parent: u32,
    created: i64,
    session: u32,
    name: Vec<u16>,
    threads: usize,
}

fn process(pid: u32, name: &str) -> Process {
    let name = name.encode_utf16().collect();
    Process { pid, parent: pid / 2, created: 1_000 + i64::from(pid), session: pid % 3, name, threads: 2 }
}

/// Sizes and offsets, independent of the crate: record, thread, Buffer, pid, parent, session.
fn offsets(width: PointerWidth) -> [usize; 6] {
    match width {
        PointerWidth::Four => [184, 64, 60, 68, 72, 80],
        PointerWidth::Eight => [256, 80, 64, 80, 88, 100],
    }
}

fn put_pointer(bytes: &mut [u8], at: usize, value: u64, width: PointerWidth) {
    match width {
        PointerWidth::Four => {
            bytes[at..at + 4].copy_from_slice(&u32::try_from(value).unwrap().to_ne_bytes());
        }
        PointerWidth::Eight => bytes[at..at + 8].copy_from_slice(&value.to_ne_bytes()),
    }
}

/// The bytes of these records, aligned to `align`.
fn answer(processes: &[Process], width: PointerWidth, align: usize) -> Vec<u8> {
    let [size, thread, buffer, pid, parent, session] = offsets(width);
    let mut answer: Vec<u8> = Vec::new();
    for (index, process) in processes.iter().enumerate() {
        let start = answer.len();
        let mut record = vec![0xa5; size + thread * process.threads];
        record[32..40].copy_from_slice(&process.created.to_ne_bytes());
        let length = u16::try_from(2 * process.name.len()).unwrap();
        record[56..58].copy_from_slice(&length.to_ne_bytes());
        let name_at = u64::try_from(start + record.len()).unwrap();
        let pointer = if process.name.is_empty() { 0 } else { ADDRESS + name_at };
        put_pointer(&mut record, buffer, pointer, width);
        put_pointer(&mut record, pid, process.pid.into(), width);
        put_pointer(&mut record, parent, process.parent.into(), width);
        record[session..session + 4].copy_from_slice(&process.session.to_ne_bytes());
        record.extend(process.name.iter().flat_map(|unit| unit.to_ne_bytes()));
        if index + 1 < processes.len() {
            record.resize(record.len().next_multiple_of(align), 0);
            let next = u32::try_from(record.len()).unwrap();
            record[..4].copy_from_slice(&next.to_ne_bytes());
        } else {
            record[..4].copy_from_slice(&[0; 4]);
        }
        answer.extend(record);
    }
    answer
}

fn is(record: &ProcessRecord<'_>, process: &Process) -> bool {
    (record.pid, record.parent, record.created, record.session)
        == (process.pid, process.parent, process.created, process.session)
        && units(record.name).eq(process.name.iter().copied())
}

fn world() -> Vec<Process> {
    let unpaired = Process { name: vec![0x0061, 0xd800, 0x0062], ..process(1236, "") };
    let idle = Process { parent: 0, created: 0, ..process(0, "") };
    vec![idle, process(4, "System"), process(1232, "svchost.exe"), unpaired, process(u32::MAX, "x")]
}

#[test]
fn every_field_is_read_from_its_offset_in_both_widths_and_alignments() {
    for width in WIDTHS {
        for align in [8, 2] {
            let bytes = answer(&world(), width, align);
            let read: Vec<_> = Processes::new(&bytes, ADDRESS, width).map(Result::unwrap).collect();
            assert_eq!(read.len(), world().len());
            for (record, process) in read.iter().zip(&world()) {
                assert!(is(record, process), "{record:?} {process:?}");
            }
        }
    }
}

#[test]
fn a_process_captured_under_wine_is_read() {
    if !common::little_endian() {
        return;
    }
    let answer = fixture!("wine-8.0__system_process_information_one");
    let expected = Process {
        pid: 32,
        parent: 0,
        created: 134_399_844_412_774_490,
        session: 1,
        name: "cap.exe".encode_utf16().collect(),
        threads: 1,
    };
    let read: Vec<_> =
        Processes::new(&answer, 0x1_4040_d040, PointerWidth::Eight).map(Result::unwrap).collect();
    assert_eq!(read.len(), 1);
    assert!(is(&read[0], &expected), "{read:?}");
}

#[test]
fn an_answer_cut_at_any_byte_has_whole_records_and_one_error() {
    for width in WIDTHS {
        let bytes = answer(&world(), width, 8);
        for cut in 0..bytes.len() {
            let mut records = Processes::new(&bytes[..cut], ADDRESS, width);
            let mut errors = 0;
            let mut whole = 0;
            for (index, record) in records.by_ref().enumerate() {
                match record {
                    Ok(record) => {
                        let process = &world()[index];
                        // A name that is cut off is empty.
                        assert!(is(&record, process) || record.name.is_empty(), "cut at {cut}");
                        assert_eq!(record.pid, process.pid);
                        whole += 1;
                    }
                    Err(error) => {
                        assert_eq!(error.record(), "SYSTEM_PROCESS_INFORMATION");
                        errors += 1;
                    }
                }
            }
            assert_eq!(records.next(), None);
            assert_eq!(errors == 0, whole == world().len(), "cut at {cut}: {whole} whole, {errors} errors");
            assert!(errors <= 1);
        }
    }
}

#[test]
fn a_chain_that_overlaps_itself_or_leaves_the_buffer_ends_in_an_error() {
    for width in WIDTHS {
        for next in [1, 8, u32::try_from(record_size(width)).unwrap() - 1, 1 << 20, u32::MAX] {
            let mut bytes = answer(&world()[..2], width, 8);
            bytes[..4].copy_from_slice(&next.to_ne_bytes());
            let read: Vec<_> = Processes::new(&bytes, ADDRESS, width).collect();
            assert_eq!(read.len(), 2, "{next}");
            assert!(read[0].is_ok() && read[1].is_err(), "{next}");
        }
    }
}

#[test]
fn a_name_outside_the_buffer_is_empty_and_keeps_the_process() {
    for width in WIDTHS {
        for pointer in [0, 8, ADDRESS - 2, 0xffff_fff0] {
            let mut bytes = answer(&[process(8, "lsass.exe")], width, 8);
            put_pointer(&mut bytes, offsets(width)[2], pointer, width);
            let read: Vec<_> = Processes::new(&bytes, ADDRESS, width).map(Result::unwrap).collect();
            assert_eq!(read.len(), 1);
            assert_eq!((read[0].pid, read[0].name), (8, &[][..]));
        }
    }
}

#[test]
fn a_process_id_beyond_32_bits_is_an_error_not_another_process() {
    let width = PointerWidth::Eight;
    let mut bytes = answer(&[process(8, "x")], width, 8);
    put_pointer(&mut bytes, 80, 1 << 32, width);
    let error = Processes::new(&bytes, ADDRESS, width).next().unwrap().unwrap_err();
    assert_eq!((error.offset(), error.need()), (80, None));
}

proptest! {
    #![proptest_config(common::property_tests())]

    #[test]
    fn any_bytes_are_processes_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        for width in WIDTHS {
            prop_assert!(Processes::new(&bytes, ADDRESS, width).count() <= 1 + bytes.len() / 184);
        }
    }

    #[test]
    fn a_process_is_read_as_it_was_written(
        pid in any::<u32>(), parent in any::<u32>(), created in any::<i64>(), session in any::<u32>(),
        name in prop::collection::vec(any::<u16>(), 0..300), threads in 0_usize..5,
    ) {
        let process = Process { pid, parent, created, session, name, threads };
        for width in WIDTHS {
            let bytes = answer(&[process.clone(), process.clone()], width, 8);
            let read: Vec<_> = Processes::new(&bytes, ADDRESS, width).map(Result::unwrap).collect();
            prop_assert_eq!(read.len(), 2);
            prop_assert!(read.iter().all(|record| is(record, &process)));
        }
    }
}
