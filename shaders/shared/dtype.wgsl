// Storage types. f16 is packed in pairs, which every WebGPU device can load and store without a feature.
#if DTYPE == f16
alias Store = vec2<u32>;
fn unpack(s: Store) -> vec4<f32> { return vec4<f32>(unpack2x16float(s.x), unpack2x16float(s.y)); }
fn pack(v: vec4<f32>) -> Store { return Store(pack2x16float(v.xy), pack2x16float(v.zw)); }
#else
alias Store = vec4<f32>;
fn unpack(s: Store) -> vec4<f32> { return s; }
fn pack(v: vec4<f32>) -> Store { return v; }
#endif
