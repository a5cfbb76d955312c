"""The head of the page."""

from overfeat.config import leaves
from overfeat.report.head import facts_list, settings_table


def test_facts() -> None:
    made = facts_list({"network": "mini", "git commit": "0123456789abcdef", "run": None})
    assert '<dt>git commit</dt><dd><code title="0123456789abcdef">0123456789ab</code></dd>' in made
    assert "<dt>run</dt><dd>not known</dd>" in made


def test_settings_are_written_as_in_the_params() -> None:
    settings = {"model": "mini", "merge": {"scales": (1, 2), "flips": True, "threshold": None, "top_k": 5}}
    made = settings_table(settings)
    written = {"model": "mini", "merge.scales": "[1, 2]", "merge.flips": "true", "merge.threshold": "null"}
    for name, value in written.items():
        assert f'<th scope="row"><code>{name}</code></th><td><code>{value}</code></td>' in made
    assert [name for name, _ in leaves(settings)][-1] == "merge.top_k"
