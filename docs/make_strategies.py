"""Writes docs/strategies.md, from the docstrings: python docs/make_strategies.py"""

import re
from pathlib import Path

from skactive import strategies

PAGE = Path(__file__).with_name("strategies.md")
WRAPPERS = ["ClassBalanced", "Power", "Schedule", "RandomCandidates", "NearCandidates"]
INTRODUCTION = """\
# Strategies

<!-- Written by docs/make_strategies.py from the docstrings: change those. -->

What `ActiveClassifier(strategy=...)` and `strategies.get` take by name, and the wrappers that go
around any of them. N rows, d features, K classes, L labels. How long each takes: benchmarks.md.

## Which strategy for me?

From what benchmarks.md has under "Labels saved"; where that says nothing, nor does this list.

- You do not know, classes are of very different size, or answers may be wrong: `"auto"`, which is
  `balanced_herding`. Over a whole run it is the best in the mean, with a prior and without.
- A table without a prior: `base` is as good, and costs a few passes over the probabilities.
- Classes of about one size, few wrong answers, a good model: `margin`; with some
  wrong answers too `badge` is about as good as the default.
- No opinion yet, and you want rows that stand for the pool: `max_herding`. Until there is an
  opinion `"auto"` is much the same, of a wider reach.
- Seconds count on millions of rows: `margin`, or `RandomCandidates` around anything else.
- Not on long tails or noisy answers: `entropy`, and `co_decision` as published, behind random here.
- Your own data are at hand with labels for a part of them: `simulate` tells more than any list.

## All of them
"""


def page() -> str:
    """The whole page."""
    named = {type(strategies.get(name)): f"`{name}`" for name in strategies.names()}
    classes = [*named, *(getattr(strategies, wrapper) for wrapper in WRAPPERS)]
    classes.sort(key=lambda cls: (cls.__module__, cls.__name__))
    header = "| name | class | family | needs | cost | paper |\n|---|---|---|---|---|---|\n"
    rows, parts = [], []
    for cls in classes:
        family = cls.__module__.rpartition(".")[2]
        facts = describe(cls)
        cells = [named.get(cls, "a wrapper"), f"[{cls.__name__}](#{cls.__name__.lower()})", family]
        cells += [facts["needs"], facts["cost"], ", ".join(map(cite, facts["papers"]))]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
        part = f"## {cls.__name__}\n\n{facts['summary']}\n\n- Use it {facts['use']}\n"
        part += f"- Leave it {facts['leave']}\n"
        parts.append(part + "".join(f"- Paper: {paper}\n" for paper in facts["papers"]))
    return "\n".join([INTRODUCTION, header + "".join(rows), *parts])


def describe(cls: type) -> dict:
    """What the docstring says of when and how, by its fixed phrases."""
    doc = cls.__doc__ or ""
    advice = next(" ".join(p.split()) for p in doc.split("\n\n") if "**Use it**" in p)
    match = re.match(r"\*\*Use it\*\* (.+) \*\*Leave it\*\* (.+?) Needs (.+?)\. (O\(.+)\.$", advice)
    if match is None:
        raise ValueError(
            f"{cls.__name__}: the advice must read '**Use it** ... **Leave it** ... Needs ... . "
            f"O(...) ... .', and reads {advice!r}."
        )
    use, leave, needs, cost = match.groups()
    references = re.split(r"\.\. \[\d+\] ", doc.partition("References\n")[2].partition("\n\n")[0])
    papers = [" ".join(paper.split()) for paper in references[1:]]
    summary = doc.strip().partition("\n")[0]
    return {
        "summary": summary,
        "use": use,
        "leave": leave,
        "needs": needs,
        "cost": cost,
        "papers": papers,
    }


def cite(paper: str) -> str:
    """First author and year, with a link where the paper is on arXiv."""
    authors, year = re.match(r"(.+?) \((\d{4})\)", paper).groups()
    names = [re.sub(r"\S*\. ", "", name) for name in re.split(r", | and ", authors)]
    label = f"{names[0]} et al. {year}" if len(names) > 2 else f"{' and '.join(names)} {year}"
    number = re.search(r"arXiv:(\d+\.\d+)", paper)
    return f"[{label}](https://arxiv.org/abs/{number[1]})" if number else label


if __name__ == "__main__":
    PAGE.write_text(page())
