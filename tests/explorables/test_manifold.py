"""ReLU and the manifold: the experiment against other ways to compute it, the page against numpy, and its words."""

from __future__ import annotations

import itertools
import json
import re

import numpy as np
import pytest
import traitlets
from drawn import drawn, words
from node import esm, javascript

from mobilenet_lib import explorables, manifold
from mobilenet_lib.explorables.manifold import DIMENSIONS, PIECES, SEEDS, Manifold, colours


def percent(share: float) -> str:
    """Write a share with as many decimals as say something."""
    if 0 < share < 0.0001:
        return "under 0.01\N{NO-BREAK SPACE}%"
    decimals = 0 if share == 0 or share >= 0.0995 else 1 if share >= 0.00995 else 2
    return f"{100 * share:.{decimals}f}\N{NO-BREAK SPACE}%"


# --- the experiment

# Medians of 200 draws of another implementation with other random numbers, and the mean share of lost points.
ELSEWHERE = {
    #    pseudo-inverse, rescaled, affine, lost
    2: (0.75, 0.74, 0.58, 0.74),
    3: (0.72, 0.71, 0.45, 0.50),
    5: (0.64, 0.62, 0.26, 0.20),
    10: (0.57, 0.48, 0.024, 0.015),
    15: (0.54, 0.40, 0.007, 0.002),
    30: (0.52, 0.30, 0.001, 0.001),
}


def scatter(errors: np.ndarray, draws: int = 200) -> float:
    """Return the standard error of a median of so many draws, by resampling those there are."""
    rng = np.random.default_rng(0)
    return float(np.median(rng.choice(errors, (1000, draws)), axis=1).std())


@pytest.mark.parametrize("n", ELSEWHERE)
def test_medians_agree_with_another_implementation_within_their_scatter(n):
    found = manifold.draws(n)
    *errors, lost = ELSEWHERE[n]
    for name, expected in zip(manifold.DECODERS, errors, strict=True):
        assert len(found[name]) == 200
        # Two medians scatter, and the other one is rounded to its last digit.
        rounding = 0.005 if expected > 0.1 else 0.0005
        allowed = 3 * 2**0.5 * scatter(found[name]) + rounding
        assert abs(np.median(found[name]) - expected) < allowed < 0.1, (name, np.median(found[name]))
    # In many dimensions a few rare draws make the mean, so that its scatter shows in its last digit.
    spread = 3 * 2**0.5 * found["lost"].std() / len(found["lost"]) ** 0.5
    assert abs(found["lost"].mean() - lost) < spread + (0.005 if lost > 0.1 else 0.001)


def test_the_spiral_goes_from_the_origin_to_the_unit_circle_in_two_turns():
    x = manifold.spiral()
    assert x.shape == (2, 1000)
    assert (x[:, 0] == 0).all() and np.allclose(x[:, -1], [1, 0])
    assert np.allclose(np.linalg.norm(x, axis=0), np.linspace(0, 1, 1000))
    assert np.allclose(np.unwrap(np.arctan2(x[1, 1:], x[0, 1:]))[-1], 4 * np.pi)


def test_units_of_a_seed_are_the_same_for_every_n_and_fit_into_four_decimals():
    most = manifold.random_units(30, seed=7)
    for n in (1, 2, 17):
        assert (manifold.random_units(n, seed=7) == most[:n]).all()
    assert json.loads(json.dumps(most.tolist())) == [[float(f"{value:.4f}") for value in unit] for unit in most]
    assert (most != manifold.random_units(30, seed=8)).all()


@pytest.mark.parametrize(("n", "seed"), [*itertools.product((2, 3, 10, 30), (1, 2)), (5, 138), (10, 138), (30, 138)])
def test_the_affine_decoder_is_numpys_least_squares(n, seed):
    """Draw 138 has two units a thousandth of a radian apart: the hardest of the 200."""
    x, units = manifold.spiral(), manifold.random_units(n, seed)
    features = np.vstack([manifold.relu(x, units), np.ones(x.shape[1])]).T
    solution, *_ = np.linalg.lstsq(features, x.T, rcond=None)
    assert np.allclose(manifold.decode(x, units, "affine"), (features @ solution).T, rtol=0, atol=2e-9)


