//! A small eBPF assembler, for programs that check a record, return if it does not match, and write it out if it does:
//! all jumps lead to the end.
//!
//! Sources: linux/bpf.h, linux/bpf_common.h, the kernel's Documentation/bpf/standardization/instruction-set.rst.

/// A register. A call takes its arguments in `R1` to `R5`, returns its result in `R0`, and clobbers `R0` to `R5`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Register {
    R0 = 0,
    R1 = 1,
    R2 = 2,
    R3 = 3,
    R6 = 6,
    R7 = 7,
    R8 = 8,
    R9 = 9,
    /// The end of the 512-byte stack; read-only.
    Frame = 10,
}

/// The number of bytes loaded or stored; loads zero the rest of the register.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Bytes1,
    Bytes2,
    Bytes4,
    Bytes8,
}

impl Width {
    pub(crate) const fn of(bytes: u32) -> Option<Self> {
        match bytes {
            1 => Some(Self::Bytes1),
            2 => Some(Self::Bytes2),
            4 => Some(Self::Bytes4),
            8 => Some(Self::Bytes8),
            _ => None,
        }
    }

    /// `BPF_B`, `BPF_H`, `BPF_W`, `BPF_DW`.
    const fn code(self) -> u8 {
        match self {
            Self::Bytes1 => 0x10,
            Self::Bytes2 => 0x08,
            Self::Bytes4 => 0x00,
            Self::Bytes8 => 0x18,
        }
    }
}

/// `BPF_LDX | BPF_MEM`, `BPF_STX | BPF_MEM`; the width is added.
const LOAD: u8 = 0x61;
const STORE: u8 = 0x63;
/// `BPF_ALU64`, by a constant (`BPF_K`) or a register (`BPF_X`).
const ADD_CONSTANT: u8 = 0x07;
const AND_CONSTANT: u8 = 0x57;
const SET_CONSTANT: u8 = 0xb7;
const COPY: u8 = 0xbf;
/// `BPF_JMP`.
const JUMP_IF_EQUAL: u8 = 0x15;
const JUMP_UNLESS_EQUAL: u8 = 0x55;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// `struct bpf_insn`.
#[derive(Copy, Clone, Debug)]
struct Instruction {
    code: u8,
    to: Register,
    from: Register,
    offset: i16,
    constant: i32,
}

impl Instruction {
    fn encode(self) -> [u8; 8] {
        let (to, from) = (self.to as u8, self.from as u8);
        // Two bit fields, which C allocates from the least significant end on little-endian machines.
        let registers = if cfg!(target_endian = "little") { from << 4 | to } else { to << 4 | from };
        let [offset0, offset1] = self.offset.to_ne_bytes();
        let [constant0, constant1, constant2, constant3] = self.constant.to_ne_bytes();
        [self.code, registers, offset0, offset1, constant0, constant1, constant2, constant3]
    }
}

/// A program under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    instructions: Vec<Instruction>,
}

