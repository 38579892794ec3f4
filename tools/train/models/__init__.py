"""The trainable networks, by the architecture name that a weight file's metadata carries."""

from .genlv import GenLV
from .nafnet import NAFNet

ARCHITECTURES = {"genlv": GenLV, "nafnet": NAFNet}


def build(architecture: str, config: dict):
    """A network ready for training from the constructor arguments stored as `vernis.config`."""
    model = ARCHITECTURES[architecture](**config)
    if architecture == "genlv":
        model.start_as_identity()
    return model


def takes_prompts(architecture: str) -> bool:
    """Whether the network is called with an example pair beside its input."""
    return architecture == "genlv"
