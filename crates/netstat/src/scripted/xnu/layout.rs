//! The layout of XNU's records: offsets from its headers (`bsd/netinet/in_pcb.h`,
//! `bsd/netinet/tcp_var.h`, `bsd/sys/socketvar.h`, `bsd/sys/proc_info.h`), 64 bits.

/// A record of a known length, filled field by field. Other fields are zero, as many of the kernel's are.
#[derive(Clone, Debug)]
pub(super) struct Record(pub(super) Vec<u8>);

impl Record {
    pub(super) fn new(length: usize) -> Self {
        Self(vec![0; length])
    }

    /// Writes bytes at an offset.
    #[track_caller]
    pub(super) fn bytes(&mut self, offset: usize, bytes: &[u8]) -> &mut Self {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(super) fn u8(&mut self, offset: usize, value: u8) -> &mut Self {
        self.bytes(offset, &[value])
    }

    pub(super) fn u16(&mut self, offset: usize, value: u16) -> &mut Self {
        self.bytes(offset, &value.to_ne_bytes())
    }

    pub(super) fn u32(&mut self, offset: usize, value: u32) -> &mut Self {
        self.bytes(offset, &value.to_ne_bytes())
    }

    pub(super) fn u64(&mut self, offset: usize, value: u64) -> &mut Self {
        self.bytes(offset, &value.to_ne_bytes())
    }

    /// A port of a record of the tables: two bytes in network order.
    pub(super) fn port(&mut self, offset: usize, value: u16) -> &mut Self {
        self.bytes(offset, &value.to_be_bytes())
    }

    /// A port in libproc: an `int` with the two bytes in network order in its low half.
    pub(super) fn port_in_int(&mut self, offset: usize, value: u16) -> &mut Self {
        self.u32(offset, u32::from(value.to_be()))
    }

    /// The record with its padding to eight bytes.
    pub(super) fn padded(mut self) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        self.0
    }
}

/// `struct xinpgen` of so many bytes.
pub(super) fn xinpgen(length: usize, count: u32, generation: u64, socket_generation: u64) -> Vec<u8> {
    let mut record = set_record(length, count);
    record.u64(8, generation).u64(16, socket_generation);
    record.padded()
}

/// A record of a set with its length and kind.
pub(super) fn set_record(length: usize, kind: u32) -> Record {
    let mut record = Record::new(length);
    record.u32(0, u32::try_from(length).unwrap_or(0)).u32(4, kind);
    record
}
