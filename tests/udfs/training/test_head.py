import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from udfs.training.head import even_speakers, fit_head
from udfs.training.recipe import Head

NUM_LABELS, DIM = 3, 8


@pytest.fixture
def rows():
    random = np.random.default_rng(3)
    labels = random.choice(NUM_LABELS, size=200, p=[0.6, 0.3, 0.1])
    inputs = random.normal(size=(200, DIM)) + 0.7 * labels[:, None] * np.arange(DIM)
    return inputs.astype(np.float32), labels


@pytest.mark.parametrize("class_weights", ["balanced", "none"])
def test_a_discriminant_without_weights_is_scikit_learns(rows, class_weights):
    inputs, labels = rows
    how = Head(method="discriminant", shrinkage=0.4, class_weights=class_weights)
    scaled = (inputs - inputs.mean(0)) / inputs.std(0)
    prior = np.full(NUM_LABELS, 1 / NUM_LABELS) if class_weights == "balanced" else None
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.4, priors=prior)
    expected = theirs.fit(scaled, labels).decision_function(scaled)
    found = fit_head(inputs, labels, NUM_LABELS, how).logits(inputs)
    # alike but for what every label has in common
    np.testing.assert_allclose(
        found - found[:, :1], expected - expected[:, :1], rtol=1e-3, atol=1e-3
    )


def test_a_row_that_counts_double_is_a_row_given_twice(rows):
    inputs, labels = rows
    how = Head(method="discriminant", shrinkage=0.0)
    twice = np.flatnonzero(labels == 1)[:20]
    weights = np.ones(len(labels))
    weights[twice] = 2
    again = np.concatenate([np.arange(len(labels)), twice])
    weighed = fit_head(inputs, labels, NUM_LABELS, how, weights).logits(inputs)
    repeated = fit_head(inputs[again], labels[again], NUM_LABELS, how).logits(inputs)
    differences = (weighed - weighed[:, :1]) - (repeated - repeated[:, :1])
    np.testing.assert_allclose(differences, 0, atol=1e-2)


def test_a_speakers_examples_of_a_label_count_together_and_less_than_their_number():
    labels = np.array([0, 0, 0, 0, 1, 0])
    speakers = np.array(["a", "a", "a", "b", "a", "b"])
    weights = even_speakers(labels, speakers)
    assert weights[[0, 1, 2]].sum() == pytest.approx(3 / 4)
    assert weights[[3, 5]].sum() == pytest.approx(2 / 3)
    assert weights[4] == pytest.approx(1 / 2)


def test_who_gave_most_of_a_label_does_not_become_its_mean():
    random = np.random.default_rng(0)
    speakers = np.array(["often"] * 60 + ["seldom"] * 6 + ["often", "seldom"] * 20)
    labels = np.array([0] * 66 + [1] * 40)
    voice = np.where(speakers == "often", 4.0, -4.0)  # a colour that says nothing of the label
    inputs = np.stack([voice, labels.astype(float)], 1) + random.normal(size=(106, 2))
    how = Head(method="discriminant", shrinkage=0.0)
    plain = fit_head(inputs.astype(np.float32), labels, 2, how)
    even = fit_head(inputs.astype(np.float32), labels, 2, how, even_speakers(labels, speakers))

    def of_voice(head):
        return abs(head.weight[1, 0] - head.weight[0, 0])

    assert of_voice(even) < of_voice(plain)
