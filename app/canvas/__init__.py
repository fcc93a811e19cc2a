"""The painting surface: a picture under a token lattice, painted in the browser.

Read in this order:
    drawing.py   what one finished stroke tells Python, checked
    canvas.py    the Gradio component: constructor, events, props, commands, frames
    main.js      the browser side; its header lists the other scripts
    probe.js     what tests see of it

Nothing is imported here, so that `drawing` can be used without loading Gradio.
"""
