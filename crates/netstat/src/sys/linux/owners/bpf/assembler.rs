//! A small eBPF assembler. Jumps lead to labels; [`Label::END`], where the program returns 0, is placed by
//! [`Assembler::finish`].
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
    R4 = 4,
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

    pub(crate) const fn bytes(self) -> i32 {
        match self {
            Self::Bytes1 => 1,
            Self::Bytes2 => 2,
            Self::Bytes4 => 4,
            Self::Bytes8 => 8,
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

/// An operation of 64 bits: `to = to <operation> operand`. The values are the codes of `BPF_ALU64`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Operation {
    Add = 0x07,
    Multiply = 0x27,
    Or = 0x47,
    And = 0x57,
    ShiftLeft = 0x67,
    ShiftRight = 0x77,
    Xor = 0xa7,
    Set = 0xb7,
}

/// When to jump. Comparisons are unsigned. The values are the codes of `BPF_JMP`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum If {
    Equal = 0x15,
    Greater = 0x25,
    AtLeast = 0x35,
    Unequal = 0x55,
    Less = 0xa5,
}

/// The second operand of an operation or a comparison.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Constant(i32),
    Register(Register),
}

impl From<i32> for Operand {
    fn from(constant: i32) -> Self {
        Self::Constant(constant)
    }
}

impl From<Register> for Operand {
    fn from(register: Register) -> Self {
        Self::Register(register)
    }
}

/// A place in the program, the target of jumps.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label(usize);

impl Label {
    /// The end, which returns 0.
    pub(crate) const END: Self = Self(0);
}

/// `BPF_LDX | BPF_MEM`, `BPF_STX | BPF_MEM`, `BPF_ST | BPF_MEM`; the width is added.
const LOAD: u8 = 0x61;
const STORE: u8 = 0x63;
const STORE_CONSTANT: u8 = 0x62;
/// `BPF_ALU64 | BPF_NEG`.
const NEGATE: u8 = 0x87;
/// The bit of an operation or a jump whose second operand is a register (`BPF_X`).
const BY_REGISTER: u8 = 0x08;
/// `BPF_JMP | BPF_JA`.
const JUMP: u8 = 0x05;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// `BPF_LD | BPF_DW | BPF_IMM`, of two instructions.
const SET_LONG: u8 = 0x18;
/// `BPF_STX | BPF_ATOMIC | BPF_DW`, and `BPF_ADD | BPF_FETCH` as its constant.
const ATOMIC: u8 = 0xdb;
const FETCH_AND_ADD: i32 = 1;

/// In the field for the second register: `BPF_PSEUDO_MAP_VALUE`, `BPF_PSEUDO_KFUNC_CALL`.
const PSEUDO: Register = Register::R2;
/// The same: `BPF_PSEUDO_MAP_FD`.
const PSEUDO_MAP: Register = Register::R1;

/// `struct bpf_insn`.
#[derive(Copy, Clone, Debug)]
struct Instruction {
    code: u8,
    to: Register,
    from: Register,
    offset: i16,
    constant: i32,
    target: Option<Label>,
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
#[derive(Clone, Debug)]
pub(crate) struct Assembler {
    instructions: Vec<Instruction>,
    /// Where each label is, once it is placed.
    labels: Vec<Option<usize>>,
}

impl Default for Assembler {
    fn default() -> Self {
        Self { instructions: Vec::new(), labels: vec![None] }
    }
}

impl Assembler {
    // A copy for each instruction of each program would be long.
    #[inline(never)]
    fn push(&mut self, code: u8, to: Register, from: Register, offset: i16, constant: i32) {
        self.instructions.push(Instruction { code, to, from, offset, constant, target: None });
    }

    fn push_jump(&mut self, code: u8, register: Register, operand: Operand, target: Label) {
        let (code, from, constant) = match operand {
            Operand::Constant(constant) => (code, Register::R0, constant),
            Operand::Register(from) => (code | BY_REGISTER, from, 0),
        };
        let target = Some(target);
        self.instructions.push(Instruction { code, to: register, from, offset: 0, constant, target });
    }

