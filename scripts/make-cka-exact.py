"""HSIC and CKA of the matrices in test/fixtures/cka.json by exact rational arithmetic: no rounding before the last step.

python scripts/make-cka-exact.py > test/fixtures/cka-exact.json
"""

import json
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 50


def gram(rows):
    return [[sum(a * b for a, b in zip(r, s)) for s in rows] for r in rows]


def hsic0(K, L):
    """tr(KHLH)."""
    n = len(K)
    trace = sum(K[i][j] * L[i][j] for i in range(n) for j in range(n))
    k, l = [sum(row) for row in K], [sum(row) for row in L]
    return trace - Fraction(2, n) * sum(a * b for a, b in zip(k, l)) + sum(k) * sum(l) / Fraction(n * n)


def hsic1(K, L):
    """Song et al. 2012, equation 5."""
    n = len(K)
    others = [(i, j) for i in range(n) for j in range(n) if i != j]
    trace = sum(K[i][j] * L[i][j] for i, j in others)
    k = [sum(K[i][j] for j in range(n) if j != i) for i in range(n)]
    l = [sum(L[i][j] for j in range(n) if j != i) for i in range(n)]
    total = trace + sum(k) * sum(l) / Fraction((n - 1) * (n - 2))
    return (total - Fraction(2, n - 2) * sum(a * b for a, b in zip(k, l))) / (n * (n - 3))


def decimal(value):
    return Decimal(value.numerator) / Decimal(value.denominator)


def cka(hsic, K, L):
    return float(decimal(hsic(K, L)) / (decimal(hsic(K, K)) * decimal(hsic(L, L))).sqrt())


cases = []
for case in json.load(open("test/fixtures/cka.json"))["cases"]:
    K, L = (gram([[Fraction(v) for v in row] for row in case[side]]) for side in "XY")
    cases.append(
        {
            "name": case["name"],
            "cka_biased": cka(hsic0, K, L),
            "cka_unbiased": cka(hsic1, K, L),
            "hsic0_xy": float(hsic0(K, L)),
            "hsic1_xy": float(hsic1(K, L)),
            "hsic1_xx": float(hsic1(K, K)),
            "hsic1_yy": float(hsic1(L, L)),
        }
    )
print(json.dumps({"cases": cases}, indent=1))
