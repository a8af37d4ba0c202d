"""Rank correlations of what was read at the early checkpoint with what became of the finetune, as markdown.

    python scripts/predict/analyse.py WORK

Spearman's correlation, pooled over the pretrained models: ranks are taken within each, scaled to [-1, 1], and then correlated
over all finetunes together. Intervals: 95 %, 2000 bootstraps that draw finetunes anew within each pretrained model. The partial
correlation is that of what a linear fit on the ranks of the controls leaves of both.

Two stricter views: draws of whole settings (regime and learning rate, in all models at once), because finetunes of one setting
are alike; and Holm's correction of permutation p-values (outcomes shuffled within each model) over all cells of the table.
"""

import argparse
import json
from pathlib import Path

import numpy as np

BOOTSTRAPS = 2000
PERMUTATIONS = 20000
WEIGHTS, DRIFT, RATE = "weight drift", "drift", "learning rate"
OUTCOMES = {
    "probe, refitted": lambda o: o["probe"] - o["before"],
    "probe, old": lambda o: o["head"] - o["before"],
    "corrupted / clean": lambda o: np.mean(list(o["corrupted"].values())) / o["clean"],
    "kept halfway": lambda o: o["half"] - o["before"],
    "recovered halfway": lambda o: o["half"] - o["probe"],
}


def mean(values):
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def value(score):
    return score["value"] if score["status"] == "scored" else None


def diagonal(matrix):
    return [row[i] for i, row in enumerate(matrix)]


def predictors(outcome, reading):
    """One number a finetune by name; None where it has none. Layers are averaged, or the norm's own value is taken."""
    R, D = diagonal(reading["retention"]["unbiased"]), diagonal(reading["drift"]["unbiased"])
    scores = [value(s) for s in reading["scores"]]
    found = {
        RATE: outcome["lr"],
        WEIGHTS: mean(reading["weightDrift"]),
        DRIFT: mean(D),
        "drift, norm": D[-1],
        "retention score": mean(scores),
        "retention score, norm": scores[-1],
        "R": mean(R),
        "compression": reading["compression"]["mean"],
    }
    for name in ("gain", "loss"):
        if name in reading:
            found[name] = mean(map(value, reading[name]))
    for factor in reading.get("factors", []):
        found[f"factor {factor['factor']}"] = mean(map(value, factor["change"]))
    for probe in reading.get("ridge", []):
        found["ridge probe, refitted"] = mean(map(value, probe["change"]))
        found["ridge probe, old"] = mean(map(value, probe["kept"]))
    return found


def ranks(values):
    """Of each column of (n, k): mean ranks of ties, in [-1, 1]."""
    below = (values[:, None] > values).sum(1)
    equal = (values[:, None] == values).sum(1)
    return (2 * below + equal - len(values)) / max(1, len(values) - 1)


def correlations(values, members, controls):
    """Every column of (n, k) with every other, by ranks within each group of rows, given the columns `controls`."""
    x = np.concatenate([ranks(values[rows]) for rows in members])
    if controls:
        z = x[:, controls]
        x = x - z @ np.linalg.lstsq(z, x, rcond=None)[0]
    norms = np.sqrt((x**2).sum(0))
    norms[norms < 1e-9] = np.inf
    return (x / norms).T @ (x / norms)


def shown(value, low, high):
    """'.42 [.10, .66]', in bold where the interval excludes 0."""
    text = f"{value:.2f} [{low:.2f}, {high:.2f}]".replace("0.", ".")
    return f"**{text}**" if low > 0 or high < 0 else text


def columns_of(rows):
    """Names of the predictors that every finetune has; these and the outcomes as (n, k); the rows of each model."""
    names = [n for n in rows[0]["predictors"] if all(row["predictors"].get(n) is not None for row in rows)]
    values = np.array([[row["predictors"][n] for n in names] + list(row["outcomes"].values()) for row in rows])
    models = np.array([row["model"] for row in rows])
    return names, values, [np.flatnonzero(models == model) for model in sorted(set(models))]