impl Assembler {
    // A copy for each instruction of each program would be long.
    #[inline(never)]
    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, constant: i32) {
        self.instructions.push(Instruction { code, to, from, offset, constant });
    }

    /// `to = *(from + offset)`
    pub(crate) fn load(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        self.push(LOAD | width.code(), to, from, offset, 0);
    }

    /// `*(to + offset) = from`
    pub(crate) fn store(&mut self, width: Width, to: Register, offset: i16, from: Register) {
        self.push(STORE | width.code(), to, from, offset, 0);
    }

    /// `to = constant`
    pub(crate) fn set(&mut self, to: Register, constant: i32) {
        self.push(SET_CONSTANT, to, Register::R0, 0, constant);
    }

    /// `to = from`
    pub(crate) fn copy(&mut self, to: Register, from: Register) {
        self.push(COPY, to, from, 0, 0);
    }

    /// `to += constant`
    pub(crate) fn add(&mut self, to: Register, constant: i32) {
        self.push(ADD_CONSTANT, to, Register::R0, 0, constant);
    }

    /// `to &= constant`
    pub(crate) fn and(&mut self, to: Register, constant: i32) {
        self.push(AND_CONSTANT, to, Register::R0, 0, constant);
    }

    /// Jumps to the end if `register == constant`.
    pub(crate) fn exit_if_equal(&mut self, register: Register, constant: i32) {
        self.push(JUMP_IF_EQUAL, register, Register::R0, 0, constant);
    }

    /// Jumps to the end if `register != constant`.
    pub(crate) fn exit_unless_equal(&mut self, register: Register, constant: i32) {
        self.push(JUMP_UNLESS_EQUAL, register, Register::R0, 0, constant);
    }

    /// Calls a kernel helper by its number, `BPF_FUNC_*`.
    pub(crate) fn call(&mut self, helper: i32) {
        self.push(CALL, Register::R0, Register::R0, 0, helper);
    }

    /// Appends `return 0`, the target of all jumps.
    pub(crate) fn finish(mut self) -> Vec<[u8; 8]> {
        let end = self.instructions.len();
        for (place, instruction) in self.instructions.iter_mut().enumerate() {
            if matches!(instruction.code, JUMP_IF_EQUAL | JUMP_UNLESS_EQUAL) {
                // Relative to the next instruction. Programs have some dozens of instructions.
                instruction.offset = i16::try_from(end - place - 1).unwrap_or(i16::MAX);
            }
        }
        self.set(Register::R0, 0);
        self.push(EXIT, Register::R0, Register::R0, 0, 0);
        self.instructions.into_iter().map(Instruction::encode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Register::{Frame, R0, R1, R2, R3, R6, R7};
    use super::*;

    /// The bytes on a little-endian machine, as the macros of linux/filter.h lay them out.
    fn assert_encoded(write: impl FnOnce(&mut Assembler), expected: [u8; 8]) {
        let mut assembler = Assembler::default();
        write(&mut assembler);
        let first = assembler.finish()[0];
        if cfg!(target_endian = "little") {
            assert_eq!(first, expected);
        }
    }

    #[test]
    fn each_instruction_is_encoded_as_the_kernel_decodes_it() {
        // BPF_LDX_MEM
        assert_encoded(|to| to.load(Width::Bytes1, R0, R1, 0), [0x71, 0x10, 0, 0, 0, 0, 0, 0]);
        assert_encoded(|to| to.load(Width::Bytes2, R3, R2, 0x1234), [0x69, 0x23, 0x34, 0x12, 0, 0, 0, 0]);
        assert_encoded(|to| to.load(Width::Bytes4, R7, R6, -1), [0x61, 0x67, 0xff, 0xff, 0, 0, 0, 0]);
        assert_encoded(|to| to.load(Width::Bytes8, R6, R1, 24), [0x79, 0x16, 24, 0, 0, 0, 0, 0]);
        // BPF_STX_MEM
        assert_encoded(|to| to.store(Width::Bytes8, Frame, -16, R3), [0x7b, 0x3a, 0xf0, 0xff, 0, 0, 0, 0]);
        assert_encoded(|to| to.store(Width::Bytes4, Frame, -8, R1), [0x63, 0x1a, 0xf8, 0xff, 0, 0, 0, 0]);
        // BPF_MOV64_IMM, BPF_MOV64_REG, BPF_ALU64_IMM
        assert_encoded(|to| to.set(R3, 16), [0xb7, 3, 0, 0, 16, 0, 0, 0]);
        assert_encoded(|to| to.copy(R2, Frame), [0xbf, 0xa2, 0, 0, 0, 0, 0, 0]);
        assert_encoded(|to| to.add(R2, -16), [0x07, 2, 0, 0, 0xf0, 0xff, 0xff, 0xff]);
        assert_encoded(|to| to.and(R3, 0xf000), [0x57, 3, 0, 0, 0, 0xf0, 0, 0]);
        // BPF_JMP_IMM with offset 0, BPF_EMIT_CALL
        assert_encoded(|to| to.exit_if_equal(R7, 0), [0x15, 7, 0, 0, 0, 0, 0, 0]);
        let expected = [0x55, 1, 0, 0, 0x4b, 0x43, 0x4f, 0x53];
        assert_encoded(|to| to.exit_unless_equal(R1, 0x534f_434b), expected);
        assert_encoded(|to| to.call(127), [0x85, 0, 0, 0, 127, 0, 0, 0]);
        assert_encoded(|_| (), [0xb7, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn jumps_lead_to_the_end_which_returns_0() {
        let mut assembler = Assembler::default();
        assembler.exit_if_equal(R1, 0);
        assembler.call(1);
        assembler.exit_unless_equal(R1, 0);
        assembler.call(1);
        let code = assembler.finish();
        let offset = |place: usize| i16::from_ne_bytes([code[place][2], code[place][3]]);
        assert_eq!((offset(0), offset(2)), (3, 1));
        assert_eq!((code[4][0], code[5]), (SET_CONSTANT, [EXIT, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(code.len(), 6);
    }
}
