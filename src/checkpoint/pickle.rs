//! The pickle machine: reads the opcodes and builds plain objects. It knows no way to run anything; what names and
//! calls mean is decided in [`super::torch_objects`].

use std::collections::HashMap;

use super::heap::{Fault, Heap, Id, Object};
use super::torch_objects;

/// Far above the pickle of any published checkpoint: those of a billion parameters have some hundred KiB.
const MAX_PICKLE: usize = 64 << 20;

/// Items on the stack, marks and memo slots: one opcode adds at most one of each.
const MAX_DEPTH: usize = 4 << 20;

/// Runs a whole pickle. The heap keeps the objects, the id is that of the result.
pub fn load(bytes: &[u8]) -> Result<(Heap, Id), Fault> {
    if bytes.len() > MAX_PICKLE {
        return Err(Fault::hostile(format!("its pickle has {} bytes", bytes.len())));
    }
    let heap = Heap::default();
    let mut machine = Machine { bytes, heap, stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        let op = machine.byte()?;
        if op == b'.' {
            let result = machine.pop()?;
            return Ok((machine.heap, result));
        }
        machine.step(op)?;
        if machine.stack.len().max(machine.marks.len()).max(machine.memo.len()) > MAX_DEPTH {
            return Err(Fault::hostile("its pickle stacks or remembers too many objects"));
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    heap: Heap,
    stack: Vec<Id>,
    /// Stack heights at the open marks.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl Machine<'_> {
    fn step(&mut self, op: u8) -> Result<(), Fault> {
        match op {
            // Framing says how the writer buffered; protocol numbers are checked by the opcodes themselves.
            0x80 => self.byte().map(drop),
            0x95 => self.take(8).map(drop),

            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => match self.marks.last() {
                Some(mark) if *mark == self.stack.len() => self.marked().map(drop),
                _ => self.pop().map(drop),
            },
            b'1' => self.marked().map(drop),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }

            b'N' => self.push(Object::None),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            b'J' => {
                let v = self.unsigned(4)? as u32 as i32;
                self.push(Object::Int(v.into()))
            }
            b'K' => self.small_int(1),
            b'M' => self.small_int(2),
            0x8a => {
                let length = self.unsigned(1)?;
                self.long(length)
            }
            0x8b => {
                let length = self.unsigned(4)?;
                self.long(length)
            }
            b'I' | b'L' => self.decimal(),
            b'F' => {
                let v = self.line()?.parse().map_err(|_| Fault::damaged("a float has no digits"))?;
                self.push(Object::Float(v))
            }
            b'G' => {
                let v = f64::from_bits(self.unsigned(8)?.swap_bytes());
                self.push(Object::Float(v))
            }

            b'X' | b'T' => self.text(4),
            0x8c | b'U' => self.text(1),
            0x8d => self.text(8),
            b'S' | b'V' => {
                let line = self.line()?.trim_matches(['\'', '"']).to_string();
                self.push(Object::Text(line))
            }
            b'C' => self.blob(1),
            b'B' => self.blob(4),
            0x8e | 0x96 => self.blob(8),

            b']' | 0x8f => self.push(Object::List(Vec::new())),
            b'l' | 0x91 => {
                let items = self.marked()?;
                self.push(Object::List(items))
            }
            b')' => self.push(Object::Tuple(Vec::new())),
            b't' => {
                let items = self.marked()?;
                self.push(Object::Tuple(items))
            }
            0x85..=0x87 => {
                let start = self.stack.len().checked_sub(usize::from(op - 0x84)).filter(|s| *s >= self.floor());
                let items = self.stack.split_off(start.ok_or_else(underflow)?);
                self.push(Object::Tuple(items))
            }
            b'}' => self.push(Object::Dict(Vec::new())),
            b'd' => {
                let pairs = pairs(&self.marked()?)?;
                self.push(Object::Dict(pairs))
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(&[item])
            }
            b'e' | 0x90 => {
                let items = self.marked()?;
                self.extend(&items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![(key, value)])
            }
            b'u' => {
                let pairs = pairs(&self.marked()?)?;
                self.set(pairs)
            }

            b'c' => {
                let global = self.named_global()?;
                self.push(global)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let global = torch_objects::global(self.heap.text(module)?, self.heap.text(name)?)?;
                self.push(global)
            }
            b'R' => {
                let (args, callable) = (self.pop()?, self.pop()?);
                let result = torch_objects::call(&mut self.heap, callable, args)?;
                self.push(result)
            }
            0x81 | 0x92 => {
                for _ in 0x81..=op.min(0x82) {
                    self.pop()?;
                }
                let class = self.pop()?;
                let instance = torch_objects::instance(&self.heap, class)?;
                self.push(instance)
            }
            b'i' => {
                let global = self.named_global()?;
                self.marked()?;
                let class = self.heap.add(global)?;
                let instance = torch_objects::instance(&self.heap, class)?;
                self.push(instance)
            }
            b'o' => {
                let class = *self.marked()?.first().ok_or_else(underflow)?;
                let instance = torch_objects::instance(&self.heap, class)?;
                self.push(instance)
            }
            // The state of an object: attributes of an OrderedDict, fields of what is opaque. Weights are in neither.
            b'b' => self.pop().map(drop),
            b'Q' => {
                let reference = self.pop()?;
                let storage = torch_objects::storage(&self.heap, reference)?;
                self.push(storage)
            }

            b'p' => {
                let slot = self.slot()?;
                self.remember(slot)
            }
            b'q' => {
                let slot = self.unsigned(1)?;
                self.remember(slot)
            }
            b'r' => {
                let slot = self.unsigned(4)?;
                self.remember(slot)
            }
            0x94 => self.remember(self.memo.len() as u64),
            b'g' => {
                let slot = self.slot()?;
                self.recall(slot)
            }
            b'h' => {
                let slot = self.unsigned(1)?;
                self.recall(slot)
            }
            b'j' => {
                let slot = self.unsigned(4)?;
                self.recall(slot)
            }
            other => Err(Fault::damaged(format!("its pickle holds the unknown instruction 0x{other:02x}"))),
        }
    }

    fn push(&mut self, object: Object) -> Result<(), Fault> {
        let id = self.heap.add(object)?;
        self.stack.push(id);
        Ok(())
    }

    /// What lies below the last mark belongs to an outer object.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        if self.stack.len() <= self.floor() {
            return Err(underflow());
        }
        self.stack.pop().ok_or_else(underflow)
    }

    fn top(&self) -> Result<Id, Fault> {
        if self.stack.len() <= self.floor() {
            return Err(underflow());
        }
        self.stack.last().copied().ok_or_else(underflow)
    }

    /// Everything since the last mark, which is closed.
    fn marked(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or_else(|| Fault::damaged("its pickle closes a mark that is not open"))?;
        // A pop never goes below a mark.
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn extend(&mut self, items: &[Id]) -> Result<(), Fault> {
        self.heap.hold(items.len())?;
        let target = self.top()?;
        match self.heap.get_mut(target) {
            Some(Object::List(list)) => list.extend_from_slice(items),
            Some(Object::Opaque(_)) => {}
            _ => return Err(Fault::damaged("its pickle appends to what is no list")),
        }
        Ok(())
    }

    fn set(&mut self, pairs: Vec<(Id, Id)>) -> Result<(), Fault> {
        self.heap.hold(pairs.len() * 2)?;
        let target = self.top()?;
        match self.heap.get_mut(target) {
            Some(Object::Dict(dict)) => dict.extend(pairs),
            Some(Object::Opaque(_)) => {}
            _ => return Err(Fault::damaged("its pickle sets an item of what is no dictionary")),
        }
        Ok(())
    }

    fn remember(&mut self, slot: u64) -> Result<(), Fault> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn recall(&mut self, slot: u64) -> Result<(), Fault> {
        let id = self.memo.get(&slot).copied();
        self.stack.push(id.ok_or_else(|| Fault::damaged(format!("its pickle recalls the empty slot {slot}")))?);
        Ok(())
    }

    fn slot(&mut self) -> Result<u64, Fault> {
        self.line()?.parse().map_err(|_| Fault::damaged("a memo slot has no number"))
    }

    fn named_global(&mut self) -> Result<Object, Fault> {
        let module = self.line()?;
        let name = self.line()?;
        torch_objects::global(module, name)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (first, rest) = self.bytes.split_first().ok_or_else(cut)?;
        self.bytes = rest;
        Ok(*first)
    }

    fn unsigned(&mut self, size: u64) -> Result<u64, Fault> {
        Ok(self.take(size)?.iter().rev().fold(0, |v, b| v << 8 | u64::from(*b)))
    }

    fn small_int(&mut self, size: u64) -> Result<(), Fault> {
        let v = self.unsigned(size)?;
        self.push(Object::Int(v as i64))
    }

    /// Little-endian two's complement; what does not fit is no size of anything.
    fn long(&mut self, length: u64) -> Result<(), Fault> {
        let bytes = self.take(length)?;
        if bytes.len() > 8 {
            return self.push(Object::Opaque("int".into()));
        }
        let sign = bytes.last().map_or(0, |b| if b & 0x80 == 0 { 0 } else { -1i64 });
        let v = bytes.iter().rev().fold(sign, |v, b| v << 8 | i64::from(*b));
        self.push(Object::Int(v))
    }

    /// Decimal text; 00 and 01 are the truth values of the oldest protocols.
    fn decimal(&mut self) -> Result<(), Fault> {
        let object = match self.line()?.trim_end_matches('L') {
            "00" => Object::Bool(false),
            "01" => Object::Bool(true),
            digits => digits.parse().map_or_else(|_| Object::Opaque("int".into()), Object::Int),
        };
        self.push(object)
    }

    fn text(&mut self, length_size: u64) -> Result<(), Fault> {
        let length = self.unsigned(length_size)?;
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Object::Text(text))
    }

    /// Bytes are never weights in these files.
    fn blob(&mut self, length_size: u64) -> Result<(), Fault> {
        let length = self.unsigned(length_size)?;
        self.take(length)?;
        self.push(Object::Opaque("bytes".into()))
    }
}

