"""Examples to begin with: a strip of small pictures; one click opens it."""

from __future__ import annotations

import gradio as gr

from app.examples import Examples
from app.words import Words

# The template is constant; titles go in as text and pictures as sources.
TEMPLATE = "<h2></h2><ul></ul><p></p>"
SCRIPT = """
element.querySelector('h2').textContent = props.heading;
element.querySelector('p').textContent = props.hint;
const list = element.querySelector('ul');
for (const example of props.examples) {
  const item = document.createElement('li');
  const button = document.createElement('button');
  const image = document.createElement('img');
  button.type = 'button';
  button.title = example.title;
  button.dataset.example = example.name;
  image.src = example.image;
  image.alt = example.title;
  button.append(image);
  button.addEventListener('click', () => trigger('pick', { name: example.name }));
  item.append(button);
  list.append(item);
}
"""


def gallery_panel(examples: Examples, words: Words) -> gr.HTML:
    """Lay out the strip; its event `pick` carries the example's name."""
    titles = words.part("gallery.titles")
    return gr.HTML(
        html_template=TEMPLATE,
        js_on_load=SCRIPT,
        elem_id="examples",
        heading=words("gallery.heading"),
        hint=words("gallery.hint"),
        examples=[
            {**shown, "title": titles.get(shown["name"], shown["title"])}
            for shown in examples.thumbnails
        ],
    )
