import pytest

from overfeat.errors import SettingsError
from pipelines.engine.graph import chain, read_graph
from pipelines.engine.settings import load_params, parse_section, read_yaml

PARAMS = "source: data/raw\nmodel: fast\nmerge: {top_k: 3}\nlr: 1e-5\n"
GRAPH = """
stages:
  raw: {cmd: x, outs: [data/raw]}
  aside: {cmd: x, outs: [data/aside]}
  use:
    cmd: x
    params: [source, merge]
    deps: ["${source}", "./code/k${merge.top_k}.py"]
    outs:
      - data/used/:
          cache: false
    metrics:
      - metrics.json:
          cache: false
    plots: [data/plots]
  last: {cmd: x, deps: [data/plots/curve.csv], outs: [data/last]}
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "dvc.yaml").write_text(GRAPH)
    return tmp_path


def test_an_entry_has_its_paths_filled_in_and_metrics_and_plots_among_its_outs(root):
    use = read_graph(root)["use"]
    assert use.deps == ("data/raw", "code/k3.py")
    assert use.outs == ("data/used", "metrics.json", "data/plots")
    assert use.metrics == ("metrics.json",)
    assert use.params == ("source", "merge")


def test_the_order_is_that_of_the_file_and_a_chain_holds_what_is_needed(root):
    graph = read_graph(root)
    assert chain(graph, None) == ["raw", "aside", "use", "last"]
    assert chain(graph, ["last"]) == ["raw", "use", "last"]
    assert chain(graph, ["use", "aside"]) == ["raw", "aside", "use"]


def test_another_source_cuts_the_edge(root):
    (root / "params.yaml").write_text(PARAMS.replace("data/raw", "/elsewhere/pictures"))
    graph = read_graph(root)
    assert graph["use"].deps[0] == "/elsewhere/pictures"
    assert chain(graph, ["last"]) == ["use", "last"]


def test_a_wrong_name_is_answered_with_the_nearest(root):
    with pytest.raises(SettingsError, match="did you mean 'aside'"):
        chain(read_graph(root), ["asidee"])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("${source}", "${sorce}", "uses .*sorce"),
        ("[source, merge]", "[source, mrege]", "declares the param 'mrege'.*did you mean 'merge'"),
        ("[source, merge]", "[merge.top_k]", "no top-level name"),
        ("stages:", "stages: [", "not valid YAML"),
    ],
)
def test_a_graph_that_does_not_fit_its_params_is_refused(root, before, after, said):
    (root / "dvc.yaml").write_text(GRAPH.replace(before, after, 1))
    with pytest.raises(SettingsError, match=said):
        read_graph(root)


def test_params_are_read_as_dvc_reads_them(root):
    params = load_params(root / "params.yaml")
    assert params["lr"] == pytest.approx(1e-5)
    assert params["merge"] == {"top_k": 3}


@pytest.mark.parametrize(("text", "said"), [("- 1\n", "names and values"), ("", "names and values")])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, said):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        read_yaml(tmp_path / "params.yaml")


def test_a_missing_file_says_where_to_stand(tmp_path):
    with pytest.raises(SettingsError, match="root folder"):
        read_graph(tmp_path)


def test_sections_are_parsed_and_plain_values_pass():
    assert parse_section("model", "fast") == "fast"
    assert parse_section("merge", {"top_k": 7}).top_k == 7
    with pytest.raises(SettingsError, match="did you mean 'merge'"):
        parse_section("merg", {"top_k": 3})
