//! What the names in a checkpoint's pickle mean to us. Nothing is ever imported or called: a handful of names has a
//! meaning, some are known to be harmless, classes stay opaque, and whatever would run code is refused by its name.

use super::element::Element;
use super::heap::{Fault, Heap, Id, Object, Storage, Tensor};

/// No tensor of a network has more dimensions.
const MAX_DIMENSIONS: usize = 16;

/// Modules that no checkpoint has a reason to name: everything in them acts on the machine.
const DANGEROUS: [&str; 34] = [
    "os",
    "posix",
    "nt",
    "ntpath",
    "posixpath",
    "sys",
    "subprocess",
    "shutil",
    "socket",
    "pty",
    "ctypes",
    "importlib",
    "imp",
    "runpy",
    "code",
    "codeop",
    "pickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "marshal",
    "types",
    "webbrowser",
    "commands",
    "operator",
    "_operator",
    "asyncio",
    "multiprocessing",
    "threading",
    "signal",
    "pip",
    "timeit",
    "pdb",
    "pydoc",
];

/// The builtins that only hold data.
const PLAIN_BUILTINS: [&str; 14] = [
    "dict",
    "list",
    "tuple",
    "set",
    "frozenset",
    "int",
    "float",
    "bool",
    "str",
    "bytes",
    "bytearray",
    "complex",
    "slice",
    "range",
];

/// Functions and classes that appear as calls beside the weights (paths, dates, NumPy scalars). Their results are not
/// needed and stay opaque.
const HARMLESS: [&str; 23] = [
    "copyreg._reconstructor",
    "copy_reg._reconstructor",
    "_codecs.encode",
    "functools.partial",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
    "datetime.datetime",
    "datetime.date",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "pathlib._local.WindowsPath",
    "torch.device",
    "torch.serialization._get_layout",
];

/// The object for `module.name`.
pub fn global(module: &str, name: &str) -> Result<Object, Fault> {
    let top = module.split('.').next().unwrap_or(module);
    let builtin = matches!(module, "builtins" | "__builtin__" | "__builtins__");
    let plain = PLAIN_BUILTINS.contains(&name) || name == "object";
    if DANGEROUS.contains(&top) || builtin && !plain {
        return Err(Fault::hostile(format!("its pickle names {module}.{name}, which could run code; it was not run")));
    }
    // A dotted attribute such as ("torch", "hub.load") would slip past a check of the module.
    if name.contains('.') && top == "torch" {
        return Err(Fault::hostile(format!("its pickle names {module}.{name}; it was not run")));
    }
    Ok(Object::Global(format!("{module}.{name}")))
}

/// The result of `callable(*args)` where that is data, an opaque object where it is harmless.
pub fn call(heap: &mut Heap, callable: Id, args: Id) -> Result<Object, Fault> {
    let name = match heap.get(callable) {
        Object::Global(name) => name.clone(),
        other => return Err(Fault::hostile(format!("its pickle calls {}; it was not run", other.describe()))),
    };
    let items = heap.items(args)?.to_vec();
    match name.as_str() {
        "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => tensor(heap, &items, None),
        "torch._utils._rebuild_tensor_v3" => {
            let dtype = items.get(6).ok_or_else(|| Fault::damaged("a tensor has no dtype"))?;
            let element = element_of_dtype(heap.get(*dtype))?;
            tensor(heap, &items, Some(element))
        }
        "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
            let data = items.first().map(|id| heap.get(*id).clone());
            data.ok_or_else(|| Fault::damaged("a parameter has no tensor"))
        }
        // Tensors with attributes of their own: (function, type, its arguments, state).
        "torch._tensor._rebuild_from_type_v2" => match items[..] {
            [function, _, inner, _] if is_rebuild(heap.get(function)) => call(heap, function, inner),
            _ => Err(Fault::unsupported("it holds a tensor of a class of its own")),
        },
        "torch.Size" | "builtins.tuple" | "__builtin__.tuple" => Ok(Object::Tuple(inner_items(heap, &items)?)),
        "builtins.list"
        | "builtins.set"
        | "builtins.frozenset"
        | "__builtin__.list"
        | "__builtin__.set"
        | "__builtin__.frozenset" => Ok(Object::List(inner_items(heap, &items)?)),
        "collections.OrderedDict" | "builtins.dict" | "__builtin__.dict" => dict(heap, &items),
        "collections.defaultdict" | "collections.Counter" => Ok(Object::Dict(Vec::new())),
        name if HARMLESS.contains(&name) => Ok(Object::Opaque(name.to_string())),
        name => Err(Fault {
            why: format!("its pickle calls {name}, which is not among the known harmless ones; it was not run"),
            advice: "if you trust the file, save the plain weights in Python: torch.save(model.state_dict(), FILE)",
        }),
    }
}

/// A new object of a class: an empty container where the class is one, else opaque.
pub fn instance(heap: &Heap, class: Id) -> Result<Object, Fault> {
    match heap.get(class) {
        Object::Global(name) => Ok(match name.as_str() {
            "collections.OrderedDict" | "builtins.dict" | "__builtin__.dict" => Object::Dict(Vec::new()),
            "builtins.list" | "__builtin__.list" => Object::List(Vec::new()),
            _ => Object::Opaque(name.clone()),
        }),
        Object::Opaque(name) => Ok(Object::Opaque(name.clone())),
        other => Err(Fault::hostile(format!("its pickle instantiates {}; it was not run", other.describe()))),
    }
}

