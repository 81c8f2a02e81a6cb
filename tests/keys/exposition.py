"""Prometheus text (exposition format 0.0.4), read strictly: whatever the format does not allow is an error here."""

import re

NAME, LABEL = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r"[a-zA-Z_][a-zA-Z0-9_]*"
HEAD = re.compile(rf"# (HELP|TYPE) ({NAME}) (.+)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
PAIR = re.compile(rf'({LABEL})="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(?:,|$)')
KINDS = ("counter", "gauge", "histogram")


class Family:
    def __init__(self, name):
        self.name, self.help, self.kind, self.samples = name, None, None, []

    def value(self, suffix="", **labels):
        """The one number with these labels, whatever others it has."""
        found = [value for name, pairs, value in self.samples
                 if name == self.name + suffix and labels.items() <= pairs.items()]
        assert len(found) == 1, f"{self.name}{suffix} {labels}: {len(found)} in {self.samples}"
        return found[0]

    def sum(self, suffix="", **labels):
        return sum(value for name, pairs, value in self.samples
                   if name == self.name + suffix and labels.items() <= pairs.items())


def labels_of(text):
    pairs, at = {}, 0
    while at < len(text):
        pair = PAIR.match(text, at)
        assert pair, f"no label at {text[at:]!r}"
        name, value = pair.groups()
        assert name not in pairs and not name.startswith("__"), text
        pairs[name] = re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)
        at = pair.end()
    return pairs


def parse(text):
    """The families of a text by their names."""
    assert text.endswith("\n") and "\r" not in text
    families, seen, family = {}, set(), None
    for line in text.split("\n")[:-1]:
        head = HEAD.fullmatch(line)
        if head:
            what, name, rest = head.groups()
            if what == "HELP":
                assert name not in families, f"{name} comes twice"
                family = families[name] = Family(name)
                family.help = rest
            else:
                assert family and family.name == name and family.kind is None and rest in KINDS, line
                family.kind = rest
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample and family and family.kind, f"neither a head nor a sample: {line!r}"
        name, inside, value = sample.groups()
        suffixes = ("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
        assert name in [family.name + suffix for suffix in suffixes], f"{name} below {family.name}"
        pairs = labels_of(inside or "")
        place = (name, tuple(sorted(pairs.items())))
        assert place not in seen, f"twice: {line}"
        seen.add(place)
        family.samples.append((name, pairs, float(value)))
    for family in families.values():
        check(family)
    return families


def check(family):
    if family.kind == "counter":
        assert family.name.endswith("_total"), family.name
        assert all(value >= 0 and value == int(value) for _, _, value in family.samples), family.samples
    if family.kind != "histogram":
        return
    assert family.name.endswith("_seconds"), family.name
    of = {}
    for name, pairs, value in family.samples:
        place = tuple(sorted((key, text) for key, text in pairs.items() if key != "le"))
        parts = of.setdefault(place, {"buckets": []})
        if name.endswith("_bucket"):
            parts["buckets"].append((float(pairs["le"]), value))
        else:
            parts[name[len(family.name):]] = value
    for parts in of.values():
        bounds, counts = [bound for bound, _ in parts["buckets"]], [value for _, value in parts["buckets"]]
        assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), bounds
        assert counts == sorted(counts) and counts[-1] == parts["_count"] and parts["_sum"] >= 0, parts
