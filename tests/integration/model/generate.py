"""Random tables and operations. An operation is a dict of plain values, so that a sequence can be printed and run
again without some of its steps."""

import datetime

AWKWARD = ["", " ", "a", "a b", "a/b", "a=b", "%", "%2F", "ünï", "'", '"', "\\", "x\ty", "trailing ", ".", "null", "日本"]
FLOATS = [0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1.5, -2.25, 1e300, None]
DATES = [datetime.date(1969, 12, 31), datetime.date(2024, 2, 29), datetime.date(2025, 1, 1), None]
LAYOUTS = [[], ["p"], ["q"], ["p", "q"], ["q", "p"]]
KEYS = [["k"], ["k"], ["k", "g"], ["g", "p"], ["k", "p", "q"], ["p", "q", "n"], ["d", "k"], ["f"]]


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Generator:
    def __init__(self, rng, operations):
        self.rng = rng
        self.operations = operations
        self.strings = rng.sample(AWKWARD, 4)  # of the partition column: few enough to meet again
        self.keys = rng.choice([3, 12, 40])

    def maybe(self, value, share=0.1):
        return None if self.rng.random() < share else value

    def row(self):
        rng = self.rng
        return {
            "k": self.maybe(rng.randrange(self.keys)),
            "g": self.maybe(rng.choice(self.strings)),
            "p": self.maybe(rng.choice(self.strings)),
            "q": self.maybe(rng.randrange(3)),
            "n": self.maybe(rng.randrange(-5, 6)),
            "s": self.maybe(rng.choice(AWKWARD)),
            "f": rng.choice(FLOATS),
            "d": rng.choice(DATES),
        }

    def condition(self, depth=0):
        rng = self.rng
        if depth < 2 and rng.random() < 0.35:
            a, b = self.condition(depth + 1), self.condition(depth + 1)
            return rng.choice([f"({a} AND {b})", f"({a} OR {b})", f"NOT ({a})"])
        low = rng.randrange(-4, 4)
        return rng.choice([
            f"k = {rng.randrange(self.keys)}",
            f"k > {rng.randrange(self.keys)}",
            f"k IN ({rng.randrange(self.keys)}, {rng.randrange(self.keys)})",
            f"k NOT IN ({rng.randrange(self.keys)}, {rng.randrange(self.keys)})",
            f"n BETWEEN {low} AND {low + 3}",
            f"n + q > {low}",
            f"n <> {low}",
            f"q = {rng.randrange(4)}",
            "q IS NULL",
            f"p = {quoted(rng.choice(AWKWARD))}",
            f"p <> {quoted(rng.choice(self.strings))}",
            "p IS NULL",
            f"g <= {quoted(rng.choice(self.strings))}",
            "s LIKE 'a%'",
            "s LIKE '%b'",
            "s = ''",
            f"length(s) > {rng.randrange(3)}",
            "coalesce(s, 'none') = 'none'",
            "f > 1.0",
            "f = 0.0",
            "f IS NOT NULL",
            "f < n",
            "d > DATE '2024-06-01'",
            "d IS NULL",
            "true",
            "false",
        ])  # fmt: skip

    def assignments(self):
        rng = self.rng
        choices = {
            "n": ["n + 1", "NULL", "7", "CASE WHEN n > 0 THEN 0 ELSE n END", "q"],
            "s": [quoted(rng.choice(AWKWARD)), "NULL", "p", "coalesce(s, g)", "substr(g, 1, 2)"],
            "f": ["f", "NULL", "2.5", "f * 2.0", "n / 4.0"],
            "q": ["q + 1", "NULL", str(rng.randrange(3))],
            "p": [quoted(rng.choice(self.strings)), "NULL", "g", "s"],
            "k": [f"k + {rng.randrange(3)}", "NULL"],
            "d": ["DATE '2025-06-30'", "NULL"],
            "z": ["n + 1", "CAST(NULL AS int64)", "k * 2"],
        }
        names = rng.sample(sorted(choices), rng.choice([1, 1, 2, 3]))
        return [[name, rng.choice(choices[name])] for name in names]

    def rows(self, most):
        return [self.row() for _ in range(self.rng.randrange(1, most))]

    def layout(self):
        return self.rng.choice(LAYOUTS)

    def change(self, partitions=True):
        rng = self.rng
        out = {"backup": rng.random() < 0.4}
        if partitions and rng.random() < 0.15:
            out["partition"] = rng.choice(["p", "q"])  # of the columns that there are, and one of its values
            out["pick"] = rng.random()
        return out

    def step(self):
        rng = self.rng
        name = rng.choice(self.operations)
        step = {"op": name, "dry": rng.random() < 0.4}
        if name == "import":
            return {**step, "rows": self.rows(20), "row_group": rng.choice([2, 5, 100]), "backup": rng.random() < 0.4,
                    "rows_per_file": rng.choice([0, 3, 8])}  # fmt: skip
        if name == "compact":
            return {**step, **self.change(), "sort_by": rng.choice([[], [], ["k"], ["s", "f"]])}
        if name == "delete":
            return {**step, **self.change(), "where": self.condition(), "mode": rng.choice([0, 0, 1])}
        if name == "update":
            return {**step, **self.change(), "set": self.assignments(), "mode": rng.choice([0, 0, 1]),
                    "where": rng.choice([None, self.condition(), self.condition()])}  # fmt: skip
        if name == "upsert":
            keys = rng.choice(KEYS)
            rest = [name for name in ["k", "g", "p", "q", "n", "s", "f", "d"] if name not in keys]
            source = keys + rng.sample(rest, rng.randrange(len(rest) + 1))
            columns = None if rng.random() < 0.7 else rng.sample(source, rng.randrange(1, len(source) + 1))
            rows = [{name: row[name] for name in source} for row in self.rows(12)]
            return {**step, "keys": keys, "rows": rows, "columns": columns, "last_wins": rng.random() < 0.7,
                    "row_group": rng.choice([2, 100]), "mode": rng.choice([0, 0, 1]),
                    "backup": rng.random() < 0.4}  # fmt: skip
        if name == "dedup":
            return {**step, **self.change(False), "keys": rng.choice(KEYS), "keep_last": rng.random() < 0.5}
        if name == "repartition":
            return {**step, "by": self.layout(), "backup": rng.random() < 0.4, "rows_per_file": rng.choice([0, 4])}
        return {**step, "which": rng.random()}  # restore: mostly the last

    def start(self):
        """How the table comes to be."""
        return {"by": self.layout(), "rows": self.rows(50), "row_group": self.rng.choice([3, 10, 100]),
                "rows_per_file": self.rng.choice([0, 7])}  # fmt: skip
