"""Orders: what makes two requests the same one."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.model import Input
from flows import order as orders

WORDS = st.text("abcdef", min_size=1, max_size=5)
VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1, 1) | WORDS


def one(role="sample", path="/data/a.h5", sha="1" * 64, adapter="reader 1"):
    return Input(role, path, sha, 10, adapter)


def key(inputs=None, parameters=None, recipe="saxs"):
    return orders.place(recipe, "saxs", inputs or [one()], parameters or {}, {}).key


@given(st.dictionaries(WORDS, VALUES, max_size=5))
def test_the_order_of_parameters_does_not_matter(parameters):
    turned = dict(reversed(list(parameters.items())))

    assert key(parameters=parameters) == key(parameters=turned)


def test_where_a_file_lies_does_not_matter():
    assert key([one(path="/data/a.h5")]) == key([one(path="/elsewhere/b.h5")])


def test_content_role_reader_order_recipe_and_parameters_do_matter():
    keys = {
        key(),
        key([one(sha="2" * 64)]),
        key([one(role="buffer")]),
        key([one(adapter="reader 2")]),
        key([one(), one(sha="2" * 64)]),
        key([one(sha="2" * 64), one()]),
        key(recipe="other"),
        key(parameters={"bins": 3}),
    }

    assert len(keys) == 8


def test_a_request_can_be_asked_again_from_anywhere(tmp_path, monkeypatch):
    from flows.saxs import SaxsParameters

    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.dat").touch()
    said = orders.request("saxs", [tmp_path / "a.dat"], SaxsParameters(buffer=["b.dat"]))

    assert said["parameters"]["buffer"] == [str(tmp_path / "b.dat")]
    assert SaxsParameters.model_validate(said["parameters"]).buffer == (tmp_path / "b.dat",)
