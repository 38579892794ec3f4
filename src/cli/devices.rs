//! `vernis devices`

use clap::Args;

use crate::{Error, Kind, Result, list_adapters};

#[derive(Debug, Args)]
pub struct DevicesArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &DevicesArgs) -> Result<u8> {
    let adapters = list_adapters();
    if args.json {
        let rows: Vec<serde_json::Value> = adapters
            .iter()
            .map(|a| {
                serde_json::json!({
                    "index": a.index, "name": a.name, "backend": a.backend, "driver": a.driver, "kind": a.kind,
                    "pci": a.pci, "software": a.software, "subgroup": a.subgroup, "f16": a.f16,
                    "timestamps": a.timestamps, "immediates": a.immediates,
                    "cooperative_matrix": a.cooperative_matrix, "max_binding_bytes": a.max_binding_bytes,
                })
            })
            .collect();
        println!("{:#}", serde_json::Value::from(rows));
        return Ok(if adapters.is_empty() { Kind::NoDevice.exit_code() } else { 0 });
    }
    if adapters.is_empty() {
        return Err(Error::new(Kind::NoDevice, "no Vulkan, Metal or DX12 adapter was found").advice(
            "install a Vulkan driver (Debian/Ubuntu: libvulkan1 and mesa-vulkan-drivers, which also has a software adapter)",
        ));
    }
    for a in adapters {
        let flag = |on: bool, name: &'static str| if on { name } else { "" };
        let features = [
            a.subgroup.map_or("mixed subgroups".to_owned(), |n| format!("subgroup {n}")),
            flag(a.f16, "f16").into(),
            flag(a.immediates, "immediates").into(),
            flag(a.timestamps, "timestamps").into(),
            flag(a.cooperative_matrix, "cooperative matrix").into(),
        ];
        let features: Vec<String> = features.into_iter().filter(|f| !f.is_empty()).collect();
        println!("{}: {} [{}{}]", a.index, a.name, a.backend, flag(a.software, ", software"));
        let pci = if a.pci.is_empty() { String::new() } else { format!("; PCI {}", a.pci) };
        println!("   {}; driver {}{pci}", a.kind, a.driver);
        println!("   {}; bindings up to {} MiB", features.join(", "), a.max_binding_bytes >> 20);
    }
    Ok(0)
}
