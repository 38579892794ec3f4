// A dispatch of more than 65,535 workgroups is folded into two axes; this is the way back.
fn linear(id: vec3<u32>, count: vec3<u32>) -> u32 { return id.x + id.y * count.x; }
