"""A class is found by number, name, synonym or WordNet id; a wrong one gets the nearest names."""

import json

import numpy as np
import pytest

from maskgit.classes import Classes, ImageClass, imagenet_class

IMAGENET = Classes.imagenet()
SMALL = Classes(
    [
        imagenet_class(207, label=1),
        imagenet_class(970, label=0),
        ImageClass(2, 1000, "dandelion", ("Taraxacum",)),
        ImageClass(3, 1001, "rose", ("flower",)),
        ImageClass(4, 1002, "tulip", ("flower",)),
    ],
    null_label=5,
)


@pytest.mark.parametrize(
    ("class_id", "name", "wnid"),
    [
        (0, "tench", "n01440764"),
        (207, "golden retriever", "n02099601"),
        (345, "ox", "n02403003"),
        (980, "volcano", "n09472597"),
        (999, "toilet tissue", "n15075141"),
    ],
)
def test_known_imagenet_classes(class_id: int, name: str, wnid: str) -> None:
    entry = imagenet_class(class_id, label=3)
    assert (entry.label, entry.id, entry.name, entry.wnid) == (3, class_id, name, wnid)


def test_imagenet_has_a_thousand_classes_each_found_by_id_name_and_wnid() -> None:
    assert len(IMAGENET) == 1000
    for entry in IMAGENET:
        assert entry.wnid is not None
        for said in (entry.id, str(entry.id), entry.name, entry.name.upper(), entry.wnid):
            assert IMAGENET.resolve(said) == entry.label == entry.id


def test_imagenet_wordnet_ids_are_in_order() -> None:
    wnids = [entry.wnid or "" for entry in IMAGENET]
    assert wnids == sorted(set(wnids))


def test_numbers_are_public_ids_not_the_models_labels() -> None:
    assert SMALL.resolve(207) == 1
    assert SMALL.resolve(np.int64(970)) == 0
    assert SMALL.resolve(1000) == 2
    with pytest.raises(ValueError, match=r"no class 1 \(goldfish\); it knows 5 classes: 'alp'"):
        SMALL.resolve(1)


@pytest.mark.parametrize(
    "said", ["Golden Retriever", "golden_retriever", " golden-retriever ", "N02099601", "207"]
)
def test_spelling_does_not_matter(said: str) -> None:
    assert SMALL.resolve(said) == 1


def test_a_synonym_finds_its_class() -> None:
    assert SMALL.resolve("taraxacum") == 2
    assert IMAGENET.resolve("coast") == 978


def test_a_name_comes_before_the_same_synonym_of_another_class() -> None:
    assert IMAGENET.resolve("maillot") == 638
    assert IMAGENET.resolve("tank suit") == 639


def test_a_synonym_of_several_classes_is_refused_with_the_choices() -> None:
    with pytest.raises(
        ValueError, match=r"'crane \(bird\)' \(134\) or 'crane \(machine\)' \(517\)"
    ):
        IMAGENET.resolve("crane")
    with pytest.raises(ValueError, match=r"'rose' \(1001\) or 'tulip' \(1002\)"):
        SMALL.resolve("Flower")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(
        ValueError, match="no class 'golden retreiver'; nearest: 'golden retriever'"
    ):
        SMALL.resolve("golden retreiver")
    with pytest.raises(ValueError, match="no class 'xyzzy'; it knows 5 classes"):
        SMALL.resolve("xyzzy")


@pytest.mark.parametrize("said", [-1, 1003, 10**30, "", "  ", "-5", "2.5", "n99999999"])
def test_what_is_not_there_is_refused(said: int | str) -> None:
    with pytest.raises(ValueError, match="this model"):
        SMALL.resolve(said)


@pytest.mark.parametrize("said", [True, 2.0, [1], b"rose"])
def test_what_is_no_class_at_all_is_a_type_error(said: object) -> None:
    with pytest.raises(TypeError):
        SMALL.resolve(said)  # pyright: ignore[reportArgumentType]


def test_no_class_is_the_null_label_where_there_is_one() -> None:
    assert SMALL.resolve(None) == 5
    with pytest.raises(ValueError, match="this model needs a class"):
        IMAGENET.resolve(None)


def test_classes_are_kept_in_the_order_of_their_labels() -> None:
    assert [entry.label for entry in SMALL] == [0, 1, 2, 3, 4]
    assert SMALL[1].name == "golden retriever"


def test_classes_survive_json() -> None:
    again = Classes.from_json(SMALL.to_json(), null_label=5)
    assert again.entries == SMALL.entries
    assert again.null_label == 5


ROW = {"label": 0, "id": 0, "name": "tench", "synonyms": [], "wnid": None}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "expected a list"),
        ([3], "must be a JSON object"),
        ([{"label": 0}], "missing"),
        ([{**ROW, "colour": 1}], "no field"),
        ([{**ROW, "label": 1}], "labels must be 0, 1, 2"),
        ([{**ROW, "label": "0"}], "label must be int, got '0'"),
        ([{**ROW, "id": -1}], "0 or more, got 0 and -1"),
        ([{**ROW, "id": 1.5}], "id must be int"),
        ([{**ROW, "name": " "}], "a name of class 0 is empty"),
        ([{**ROW, "name": None}], "name must be str, got None"),
        ([{**ROW, "synonyms": "fish"}], "synonyms must be tuple.*, got 'fish'"),
        ([{**ROW, "synonyms": [""]}], "a name of class 0 is empty"),
        ([{**ROW, "synonyms": [3]}], r"synonyms must be tuple"),
        ([{**ROW, "wnid": 3}], r"wnid must be str \| None, got 3"),
        ([ROW, {**ROW, "label": 1}], "two classes have the id '0'"),
        ([ROW, {**ROW, "label": 1, "id": 1, "name": "TENCH"}], "two classes have the name"),
    ],
)
def test_wrong_class_files_are_refused(rows: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Classes.from_json(json.dumps(rows))


def test_an_imagenet_index_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="got 1000"):
        imagenet_class(1000, label=0)
