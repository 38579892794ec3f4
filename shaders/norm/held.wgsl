// Mean and biased variance of a row that its invocation keeps while it needs it, for CPU drivers, whose loads are dear: rows
// of an even number of quads, at most 2 PAIRS. Imported behind Params and x, an array of pairs.
// Padding lanes hold zeros and may lie at the end of every segment, so zeros are left out and counted: those that are no
// padding are added as values of their own.
override PADDED: bool = false;

struct Held {
    mean: f32,
    variance: f32,
    #repeat I 0 2*PAIRS
    q$I: vec4<f32>,
    #end
}

fn held(base: u32) -> Held {
    // Zero, since none of these reaches 2^31, which the driver does not know.
    let zero = (p.rows | p.quads) >> 31u;
    #repeat I 0 PAIRS
    var pair$I: Pair;
    if $(2*I)u < p.quads { pair$I = x[base / 2u + $(I)u]; }
    #repeat N 0 2
    let q$(2*I+N) = plain(quad_in(pair$I, $(N)u), zero);
    #end
    #end
    var sum = vec4<f32>(0.0);
    #repeat I 0 2*PAIRS
    sum += q$I;
    #end
    let mean = dot(sum, vec4<f32>(1.0)) / p.channels;
    // About the mean, so that a large one costs no digits.
    var square = vec4<f32>(0.0);
    var zeros = vec4<f32>(0.0);
    #repeat I 0 2*PAIRS
    {
        var d = select(vec4<f32>(0.0), q$I - mean, $(I)u < p.quads);
        if PADDED {
            let none = q$I == vec4<f32>(0.0);
            d = select(d, vec4<f32>(0.0), none);
            zeros += select(vec4<f32>(0.0), vec4<f32>(1.0), none);
        }
        square = fma(d, d, square);
    }
    #end
    // Quads past the end of a row are zeros too.
    let padding = p.padding + f32(4u * ($(2*PAIRS)u - p.quads));
    let rest = select(0.0, (dot(zeros, vec4<f32>(1.0)) - padding) * mean * mean, PADDED);
    return Held(
        mean,
        (dot(square, vec4<f32>(1.0)) + rest) / p.channels,
        #repeat I 0 2*PAIRS
        q$I,
        #end
    );
}
