//! A machine that runs macOS, and the process that makes the calls.

/// The version, the caller and the oddities of a machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The version of macOS.
    pub major: u32,
    /// The caller's effective user.
    pub uid: u32,
    /// The caller's pid.
    pub pid: u32,
    /// A sandbox refuses the tables.
    pub refuses_tables: bool,
    /// A sandbox refuses to list processes.
    pub refuses_lists: bool,
    /// A sandbox refuses what the kernel knows of signatures.
    pub refuses_signatures: bool,
    /// The answers to what the kernel knows of signatures are not as they should be.
    pub garbles_signatures: bool,
    /// How many reads of a table find that it has outgrown the buffer.
    pub outgrown: u32,
    /// Lists outgrow the size that was returned for them.
    pub lists_grow: bool,
    /// The error number of the list of file ports; 0: it can be read.
    pub fileports_errno: i32,
    /// Each set has a record of an unknown kind.
    pub unknown_kinds: bool,
    /// So many bytes more in the header and in records that may grow.
    pub longer: usize,
    /// So many bytes more in the structures of libproc.
    pub larger: usize,
    /// The tables omit sockets of other processes: macOS 27.
    pub filters: bool,
    /// They do so for root too.
    pub filters_root: bool,
    /// Those of unix sockets omit them too.
    pub filters_unix: bool,
    /// The tables of unix sockets are refused after so many complete reads.
    pub refuses_unix_after: u32,
    /// The count in a filtered table is that of the sockets in it. The size that the kernel returns is always that of
    /// the whole table.
    pub counts_shown: bool,
}

impl Machine {
    /// A machine without oddities.
    pub fn new(major: u32, uid: u32, pid: u32) -> Self {
        Self {
            major,
            uid,
            pid,
            refuses_tables: false,
            refuses_lists: false,
            refuses_signatures: false,
            garbles_signatures: false,
            outgrown: 0,
            lists_grow: false,
            fileports_errno: 0,
            unknown_kinds: false,
            longer: 0,
            larger: 0,
            filters: major >= 27,
            filters_unix: false,
            refuses_unix_after: u32::MAX,
            filters_root: false,
            counts_shown: false,
        }
    }

    /// `kern.osrelease`: the version of Darwin, with its NUL.
    pub(super) fn darwin(&self) -> Vec<u8> {
        let major = match self.major {
            // macOS 10.15.
            ..=10 => 19,
            major @ 11..=15 => major + 9,
            major => major - 1,
        };
        format!("{major}.5.0\0").into_bytes()
    }

    /// Whether the tables are filtered for the caller.
    pub fn filters_caller(&self) -> bool {
        self.filters && (self.uid != 0 || self.filters_root)
    }
}