    /// `to = *(from + offset)`
    pub(crate) fn load(&mut self, width: Width, to: Register, from: Register, offset: i16) {
        self.push(LOAD | width.code(), to, from, offset, 0);
    }

    /// `*(to + offset) = from`
    pub(crate) fn store(&mut self, width: Width, to: Register, offset: i16, from: Register) {
        self.push(STORE | width.code(), to, from, offset, 0);
    }

    /// `*(to + offset) = constant`
    pub(crate) fn store_constant(&mut self, width: Width, to: Register, offset: i16, constant: i32) {
        self.push(STORE_CONSTANT | width.code(), to, Register::R0, offset, constant);
    }

    /// `to = to <operation> operand`
    pub(crate) fn compute(&mut self, operation: Operation, to: Register, operand: impl Into<Operand>) {
        match operand.into() {
            Operand::Constant(constant) => self.push(operation as u8, to, Register::R0, 0, constant),
            Operand::Register(from) => self.push(operation as u8 | BY_REGISTER, to, from, 0, 0),
        }
    }

    /// `to = constant`
    pub(crate) fn set(&mut self, to: Register, constant: i32) {
        self.compute(Operation::Set, to, constant);
    }

    /// `to = from`
    pub(crate) fn copy(&mut self, to: Register, from: Register) {
        self.compute(Operation::Set, to, from);
    }

    /// `to = -to`
    pub(crate) fn negate(&mut self, to: Register) {
        self.push(NEGATE, to, Register::R0, 0, 0);
    }

    /// `to += constant`
    pub(crate) fn add(&mut self, to: Register, constant: i32) {
        self.compute(Operation::Add, to, constant);
    }

    /// `to &= constant`
    pub(crate) fn and(&mut self, to: Register, constant: i32) {
        self.compute(Operation::And, to, constant);
    }

    /// `to` = the address of the only value of an array map.
    pub(crate) fn address_of_map(&mut self, to: Register, map: i32) {
        self.push(SET_LONG, to, PSEUDO, 0, map);
        self.push(0, Register::R0, Register::R0, 0, 0);
    }

    /// `to` = a map, as an argument of a helper.
    pub(crate) fn map(&mut self, to: Register, map: i32) {
        self.push(SET_LONG, to, PSEUDO_MAP, 0, map);
        self.push(0, Register::R0, Register::R0, 0, 0);
    }

    /// Adds 1 to the number of 8 bytes at `place`, atomically. Clobbers `scratch`.
    pub(crate) fn increment(&mut self, place: Register, offset: i16, scratch: Register) {
        self.set(scratch, 1);
        self.push(ATOMIC, place, scratch, offset, FETCH_AND_ADD);
    }

    /// Adds nothing to the number of 8 bytes at `place`, atomically: a full memory barrier. Clobbers `scratch`.
    pub(crate) fn barrier(&mut self, place: Register, offset: i16, scratch: Register) {
        self.set(scratch, 0);
        self.push(ATOMIC, place, scratch, offset, FETCH_AND_ADD);
    }

    /// A label to be placed.
    pub(crate) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Places a label before the next instruction.
    pub(crate) fn place(&mut self, label: Label) {
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = Some(self.instructions.len());
        }
    }

    /// Jumps.
    pub(crate) fn jump(&mut self, target: Label) {
        self.push_jump(JUMP, Register::R0, 0.into(), target);
    }

    /// Jumps if `register <condition> operand`.
    pub(crate) fn jump_if(
        &mut self,
        condition: If,
        register: Register,
        operand: impl Into<Operand>,
        target: Label,
    ) {
        self.push_jump(condition as u8, register, operand.into(), target);
    }

    /// Jumps to the end if `register == constant`.
    pub(crate) fn exit_if_equal(&mut self, register: Register, constant: i32) {
        self.jump_if(If::Equal, register, constant, Label::END);
    }

