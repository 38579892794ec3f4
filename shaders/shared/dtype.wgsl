// Storage types. f16 is packed in pairs, which every WebGPU device can load and store without a feature. With WIDE two
// values travel as one 64-bit integer: software adapters load lane by lane and component by component, so half as many
// components are nearly half the time.
#if WIDE == 1
#if DTYPE == f16
alias Store = u64;
fn unpack(s: Store) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(u32(s)), unpack2x16float(u32(s >> 32u)));
}
fn pack(v: vec4<f32>) -> Store { return u64(pack2x16float(v.xy)) | (u64(pack2x16float(v.zw)) << 32u); }
#else
alias Store = vec2<u64>;
fn unpack(s: Store) -> vec4<f32> {
    let low = bitcast<vec2<f32>>(vec2<u32>(s));
    let high = bitcast<vec2<f32>>(vec2<u32>(s >> vec2<u32>(32u)));
    return vec4<f32>(low.x, high.x, low.y, high.y);
}
fn pack(v: vec4<f32>) -> Store {
    return vec2<u64>(bitcast<vec2<u32>>(v.xz)) | (vec2<u64>(bitcast<vec2<u32>>(v.yw)) << vec2<u32>(32u));
}
#endif
#else
#if DTYPE == f16
alias Store = vec2<u32>;
fn unpack(s: Store) -> vec4<f32> { return vec4<f32>(unpack2x16float(s.x), unpack2x16float(s.y)); }
#if TRUNCATES == 1
// For devices whose pack2x16float rounds toward zero, which would darken a residual a little with every store: the bits of
// the nearest f16, ties to even, infinity past its range.
fn halves(v: vec4<f32>) -> vec4<u32> {
    let bits = bitcast<vec4<u32>>(v);
    let size = bits & vec4<u32>(0x7fffffffu);
    var half = (size + vec4<u32>(0xfffu) + ((size >> vec4<u32>(13u)) & vec4<u32>(1u)) - vec4<u32>(0x38000000u)) >> vec4<u32>(13u);
    // Below 2^-14 f16 counts in steps of 2^-24.
    let steps = round(bitcast<vec4<f32>>(min(size, vec4<u32>(0x38800000u))) * 16777216.0);
    half = select(half, vec4<u32>(steps), size < vec4<u32>(0x38800000u));
    half = select(half, vec4<u32>(0x7c00u), size >= vec4<u32>(0x477ff000u));
    half = select(half, vec4<u32>(0x7e00u), size > vec4<u32>(0x7f800000u));
    return half | ((bits >> vec4<u32>(16u)) & vec4<u32>(0x8000u));
}
fn pack(v: vec4<f32>) -> Store {
    let h = halves(v);
    return h.xz | (h.yw << vec2<u32>(16u));
}
#else
fn pack(v: vec4<f32>) -> Store { return Store(pack2x16float(v.xy), pack2x16float(v.zw)); }
#endif
#else
alias Store = vec4<f32>;
fn unpack(s: Store) -> vec4<f32> { return s; }
fn pack(v: vec4<f32>) -> Store { return v; }
#endif
#endif

// Two neighbouring quads in one load or store: half as much again of the time of one.
#if WIDE == 1
#if DTYPE == f16
alias Pair = vec2<u64>;
fn quad_in(pair: Pair, n: u32) -> vec4<f32> { return unpack(pair[n]); }
#else
alias Pair = vec4<u64>;
fn quad_in(pair: Pair, n: u32) -> vec4<f32> { return unpack(vec2<u64>(pair[2u * n], pair[2u * n + 1u])); }
#endif
fn paired(a: vec4<f32>, b: vec4<f32>) -> Pair { return Pair(pack(a), pack(b)); }
#endif

// llvmpipe keeps the halves of 64-bit loads as parts of 512-bit registers, and spills them whole. An exclusive or with a
// zero that its compiler does not know of makes plain vectors of them.
#if WIDE == 1
fn plain(v: vec4<f32>, zero: u32) -> vec4<f32> { return bitcast<vec4<f32>>(bitcast<vec4<u32>>(v) ^ vec4<u32>(zero)); }
#else
fn plain(v: vec4<f32>, zero: u32) -> vec4<f32> { return v; }
#endif
