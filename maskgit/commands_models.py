"""The verbs of the command line about published models: `convert` and `models`."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from maskgit import conversion, hub
from maskgit.hub import Progress
from maskgit.runtime import DTYPES


def add_convert(parser: argparse.ArgumentParser) -> None:
    """Add the options of `convert`."""
    add = parser.add_argument
    add("--transformer", type=Path, required=True, metavar="FILE", help="published transformer")
    add("--tokenizer", type=Path, required=True, metavar="FILE", help="the tokenizer it goes with")
    add("out", metavar="OUT", help="new model folder, or the id of the model these files are")
    _add_dtype(parser)


def convert(options: argparse.Namespace) -> None:
    """Write a model folder from two published files."""
    transformer, tokenizer = options.transformer, options.tokenizer
    dtype = DTYPES[options.dtype]
    if options.out in hub.MODELS:
        print(hub.prepare(options.out, transformer, tokenizer, dtype))
        return
    out = Path(options.out)
    model = conversion.convert(transformer, tokenizer, name=out.name)
    card = f"# {out.name}\n\nConverted from `{transformer.name}` and `{tokenizer.name}`.\n"
    print(conversion.write_model(out, model, card, dtype=dtype))


def add_models(parser: argparse.ArgumentParser) -> None:
    """Add what `models` can do."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    actions.add_parser("list", help="what there is, and what is here").set_defaults(action=_list)
    actions.add_parser("where", help="the folder they are kept in").set_defaults(action=_where)
    for action, text in ((_download, "make a model ready to be used"), (_remove, "delete it")):
        name = action.__name__.removeprefix("_")
        sub = actions.add_parser(name, help=text)
        sub.add_argument("id", choices=list(hub.MODELS), metavar="ID", help="see `models list`")
        sub.set_defaults(action=action)
        if action is _download:
            sub.add_argument("--offline", action="store_true", help="use only what is here")
            _add_dtype(sub)


def models(options: argparse.Namespace) -> None:
    """List, download and remove published models."""
    options.action(options)


def _list(_: argparse.Namespace) -> None:
    width = max(map(len, hub.MODELS))
    for model in hub.MODELS.values():
        state = "here" if hub.is_here(model.id) else f"{model.num_bytes / 1e9:.2f} GB"
        print(f"{model.id:{width}}  {state:>7}  {model.quality}; {model.licence}")
        print(f"{'':{width}}           {model.good_for}")


def _where(_: argparse.Namespace) -> None:
    print(hub.where())


def _download(options: argparse.Namespace) -> None:
    with tqdm(unit="B", unit_scale=True, disable=not sys.stderr.isatty()) as bar:

        def on_progress(progress: Progress) -> None:
            bar.set_description(progress.stage, refresh=False)
            bar.total = progress.total
            bar.update(progress.done - bar.n)

        dtype = DTYPES[options.dtype]
        folder = hub.download(options.id, on_progress, offline=options.offline, dtype=dtype)
    print(folder)


def _remove(options: argparse.Namespace) -> None:
    hub.remove(options.id)


def _add_dtype(parser: argparse.ArgumentParser) -> None:
    text = "precision to store; float32 is as published, bfloat16 takes half the space"
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32", help=text)
