//! What was done, or would be done.

/// The outcome of a restoration or of a dry run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub model: String,
    pub family: String,
    pub adapter: String,
    pub precision: String,
    /// Width and height of one tile, in pixels.
    pub tile: (u32, u32),
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
    pub name: String,
    pub family: String,
    /// Constructor arguments of the official class, JSON.
    pub config: String,
    /// Settings, with their values in JSON, that nothing in the file tells, so that published values were taken.
    pub assumed: Vec<(String, String)>,
    pub parameters: u64,
    pub bytes: u64,
    /// Tasks the checkpoint can be told, from its metadata and its stored prompts.
    pub tasks: Vec<String>,
    pub takes_pairs: bool,
    pub multiple: u32,
    /// Of the first head where heads differ.
    pub scale: u32,
    /// Floating-point operations for a megapixel of input; `None` if this is no network from picture to picture.
    pub flops_per_megapixel: Option<f64>,
    /// The smallest storage precision that was verified for this file: `f16` or `f32`.
    pub precision: String,
    pub tile_policy: String,
    pub tile_advice: Option<(u32, u32)>,
    pub title: Option<String>,
    /// As the file states it.
    pub license: Option<String>,
}

/// Time of all steps that share a label.
#[derive(Debug, Clone)]
pub struct LayerTime {
    pub op: String,
    pub path: String,
    pub seconds: f64,
    pub flops: u64,
}

impl From<crate::gpu::StepTime> for LayerTime {
    fn from(s: crate::gpu::StepTime) -> Self {
        LayerTime { op: s.op.into(), path: s.path, seconds: s.seconds, flops: s.flops }
    }
}