impl<'a> Machine<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| cut())?;
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or_else(cut)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Result<&'a str, Fault> {
        let length = self.bytes.iter().position(|b| *b == b'\n').ok_or_else(cut)?;
        let line = std::str::from_utf8(self.take(length as u64)?);
        self.take(1)?;
        line.map(|l| l.trim_end_matches('\r')).map_err(|_| Fault::damaged("its pickle holds a line that is no text"))
    }
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, Fault> {
    match items.as_chunks::<2>() {
        (pairs, []) => Ok(pairs.iter().map(|[k, v]| (*k, *v)).collect()),
        _ => Err(Fault::damaged("its pickle has a key without a value")),
    }
}

fn underflow() -> Fault {
    Fault::damaged("its pickle takes more from its stack than lies there")
}

fn cut() -> Fault {
    Fault::damaged("its pickle is cut off")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(bytes: &[u8]) -> String {
        load(bytes).map_or_else(|f| f.why, |(heap, id)| format!("{:?}", heap.get(id)))
    }

    #[test]
    fn plain_objects() {
        assert_eq!(say(b"\x80\x02K\x07."), "Int(7)");
        assert_eq!(say(b"\x80\x02J\xff\xff\xff\xff."), "Int(-1)");
        assert_eq!(say(b"\x8a\x02\x00\xff."), "Int(-256)");
        assert_eq!(say(b"\x8a\x00."), "Int(0)");
        assert_eq!(say(b"\x8a\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01."), "Opaque(\"int\")");
        assert_eq!(say(b"G\x3f\xf0\x00\x00\x00\x00\x00\x00."), "Float(1.0)");
        assert_eq!(say(b"X\x02\x00\x00\x00hi."), "Text(\"hi\")");
        assert_eq!(say(b"I01\n."), "Bool(true)");
        assert_eq!(say(b"(K\x01K\x02t."), "Tuple([0, 1])");
        assert_eq!(say(b"}(K\x01K\x02u."), "Dict([(1, 2)])");
        assert_eq!(say(b"]q\x00h\x00a."), "List([0])", "a cycle is only a number");
        assert_eq!(say(b"ccollections\nOrderedDict\n)R}b."), "Dict([])");
        assert_eq!(say(b"cargparse\nNamespace\n)\x81}(K\x01K\x02ub."), "Opaque(\"argparse.Namespace\")");
    }

    #[test]
    fn every_way_to_call_system_is_refused_by_name() {
        let attacks: [&[u8]; 5] = [
            b"cos\nsystem\n(S'echo pwned'\ntR.",
            b"\x80\x02cposix\nsystem\nq\x00X\x04\x00\x00\x00echo\x85R.",
            b"(S'echo pwned'\nios\nsystem\n.",
            b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04echo\x85R.",
            b"(cos\nsystem\nS'echo'\no.",
        ];
        for attack in attacks {
            let why = say(attack);
            assert!(why.contains("s.system") || why.contains("posix.system"), "{why}");
            assert!(why.contains("not run"), "{why}");
        }
        assert!(say(b"cbuiltins\neval\n(S'1'\ntR.").contains("builtins.eval"));
        assert!(say(b"cmystery\nmake\n)R.").contains("mystery.make"));
    }

    #[test]
    fn bombs_end_with_an_error() {
        let mut deep = vec![b'('; MAX_DEPTH + 2];
        deep.push(b'.');
        assert!(say(&deep).contains("too many"));
        let mut nested: Vec<u8> = b"]".to_vec();
        nested.extend(b"\x85".repeat(1 << 20));
        nested.push(b'.');
        assert!(say(&nested).starts_with("Tuple"), "depth alone is harmless");
        assert!(say(b"X\xff\xff\xff\x7f.").contains("cut off"), "a promised length is not allocated");
        assert!(say(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.").contains("cut off"));
        // One list of a thousand items, copied into a set by each of many calls.
        let mut copies = b"cbuiltins\nset\nq\x00](".to_vec();
        copies.extend(b"K\x01".repeat(100_000));
        copies.extend(b"eq\x01");
        copies.extend(b"h\x00h\x01\x85R".repeat(1000));
        copies.push(b'.');
        assert!(say(&copies).contains("too many items"));
    }

    #[test]
    fn nonsense_is_an_error() {
        for bytes in [&b""[..], b".", b"0.", b"t.", b"K", b"h\x05.", b"a.", b"R.", b"]K\x01s.", b"\xff.", b"(K\x01d."] {
            assert!(load(bytes).is_err(), "{bytes:?}");
        }
        assert!(say(b"K\x01(0K\x02\x86.").contains("Tuple"), "POP closes an empty mark");
        assert!(say(b"K\x01(K\x02\x86.").contains("more from its stack"), "a tuple never reaches below a mark");
    }
}
