//! What was done, or would be done.

/// The outcome of a restoration or of a dry run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Name of the weights.
    pub model: String,
    /// Their family.
    pub family: String,
    /// Name of the adapter.
    pub adapter: String,
    /// Storage of weights and activations, `f32` or `f16`.
    pub precision: String,
    /// Width and height of one tile, in pixels.
    pub tile: (u32, u32),
    /// Tiles of the picture.
    pub tiles: u32,
    /// Pixels that neighbouring tiles share.
    pub overlap: u32,
    /// What a tile means for this network: `local`, `global-stats`, or `fixed` where the network takes one size alone.
    pub tile_policy: String,
    /// Bytes of pooled activations on the device.
    pub activation_bytes: u64,
    /// Bytes of weights on the device.
    pub weight_bytes: u64,
    /// Floating-point operations of one tile.
    pub flops: u64,
    /// Of one tile.
    pub dispatches: u32,
    /// Seconds of the restoration, without what an instruction needs once (an example pair, a look at the picture), but with
    /// plans and kernels that are made for the first time; 0 in a dry run.
    pub seconds: f64,
    /// How the instruction was understood.
    pub explain: Vec<String>,
    /// Anything the user should know, such as a tile that was computed again.
    pub notes: Vec<String>,
}

impl Report {
    /// Planned device memory.
    pub fn peak_bytes(&self) -> u64 {
        self.activation_bytes + self.weight_bytes
    }
}

/// A checkpoint at a glance.
#[derive(Debug, Clone)]
pub struct ModelInfo {
    /// The name it goes by: that of its file, without the ending.
    pub name: String,
    /// The recognised family.
    pub family: String,
    /// Constructor arguments of the official class, JSON.
    pub config: String,
    /// Settings, with their values in JSON, that nothing in the file tells, so that published values were taken.
    pub assumed: Vec<(String, String)>,
    /// Numbers in its float tensors.
    pub parameters: u64,
    /// Bytes of its tensors, as stored.
    pub bytes: u64,
    /// Tasks the checkpoint can be told, from its metadata and its stored prompts.
    pub tasks: Vec<String>,
    /// Whether an example pair tells it what to do.
    pub takes_pairs: bool,
    /// Pixels that the sides of what the network sees are multiples of; pictures are padded to it.
    pub multiple: u32,
    /// Of the first head where heads differ.
    pub scale: u32,
    /// Floating-point operations for a megapixel of input; `None` if this is no network from picture to picture.
    pub flops_per_megapixel: Option<f64>,
    /// The smallest storage precision that was verified for this file: `f16` or `f32`.
    pub precision: String,
    /// What a tile means for this network, as in [`Report::tile_policy`].
    pub tile_policy: String,
    /// Edge of a tile and pixels that neighbours share, as the file advises.
    pub tile_advice: Option<(u32, u32)>,
    /// As the file states it.
    pub title: Option<String>,
    /// As the file states it.
    pub license: Option<String>,
}

/// Time of one step of a network.
#[derive(Debug, Clone)]
pub struct LayerTime {
    /// Name of the kernel.
    pub op: String,
    /// The layer it belongs to, named as in the state dict.
    pub path: String,
    /// Of one run, on the device's own clock where it has one.
    pub seconds: f64,
    /// Floating-point operations of one run.
    pub flops: u64,
}

impl From<crate::gpu::StepTime> for LayerTime {
    fn from(s: crate::gpu::StepTime) -> Self {
        LayerTime { op: s.op.into(), path: s.path, seconds: s.seconds, flops: s.flops }
    }
}