    /// Jumps to the end if `register != constant`.
    pub(crate) fn exit_unless_equal(&mut self, register: Register, constant: i32) {
        self.jump_if(If::Unequal, register, constant, Label::END);
    }

    /// Calls a kernel helper by its number, `BPF_FUNC_*`.
    pub(crate) fn call(&mut self, helper: i32) {
        self.push(CALL, Register::R0, Register::R0, 0, helper);
    }

    /// Calls a function of the kernel by the number of its type.
    pub(crate) fn call_function(&mut self, of: i32) {
        self.push(CALL, Register::R0, PSEUDO, 0, of);
    }

    /// Returns `R0`.
    pub(crate) fn exit(&mut self) {
        self.push(EXIT, Register::R0, Register::R0, 0, 0);
    }

    /// Appends `return 0`, the end. The offset of a jump that is too far, or to a label without a place, becomes one that
    /// the verifier refuses.
    pub(crate) fn finish(mut self) -> Vec<[u8; 8]> {
        self.place(Label::END);
        self.set(Register::R0, 0);
        self.exit();
        let labels = self.labels;
        let encode = |(place, mut instruction): (usize, Instruction)| {
            if let Some(Label(target)) = instruction.target {
                // Relative to the next instruction.
                let target =
                    labels.get(target).copied().flatten().and_then(|target| i64::try_from(target).ok());
                let next = i64::try_from(place + 1).ok();
                let offset = target.zip(next).and_then(|(target, next)| i16::try_from(target - next).ok());
                instruction.offset = offset.unwrap_or(i16::MAX);
            }
            instruction.encode()
        };
        self.instructions.into_iter().enumerate().map(encode).collect()
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
        // BPF_ST_MEM, BPF_ALU64_REG, BPF_NEG, BPF_CALL_KFUNC, BPF_ATOMIC
        assert_encoded(
            |to| to.store_constant(Width::Bytes8, R6, 16, -1),
            [0x7a, 6, 16, 0, 255, 255, 255, 255],
        );
        assert_encoded(|to| to.compute(Operation::Xor, R1, R2), [0xaf, 0x21, 0, 0, 0, 0, 0, 0]);
        assert_encoded(|to| to.compute(Operation::ShiftRight, R1, 63), [0x77, 1, 0, 0, 63, 0, 0, 0]);
        assert_encoded(|to| to.negate(R2), [0x87, 2, 0, 0, 0, 0, 0, 0]);
        assert_encoded(|to| to.call_function(300), [0x85, 0x20, 0, 0, 44, 1, 0, 0]);
        let mut barrier = Assembler::default();
        barrier.barrier(R6, 8, R1);
        let expected = [0xdb, 0x16, 8, 0, 1, 0, 0, 0];
        assert!(cfg!(target_endian = "big") || barrier.finish()[1] == expected);
        // BPF_LD_MAP_FD
        assert_encoded(|to| to.map(R1, 7), [0x18, 0x11, 0, 0, 7, 0, 0, 0]);
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
        assert_eq!((code[4][0], code[5]), (Operation::Set as u8, [EXIT, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(code.len(), 6);
    }

    #[test]
    fn jumps_lead_to_labels_before_and_behind_them() {
        let mut assembler = Assembler::default();
        let (back, forth, nowhere) = (assembler.label(), assembler.label(), assembler.label());
        assembler.place(back);
        assembler.jump_if(If::Less, R1, R2, forth);
        assembler.address_of_map(R6, 7);
        assembler.jump(back);
        assembler.place(forth);
        assembler.jump(nowhere);
        let code = assembler.finish();
        let offset = |place: usize| i16::from_ne_bytes([code[place][2], code[place][3]]);
        assert_eq!((offset(0), offset(3), offset(4)), (3, -4, i16::MAX));
        assert_eq!((code[0][0], code[3][0]), (0xad, 0x05));
        assert_eq!((code[1][0], &code[1][4..], code[2]), (0x18, &7_i32.to_ne_bytes()[..], [0; 8]));
    }
}
