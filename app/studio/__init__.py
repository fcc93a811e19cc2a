"""The one door to the engine.

Everything else in the app works with arrays and plain values; only here `maskgit` is imported.

    studio.py       requests answered pass by pass
    walk.py         steps, looks and steers from states alone
    models.py       which models there are, which are loaded, which are on their way
    shelf.py        what stays loaded
    recipes.py      recipes of pictures, written and read
    downloads.py    what goes on in the background
    pictures.py     what is remembered of people's pictures
    refining.py     finished fills, drawn again in smaller windows
    cores.py        how many cores a pass takes
    gpu.py          a GPU that is lent for one question
"""

from app.studio.models import ModelStore
from app.studio.studio import Studio

__all__ = ["ModelStore", "Studio"]