def table(rows, given=(), by_setting=False):
    """A line a predictor, a column an outcome; predictors that some finetunes lack, or that are `given`, are left out."""
    draw = np.random.default_rng(0)
    names, values, members = columns_of(rows)
    controls = [names.index(name) for name in given]
    settings = np.array([row["setting"] for row in rows])

    def drawn():
        if not by_setting:
            return [draw.choice(m, len(m)) for m in members]
        chosen = draw.choice(np.unique(settings), len(np.unique(settings)))
        return [np.concatenate([m[settings[m] == s] for s in chosen]) for m in members]

    found = correlations(values, members, controls)
    again = [correlations(values, drawn(), controls) for _ in range(BOOTSTRAPS)]
    low, high = np.quantile(again, [0.025, 0.975], axis=0)
    lines = [f"| at the early checkpoint | {' | '.join(OUTCOMES)} |", "|---" * (len(OUTCOMES) + 1) + "|"]
    for i, name in enumerate(names):
        if i not in controls:
            columns = range(len(names), len(names) + len(OUTCOMES))
            cells = [shown(found[i, j], low[i, j], high[i, j]) for j in columns]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def holm(rows):
    """(corrected p, predictor, outcome) of the cells below .05, smallest first."""
    draw = np.random.default_rng(0)
    names, values, members = columns_of(rows)
    k = len(names)
    x = np.concatenate([ranks(values[m]) for m in members])
    x = x / np.sqrt((x**2).sum(0))
    members = np.split(np.arange(len(x)), np.cumsum([len(m) for m in members])[:-1])
    found = np.abs(x[:, :k].T @ x[:, k:])
    above = np.zeros(found.shape)
    for _ in range(PERMUTATIONS):
        order = np.concatenate([draw.permutation(m) for m in members])
        above += np.abs(x[:, :k].T @ x[order, k:]) >= found - 1e-12
    cells = sorted(
        ((above[i, j] + 1) / (PERMUTATIONS + 1), name, outcome)
        for i, name in enumerate(names)
        for j, outcome in enumerate(OUTCOMES)
    )
    corrected = np.maximum.accumulate([p * (len(cells) - i) for i, (p, _, _) in enumerate(cells)])
    return [(p, name, outcome) for p, (_, name, outcome) in zip(corrected, cells) if p < 0.05]


def span(values):
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main():
    parser = argparse.ArgumentParser(description="correlate early readings with outcomes")
    parser.add_argument("work", type=Path)
    work = parser.parse_args().work
    outcomes = [json.loads(line) for line in (work / "outcomes.jsonl").read_text().splitlines()]
    readings = {
        (file.stem, line["run"]): line["reading"]
        for file in (work / "readings").glob("*.jsonl")
        for line in map(json.loads, file.read_text().splitlines())
    }
    rows = [
        {
            "model": o["model"],
            "regime": o["regime"],
            "setting": f"{o['regime']} {o['lr']}",
            "predictors": predictors(o, readings[o["model"], o["run"]]),
            "outcomes": {name: f(o) for name, f in OUTCOMES.items()},
        }
        for o in outcomes
        if (o["model"], o["run"]) in readings
    ]
    moving = [row for row in rows if row["regime"] != "head"]

    models = sorted({row["model"] for row in rows})
    print(f"| pretrained model | finetunes | {' | '.join(OUTCOMES)} |\n" + "|---" * (len(OUTCOMES) + 2) + "|")
    for model in models:
        mine = [row["outcomes"] for row in rows if row["model"] == model]
        print(f"| {model} | {len(mine)} | {' | '.join(span([m[o] for m in mine]) for o in OUTCOMES)} |")
    print(f"\nRank correlation, the {len(moving)} finetunes that move the backbone:\n\n{table(moving)}")
    print(f"\nThe same, head-only ones included ({len(rows)}):\n\n{table(rows)}")
    print(f"\nThe first table, whole settings drawn:\n\n{table(moving, by_setting=True)}")
    for title, some in [("the first table", moving), ("head-only ones included", rows)]:
        print(f"\nCorrected p below .05 (Holm), {title}:\n")
        print("\n".join(f"- {name}, {outcome}: {p:.3f}" for p, name, outcome in holm(some)) or "- none")
    names, values, members = columns_of(moving)
    among = correlations(values, members, [])[names.index("retention score")]
    print("\nRetention score with: " + ", ".join(f"{n} {r:.2f}" for n, r in zip([*names, *OUTCOMES], among)))
    between = correlations(values, members, [])[len(names) :, len(names) :]
    print(f"\nOutcomes among themselves:\n{np.round(between, 2)}")
    for given in [[WEIGHTS], [RATE, WEIGHTS, DRIFT]]:
        print(f"\nPartial, given {', '.join(given)} ({len(moving)}):\n\n{table(moving, given)}")
    for model in models:
        mine = [row for row in moving if row["model"] == model]
        print(f"\n{model} alone ({len(mine)}):\n\n{table(mine)}")


if __name__ == "__main__":
    main()
