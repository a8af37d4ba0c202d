"""Leave-one-out class scores of scikit-learn's ridge classifier, fitted anew for each image that is left out.

python scripts/make-ridge-fixture.py > test/fixtures/ridge.json
"""

import json

import numpy as np
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV

MULTIPLES = [10 ** (at / 2 - 5) for at in range(15)]


def scores_of(model, rows, classes):
    """Of targets 0 and 1; scikit-learn's are -1 and 1, and of two classes it gives only the second's."""
    scores = (model.decision_function(rows) + 1) / 2
    return np.stack([1 - scores, scores], axis=1) if classes == 2 else scores


def with_shares_of_all(scores, labels, rest):
    """Leaving an image out makes its class rarer: that much is put back, since how many there are of each was chosen."""
    one_hot = np.eye(scores.shape[1])[labels]
    return scores - one_hot[rest].mean(axis=0) + one_hot.mean(axis=0)


def case(name, n, p, classes, noise, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = rng.normal(size=(classes, p))
    X = centres[labels] + noise * rng.normal(size=(n, p)) + 30
    Z = X + 0.7 * noise * rng.normal(size=(n, p)) + 0.2
    centred = X - X.mean(axis=0)
    penalties = np.array(MULTIPLES) * (centred**2).sum() / n
    penalty = RidgeClassifierCV(alphas=penalties).fit(X, labels).alpha_
    own, other = [], []
    for i in range(n):
        rest = np.arange(n) != i
        model = RidgeClassifier(alpha=penalty, solver="svd").fit(X[rest], labels[rest])
        own.append(with_shares_of_all(scores_of(model, X[i : i + 1], classes), labels, rest)[0])
        other.append(with_shares_of_all(scores_of(model, Z[i : i + 1], classes), labels, rest)[0])
    accuracy = lambda scores: float(np.mean(np.argmax(scores, axis=1) == labels))
    return {
        "name": name,
        "X": X.tolist(),
        "Z": Z.tolist(),
        "labels": labels.tolist(),
        "penalty": float(penalty),
        "own": np.array(own).tolist(),
        "other": np.array(other).tolist(),
        "accuracy": [accuracy(own), accuracy(other)],
    }


print(
    json.dumps(
        [
            case("more images than columns", 30, 5, 3, 0.9, 0),
            case("more columns than images", 16, 40, 4, 2.5, 1),
            case("two classes", 20, 8, 2, 1.5, 2),
            case("classes that are noise", 18, 6, 3, 50, 3),
        ]
    )
)
