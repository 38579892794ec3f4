"""What a generalist is told for each of its tasks: first the sentence of the published system, then other words for it."""

SENTENCES = {
    "depth": ["Performance depth estimation", "depth", "estimate the depth", "depth map", "how far away is everything"],
    "semantic": ["Performance semantic segmentation", "semantic", "semantic segmentation", "label every pixel",
                 "segment the scene into classes"],
    "instance": ["Performance instance segmentation", "instance", "instance segmentation", "separate the objects",
                 "find every object"],
    "denoise": ["Performance image restoration denoising", "denoise", "remove the noise", "denoise this photo",
                "clean the grain"],
    "derain": ["Performance image restoration deraining", "derain", "remove the rain", "take the rain away", "rain removal"],
    "lowlight": ["Performance image restoration light enhancement", "lowlight", "brighten this photo", "too dark",
                 "enhance the light"],
}


def sentence(task: str, rng) -> str:
    """The published sentence half of the time, else another."""
    first, *others = SENTENCES[task]
    return first if rng.random() < 0.5 else others[rng.integers(len(others))]