def test_the_rescaled_decoder_has_the_best_factor():
    x, units = manifold.spiral(), manifold.random_units(6, seed=3)
    plain, best = (manifold.decode(x, units, name) for name in ("pseudo-inverse", "rescaled"))
    factors = np.linspace(0.1, 4, 2000)
    errors = manifold.relative_error(x, factors[:, None, None] * plain)
    assert manifold.relative_error(x, best) <= errors.min()
    assert np.allclose(best, factors[errors.argmin()] * plain, rtol=2e-3)


def test_the_pseudo_inverse_brings_everything_back_when_there_is_no_relu():
    x, units = manifold.spiral(), manifold.random_units(5, seed=1)
    assert np.allclose(np.linalg.pinv(units) @ (units @ x), x)


def test_the_pseudo_inverse_gives_half_of_the_curve_and_a_rest():
    x, units = manifold.spiral(), manifold.random_units(9, seed=4)
    rest = np.linalg.pinv(units) @ np.abs(units @ x) / 2
    assert np.allclose(manifold.decode(x, units, "pseudo-inverse"), x / 2 + rest)


def test_with_thousands_of_units_the_errors_go_where_the_words_say():
    x, units = manifold.spiral(points=200), manifold.random_units(20_000, seed=1)
    plain = manifold.decode(x, units, "pseudo-inverse")
    assert abs(manifold.relative_error(x, plain) - 0.5) < 0.01
    assert manifold.relative_error(x, manifold.decode(x, units, "rescaled")) < 0.03
    assert abs((plain * x).sum() / (plain * plain).sum() - 2) < 0.05


@pytest.mark.parametrize("n", DIMENSIONS)
def test_decoders_with_more_freedom_are_never_worse(n):
    found = manifold.draws(n, seeds=range(1, 51))
    assert (found["rescaled"] <= found["pseudo-inverse"] + 1e-12).all()
    assert (found["affine"] <= found["rescaled"] + 1e-9).all()


@pytest.mark.parametrize("n", range(1, 13))
def test_the_closed_form_counts_the_patterns_with_fewer_than_two_active(n):
    patterns = list(itertools.product((0, 1), repeat=n))
    assert manifold.expected_lost_share(n) * len(patterns) == sum(sum(pattern) < 2 for pattern in patterns)


def test_a_stack_of_units_gives_what_each_gives_alone():
    x = manifold.spiral(points=100)
    stack = np.stack([manifold.random_units(4, seed) for seed in (1, 2, 3)])
    for name in manifold.DECODERS:
        together = manifold.decode(x, stack, name)
        assert np.allclose(together, [manifold.decode(x, units, name) for units in stack])
    assert (manifold.active(x, stack)[1] == manifold.active(x, stack[1])).all()


def test_what_cannot_be_decoded_is_refused_with_the_remedy():
    x, units = manifold.spiral(points=10), np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    with pytest.raises(ValueError, match="decoder must be one of pseudo-inverse, rescaled, affine, got 'best'"):
        manifold.decode(x, units, "best")
    with pytest.raises(ValueError, match="units must be at least 2, got 1"):
        manifold.decode(x, units[:1], "affine")
    for wrong in (units, np.array([[1.0, 0.0], [0.0, 0.0]])):
        with pytest.raises(ValueError, match="units must all be different directions; leave out"):
            manifold.decode(x, wrong, "affine")
    with pytest.raises(ValueError, match="n must be a positive integer, got 0"):
        manifold.expected_lost_share(0)
    with pytest.raises(TypeError, match="seed must be a positive integer, got 1.5"):
        manifold.random_units(3, seed=1.5)


# --- the page

EVERY_STATE = list(itertools.product(DIMENSIONS, range(1, SEEDS + 1)))


def one_line(function: str) -> str:
    return " ".join(function.split())


