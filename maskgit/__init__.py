"""MaskGIT: generate, edit and extend pictures by masked token modelling.

    import maskgit
    engine = maskgit.load("embedded")
    result = engine.generate(label="daisy", count=4)

Read in this order: loading, pipeline, engine, decoding, constraints, models.
"""

from maskgit.checkpoints import CheckpointError
from maskgit.classes import Classes, ImageClass
from maskgit.config import ModelConfig
from maskgit.constraints import Constraints
from maskgit.decoding import DecodeOptions, DecodeState
from maskgit.loading import load
from maskgit.pipeline import Job, MaskGIT, Result
from maskgit.window import Window

__version__ = "0.1.0"
__all__ = [
    "CheckpointError",
    "Classes",
    "Constraints",
    "DecodeOptions",
    "DecodeState",
    "ImageClass",
    "Job",
    "MaskGIT",
    "ModelConfig",
    "Result",
    "Window",
    "load",
]
