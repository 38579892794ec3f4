// Parameters of the kernels that reduce the channels of a row.
struct Params {
    rows: u32,
    quads: u32,
    // Channels that carry values, and padding lanes, which hold zeros.
    channels: f32,
    padding: f32,
    eps: f32,
}
#params
