"""The editor: people and pictures; no tensors.

Read in this order:
    launch.py       command line and environment, to a running server
    interface.py    the page as a whole; panels/ its parts, canvas/ the painting surface
    events.py       which handler answers which event
    handlers.py     what happens then; menu.py: to models
    runs.py         the values that travel between handlers and studio; models.py: about models
    studio/         the one door to the engine

Elsewhere: the picture in front of a person (document), what is drawn over it (overlays), files
(export), words (words/), looks (theme), pictures to begin with (examples).
"""