@pytest.fixture(scope="module")
def computed() -> dict[tuple[int, int], dict]:
    """Return what the JavaScript computes for each draw."""
    experiment = Manifold().experiment
    function = """({ n, seed }, experiment) => {
        const shown = manifold({ n, seed }, experiment);
        for (const back of Object.values(shown.back)) [back.x, back.y] = [[...back.x], [...back.y]];
        return { ...shown, active: [...shown.active], sectors: weakSectors(shown.units) };
    }"""
    # In a few runs, because the points of all draws are many megabytes.
    found = {}
    for seed in range(1, SEEDS + 1):
        cases = [[{"n": n, "seed": seed}, experiment] for n in DIMENSIONS]
        found |= {
            (n, seed): shown
            for n, shown in zip(DIMENSIONS, javascript(esm(Manifold), one_line(function), cases), strict=True)
        }
    return found


def test_every_state_of_the_page_equals_numpy(computed):
    x = manifold.spiral()
    for n, seed in EVERY_STATE:
        shown, units = computed[n, seed], manifold.random_units(n, seed)
        assert shown["active"] == manifold.active(x, units).tolist()
        assert shown["lost"] == round(1000 * manifold.lost_share(x, units))
        assert shown["expected"] == manifold.expected_lost_share(n)
        for name in manifold.DECODERS:
            back = manifold.decode(x, units, name)
            assert np.allclose([shown["back"][name]["x"], shown["back"][name]["y"]], back, rtol=1e-9, atol=1e-9), (
                n,
                seed,
            )
            assert shown["errors"][name] == pytest.approx(float(manifold.relative_error(x, back)), rel=1e-9)


def test_directions_kept_from_one_n_to_the_next_change_nothing(computed):
    """The page keeps a seed's orthonormal directions; here the slider goes up, and down again."""
    function = """(experiment) => {
        const basis = [];
        const curve = spiralOf(experiment);
        return [30, 5, 2, 12].map((n) => manifold({ n, seed: 2 }, experiment, curve, basis).errors.affine);
    }"""
    [found] = javascript(esm(Manifold), one_line(function), [[Manifold().experiment]])
    assert found == [computed[n, 2]["errors"]["affine"] for n in (30, 5, 2, 12)]


def test_shaded_directions_are_where_points_are_lost(computed):
    x = manifold.spiral()
    angles = np.arctan2(x[1], x[0]) % (2 * np.pi)
    for shown in computed.values():
        count = np.full(1000, 2)
        border = np.zeros(1000, bool)
        for sector in shown["sectors"]:
            for turn in (0, 2 * np.pi):
                inside = (sector["from"] <= angles + turn) & (angles + turn < sector["to"])
                count[inside] = sector["active"]
                border |= np.minimum(abs(angles + turn - sector["from"]), abs(angles + turn - sector["to"])) < 1e-9
        sure = ~border
        sure[0] = False  # the origin lies in no direction
        assert (np.minimum(shown["active"], 2) == count)[sure].all()


def test_three_units_always_lose_half(computed):
    for seed in range(1, SEEDS + 1):
        # Of all directions exactly; the points meet directions in steps, and the origin is lost besides.
        assert abs(computed[3, seed]["lost"] - 500) <= 2


def test_the_words_are_true_in_every_state(computed):
    cases = [({**shown, "decoder": name}, name) for shown in computed.values() for name in manifold.DECODERS]
    read = ("n", "decoder", "errors", "factor", "lost", "points")  # all but the many points themselves
    sentences = javascript(esm(Manifold), "resultSentence", [[{key: shown[key] for key in read}] for shown, _ in cases])
    for (shown, name), sentence in zip(cases, sentences, strict=True):
        error = shown["errors"][name]
        assert f"error of {percent(error)}" in sentence or f"error of only {percent(error)}" in sentence
        assert (shown["lost"] == 1) == ("every point but the origin" in sentence)
        if shown["lost"] == 1:
            assert shown["active"][0] == 0 and min(shown["active"][1:]) >= 2
        else:
            assert f"At {percent(shown['lost'] / 1000)} of the points" in sentence
        assert ("only" in sentence) == (name == "affine" and error < 0.05)
        assert (f"best factor, {shown['factor']:.2f}" in sentence) == (name == "rescaled")


def test_shares_are_written_alike_in_python_and_javascript():
    shares = [0, 1e-9, 0.00009, 0.0001, 0.0014, 0.00994, 0.00996, 0.026, 0.0993, 0.0997, 0.5, 0.999, 1, 1.047, 6.04]
    assert javascript(esm(Manifold), "shareText", [[share] for share in shares]) == [percent(share) for share in shares]


