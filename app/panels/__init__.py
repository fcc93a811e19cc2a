"""The parts of the page: layout only, one function per panel, no behaviour.

    header.py     what this is
    models.py     which model does it, which others there are
    make.py       class, buttons, variations, status
    outpaint.py   pixels to add on each side
    advanced.py   how the model decodes
    schedule.py   its schedule as a curve to draw
    language.py   the language of the page
    tour/         Explain: the short course at the top
    gallery.py    examples to begin with

Every function is called inside a `gr.Blocks` and returns its components by name.
"""
