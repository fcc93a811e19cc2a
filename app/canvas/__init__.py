"""The painting surface: a picture under a token lattice, painted in the browser.

Read in this order:
    drawing.py   what one finished stroke tells Python, checked
    canvas.py    the Gradio component: constructor, events, props, commands, frames
    main.js      the browser side; its header lists the other scripts and the test probe

Nothing is imported here, so that `drawing` can be used without loading Gradio.
"""
