// Groups of GroupNorm: `per` neighbouring channels each. The tensor has one channel segment, or two whose first holds
// `first` channels in `first4` quads, so that a lane's channel follows from its place without a table.
fn channel_of(position: u32, first: u32, first4: u32) -> u32 {
    return select(min(position, first - 1u), position - 4u * first4 + first, position >= 4u * first4);
}

fn position_of(channel: u32, first: u32, first4: u32) -> u32 {
    return select(channel, channel - first + 4u * first4, channel >= first);
}