/// `('storage', storage class, key, location, count)`: how a tensor names its bytes.
pub fn storage(heap: &Heap, id: Id) -> Result<Object, Fault> {
    let items = heap.items(id)?;
    let [tag, class, key, _, count] = items[..] else {
        return Err(Fault::damaged("a reference to a storage does not have five parts"));
    };
    if heap.text(tag)? != "storage" {
        return Err(Fault::unsupported(format!("it refers to a '{}'", heap.text(tag)?)));
    }
    let Object::Global(class) = heap.get(class) else {
        return Err(Fault::damaged("a storage has no class"));
    };
    let element = match class.strip_prefix("torch.").and_then(|c| c.rsplit('.').next()).unwrap_or_default() {
        "DoubleStorage" => Some(Element::F64),
        "FloatStorage" => Some(Element::F32),
        "HalfStorage" => Some(Element::F16),
        "BFloat16Storage" => Some(Element::BF16),
        "LongStorage" => Some(Element::I64),
        "IntStorage" => Some(Element::I32),
        "ShortStorage" => Some(Element::I16),
        "CharStorage" => Some(Element::I8),
        "ByteStorage" => Some(Element::U8),
        "BoolStorage" => Some(Element::Bool),
        "UntypedStorage" => None,
        _ => return Err(Fault::unsupported(format!("numbers of class {class} are not supported"))),
    };
    Ok(Object::Storage(Storage { key: heap.text(key)?.to_string(), element, count: heap.count(count)? }))
}

/// `(storage, offset, size, stride, ...)`.
fn tensor(heap: &Heap, items: &[Id], element: Option<Element>) -> Result<Object, Fault> {
    let [storage, offset, size, stride, ..] = *items else {
        return Err(Fault::damaged("a tensor has too few parts"));
    };
    let Object::Storage(bytes) = heap.get(storage) else {
        return Err(Fault::damaged(format!("a tensor has {} for its storage", heap.get(storage).describe())));
    };
    let element = element.or(bytes.element).ok_or_else(|| Fault::damaged("a tensor has no number type"))?;
    let counts = |id: Id| -> Result<Vec<usize>, Fault> {
        let items = heap.items(id)?;
        if items.len() > MAX_DIMENSIONS {
            return Err(Fault::hostile(format!("a tensor has {} dimensions", items.len())));
        }
        items.iter().map(|i| heap.count(*i)).collect()
    };
    let (shape, strides) = (counts(size)?, counts(stride)?);
    if shape.len() != strides.len() {
        return Err(Fault::damaged("a tensor has another number of strides than dimensions"));
    }
    Ok(Object::Tensor(Tensor { storage, element, offset: heap.count(offset)?, shape, strides }))
}

fn is_rebuild(function: &Object) -> bool {
    matches!(function, Object::Global(name) if matches!(name.as_str(), "torch._utils._rebuild_tensor_v2"
        | "torch._utils._rebuild_tensor_v3" | "torch._utils._rebuild_parameter"))
}

fn element_of_dtype(dtype: &Object) -> Result<Element, Fault> {
    let Object::Global(name) = dtype else {
        return Err(Fault::damaged(format!("a tensor has {} for its dtype", dtype.describe())));
    };
    Ok(match name.as_str() {
        "torch.float64" => Element::F64,
        "torch.float32" => Element::F32,
        "torch.float16" => Element::F16,
        "torch.bfloat16" => Element::BF16,
        "torch.int64" => Element::I64,
        "torch.int32" => Element::I32,
        "torch.int16" => Element::I16,
        "torch.int8" => Element::I8,
        "torch.uint64" => Element::U64,
        "torch.uint32" => Element::U32,
        "torch.uint16" => Element::U16,
        "torch.uint8" => Element::U8,
        "torch.bool" => Element::Bool,
        other => return Err(Fault::unsupported(format!("numbers of type {other} are not supported"))),
    })
}

/// The items of the only argument, none where there is no argument.
fn inner_items(heap: &Heap, args: &[Id]) -> Result<Vec<Id>, Fault> {
    args.first().map_or(Ok(Vec::new()), |id| heap.items(*id).map(<[Id]>::to_vec))
}

fn dict(heap: &Heap, args: &[Id]) -> Result<Object, Fault> {
    let mut pairs = Vec::new();
    for pair in inner_items(heap, args)? {
        match heap.items(pair)? {
            [key, value] => pairs.push((*key, *value)),
            _ => return Err(Fault::damaged("a dictionary is made of something other than pairs")),
        }
    }
    Ok(Object::Dict(pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(module: &str, name: &str) -> String {
        global(module, name).map_or_else(|f| f.why, |o| o.describe())
    }

    #[test]
    fn what_could_run_code_is_refused_by_name() {
        for (module, name) in [
            ("os", "system"),
            ("posix", "system"),
            ("nt", "system"),
            ("subprocess", "Popen"),
            ("builtins", "eval"),
            ("__builtin__", "exec"),
            ("builtins", "getattr"),
            ("importlib.machinery", "SourceFileLoader"),
            ("torch", "hub.load"),
        ] {
            let why = say(module, name);
            assert!(why.contains(&format!("{module}.{name}")) && why.contains("not run"), "{why}");
        }
        assert_eq!(say("collections", "OrderedDict"), "the name collections.OrderedDict");
        assert_eq!(say("builtins", "dict"), "the name builtins.dict");
    }

    #[test]
    fn unknown_calls_are_refused_and_unknown_classes_stay_opaque() {
        let mut heap = Heap::default();
        let class = heap.add(global("argparse", "Namespace").unwrap()).unwrap();
        let args = heap.add(Object::Tuple(vec![])).unwrap();
        assert_eq!(instance(&heap, class).unwrap(), Object::Opaque("argparse.Namespace".into()));
        let f = call(&mut heap, class, args).unwrap_err();
        assert!(f.why.contains("argparse.Namespace"), "{}", f.why);
        let text = heap.add(Object::Text("x".into())).unwrap();
        assert!(call(&mut heap, text, args).is_err());
        assert!(instance(&heap, text).is_err());
    }
}
