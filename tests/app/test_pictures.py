"""Pictures are found by what they show, and forgotten by use."""

import numpy as np

from app.studio.pictures import PictureStore


def photo(height: int = 40, width: int = 60) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_a_picture_is_found_by_its_pixels() -> None:
    store = PictureStore()
    first = store.keep(photo())
    assert store.keep(photo()) == first
    assert len(first) == 32
    assert store.keep(photo().reshape(60, 40, 3)) != first  # same bytes, another shape
    found = store.find(first)
    assert found is not None
    np.testing.assert_array_equal(found, photo())


def test_a_kept_picture_cannot_be_changed() -> None:
    store, picture = PictureStore(), photo()
    picture_id = store.keep(picture)
    picture[:] = 0
    found = store.find(picture_id)
    assert found is not None
    assert found.any()
    assert not found.flags.writeable


def test_a_picture_that_nobody_can_write_to_is_kept_without_a_copy() -> None:
    store, picture = PictureStore(), photo()
    picture.flags.writeable = False
    assert store.find(store.keep(picture)) is picture


def test_the_least_recently_used_picture_is_forgotten_first() -> None:
    a, b, c = (np.full((10, 10, 3), value, np.uint8) for value in range(3))
    store = PictureStore(max_bytes=700)
    first, second = store.keep(a), store.keep(b)
    store.find(first)
    third = store.keep(c)
    assert store.find(second) is None
    assert store.find(first) is not None
    assert store.find(third) is not None


def test_a_picture_larger_than_the_store_is_kept_alone() -> None:
    store = PictureStore(max_bytes=10)
    store.keep(photo(10, 10))
    assert store.find(store.keep(photo())) is not None
    assert store.find("unknown") is None
