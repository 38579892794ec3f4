// Layout of the partial Gram matrices of transposed attention: for each (image, chunk of pixels, head) cq quads wide
// and 4 cq rows high, G[row i of q][quad j of k], then the squared norms of q and of k, cq quads each.
fn gram_size(cq: u32) -> u32 { return 4u * cq * cq + 2u * cq; }