def test_the_line_of_code_gives_what_comes_back(computed):
    [line] = javascript(esm(Manifold), "codeLine", [[{"n": 4, "seed": 3, "decoder": "rescaled"}]])
    back = eval(line, {name: getattr(manifold, name) for name in ("decode", "spiral", "random_units")})
    assert np.allclose(back[0], computed[4, 3]["back"]["rescaled"]["x"])


def test_the_page_carries_little():
    sent = json.dumps(Manifold().experiment, separators=(",", ":"))
    assert len(sent) < 6_000


def test_quartiles_on_the_page_are_those_of_two_hundred_draws():
    experiment = Manifold().experiment
    assert experiment["repeats"] == 200
    for n in (2, 7, 30):
        found = manifold.draws(n)
        for name in manifold.DECODERS:
            expected = np.quantile(found[name], [0.25, 0.5, 0.75])
            assert np.allclose(experiment["quartiles"][name][DIMENSIONS.index(n)], expected, rtol=5e-3)


def test_the_colours_run_from_dark_to_light_and_divide_the_curve_evenly():
    linear = [[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours()]
    linear = np.where(
        np.array(linear) <= 0.04045, np.array(linear) / 12.92, ((np.array(linear) + 0.055) / 1.055) ** 2.4
    )
    assert (np.diff(linear @ [0.2126, 0.7152, 0.0722]) > 0).all()
    assert manifold.POINTS % PIECES == 0


# --- the widget


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("n", 11, "n must be one of 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, got 11"),
        ("n", True, "n must be one of 2, 3"),
        ("seed", 9, "seed must be from 1 to 8 in steps of 1, got 9"),
        ("decoder", "best", "decoder must be one of affine, rescaled, pseudo-inverse, got 'best'"),
    ],
)
def test_a_value_that_no_control_has_is_refused(setting, value, message):
    with pytest.raises(traitlets.TraitError, match=re.escape(message)):
        Manifold(**{setting: value})


def test_nothing_is_counted_because_there_are_no_macs():
    shown = explorables.Manifold()
    shown.n = 10
    assert shown.measured == {} and shown.settings == ["n", "seed", "decoder"]
    assert shown.key() == '[10,1,"affine"]'


@pytest.mark.parametrize(
    "state", [{}, {"n": 2, "seed": 4, "decoder": "pseudo-inverse"}, {"n": 30, "decoder": "rescaled"}]
)
def test_the_static_form_carries_the_numbers_of_its_state(state):
    shown = Manifold(**state)
    text = words(shown)
    for error in shown.errors().values():
        assert percent(error) in text
    lost = float(manifold.lost_share(manifold.spiral(), shown.units()))
    assert percent(lost) in text or lost * manifold.POINTS == 1
    assert f" {shown.n} units" in text
    assert percent(float(manifold.expected_lost_share(shown.n))) in text
    assert drawn(shown).html.count("mn-piece") == 2 * PIECES


def test_missing_equations_are_those_that_coins_leave_out():
    rng = np.random.default_rng(0)
    for n, d in ((2, 2), (5, 3), (3, 4), (48, 24)):
        heads = rng.integers(0, 2, (40_000, n)).sum(1)
        assert float(manifold.expected_lost_share(n, d)) == pytest.approx((heads < d).mean(), abs=0.01)
        left_out = np.maximum(d - heads, 0).mean() / d
        assert float(manifold.expected_missing_share(n, d)) == pytest.approx(left_out, abs=0.01)


def test_the_table_and_the_curves_are_of_the_same_draws():
    medians, rows = manifold.medians([3, 10]), manifold.quartiles([3, 10])
    for i, (n, *texts) in enumerate(rows):
        for name, text in zip(manifold.DECODERS, texts, strict=True):
            middle, low, high = map(float, re.findall(r"[\d.]+", text))
            assert middle == pytest.approx(medians[name][i], abs=0.0005)
            errors = manifold.draws(n)[name]
            assert [low, high] == pytest.approx(np.quantile(errors, [0.25, 0.75]), abs=0.0005)
