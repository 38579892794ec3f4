//! The objects that a pickle builds, as plain data in one list. Objects name each other by number, so a cyclic or very
//! deep structure is neither leaked nor freed recursively.

use super::element::Element;

/// The number of an object.
pub type Id = u32;

/// More objects than this is no checkpoint (the largest published ones have some ten thousand, with the state of an optimizer some hundred thousand).
const MAX_OBJECTS: usize = 2 << 20;

/// The bytes behind one or several tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// The archive member below `data/`.
    pub key: String,
    /// None where the storage is untyped and counts bytes.
    pub element: Option<Element>,
    pub count: usize,
}

/// A view of a storage, all numbers still unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    pub storage: Id,
    pub element: Element,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Object {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function, by its dotted name. Only ever a name.
    Global(String),
    Storage(Storage),
    Tensor(Tensor),
    /// An object of a class we know nothing about, by the name of the class. Its content is not kept.
    Opaque(String),
}

/// Why a pickle was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub why: String,
    pub advice: &'static str,
}

impl Fault {
    pub fn damaged(why: impl Into<String>) -> Fault {
        Fault { why: why.into(), advice: "the file is damaged; download or copy it again" }
    }

    pub fn hostile(why: impl Into<String>) -> Fault {
        Fault { why: why.into(), advice: "this is no plain checkpoint: do not open it with other programs either" }
    }

    pub fn unsupported(why: impl Into<String>) -> Fault {
        Fault { why: why.into(), advice: "in Python, save the plain weights: torch.save(model.state_dict(), FILE)" }
    }
}

#[derive(Debug, Default)]
pub struct Heap {
    objects: Vec<Object>,
    /// Numbers held by all lists, tuples and dicts: a small pickle can ask for many copies of a long list.
    held: usize,
}

impl Heap {
    pub fn add(&mut self, object: Object) -> Result<Id, Fault> {
        self.hold(match &object {
            Object::List(items) | Object::Tuple(items) => items.len(),
            Object::Dict(pairs) => pairs.len() * 2,
            _ => 0,
        })?;
        if self.objects.len() >= MAX_OBJECTS {
            return Err(Fault::hostile(format!("the pickle builds more than {MAX_OBJECTS} objects")));
        }
        self.objects.push(object);
        Ok((self.objects.len() - 1) as Id)
    }

    pub fn get(&self, id: Id) -> &Object {
        // Every id was handed out by `add`.
        self.objects.get(id as usize).unwrap_or(&Object::None)
    }

    pub fn get_mut(&mut self, id: Id) -> Option<&mut Object> {
        self.objects.get_mut(id as usize)
    }

    /// Counts items that are about to be held.
    pub fn hold(&mut self, items: usize) -> Result<(), Fault> {
        self.held = self.held.saturating_add(items);
        if self.held > 4 * MAX_OBJECTS {
            return Err(Fault::hostile("the pickle's lists hold too many items"));
        }
        Ok(())
    }

    pub fn text(&self, id: Id) -> Result<&str, Fault> {
        match self.get(id) {
            Object::Text(s) => Ok(s),
            other => Err(Fault::damaged(format!("expected a text, found {}", other.describe()))),
        }
    }

    /// A size, a count or an offset: none of them is negative in a file.
    pub fn count(&self, id: Id) -> Result<usize, Fault> {
        match self.get(id) {
            Object::Int(v) => {
                usize::try_from(*v).map_err(|_| Fault::damaged(format!("a count or stride is negative: {v}")))
            }
            other => Err(Fault::damaged(format!("expected a count, found {}", other.describe()))),
        }
    }

    pub fn items(&self, id: Id) -> Result<&[Id], Fault> {
        match self.get(id) {
            Object::List(items) | Object::Tuple(items) => Ok(items),
            other => Err(Fault::damaged(format!("expected a list or tuple, found {}", other.describe()))),
        }
    }
}

impl Object {
    pub fn describe(&self) -> String {
        match self {
            Object::None => "None".into(),
            Object::Bool(_) => "a truth value".into(),
            Object::Int(_) | Object::Float(_) => "a number".into(),
            Object::Text(_) => "a text".into(),
            Object::List(_) => "a list".into(),
            Object::Tuple(_) => "a tuple".into(),
            Object::Dict(_) => "a dictionary".into(),
            Object::Global(name) => format!("the name {name}"),
            Object::Storage(_) => "a storage".into(),
            Object::Tensor(_) => "a tensor".into(),
            Object::Opaque(name) => format!("an object of class {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_copies_of_a_long_list_are_refused() {
        let mut heap = Heap::default();
        let long = Object::List(vec![0; 1 << 20]);
        let refused = (0..100).find_map(|_| heap.add(long.clone()).err());
        assert!(refused.is_some_and(|f| f.why.contains("too many items")));
    }

    #[test]
    fn wrong_kinds_are_described() {
        let mut heap = Heap::default();
        let id = heap.add(Object::Int(-1)).unwrap();
        assert!(heap.count(id).unwrap_err().why.contains("negative: -1"));
        assert!(heap.text(id).unwrap_err().why.contains("found a number"));
        assert!(heap.items(id).is_err());
    }
}
