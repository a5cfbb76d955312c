"""The page: all sections in one HTML file, with its styles and scripts inside, so that it opens from disk alone."""

import base64
import hashlib
import re
from collections.abc import Mapping
from importlib import resources

from overfeat.report import breakdown, sweeps
from overfeat.report.confusion import confusion
from overfeat.report.contents import Contents, gallery_data
from overfeat.report.head import facts_list, settings_table
from overfeat.report.markup import Markup, join, tag
from overfeat.report.measures import measures, tiles
from overfeat.report.numbers import several
from overfeat.report.precision import precision_recall
from overfeat.report.training import training
from overfeat.results.schemas import DETECTION, RECOGNITION

STYLES = ("page.css", "charts.css", "gallery.css", "viewer.css")
SCRIPTS = (
    *("theme.js", "charts.js", "records.js", "state.js", "gallery.js", "cards.js"),
    *("heat.js", "viewer.js", "answers.js", "windows.js", "start.js"),
)
"""In the order in which they run; all are one script, whose names are its own."""


def page(contents: Contents) -> str:
    """Return the page."""
    recognition, detection = (contents.gallery.tasks[task].names for task in (RECOGNITION, DETECTION))
    accurate = contents.settings["model"] == "accurate"
    plots, operating = contents.plots, contents.gallery.operating
    pictures = contents.gallery.tasks[DETECTION].pictures
    style = "\n".join(_template(name) for name in STYLES)
    script = _script()
    return filled(
        _template("page.html"),
        {
            "policy": _policy(style, script),
            "title": _title(contents),
            "subtitle": _subtitle(contents),
            "facts": facts_list(contents.facts),
            "settings": settings_table(contents.settings),
            "tiles": tiles(contents.metrics, accurate),
            "measures": measures(contents.metrics, accurate),
            "training": training(contents.curves),
            "precision": precision_recall(plots["precision_recall"], plots["average_precision"], detection),
            "confusion": confusion(plots["confusion"], recognition),
            "errors_recognition": breakdown.of_recognition(contents.guesses, contents.metrics.get("localization", {})),
            "errors_detection": breakdown.of_detection(contents.objects, operating),
            "sweep_detection": sweeps.of_detection(contents.objects, pictures, operating),
            "sweep_recognition": sweeps.of_classification(contents.guesses),
            "gallery_data": tag("script", gallery_data(contents), type="application/json", id="gallery-data"),
            "style": tag("style", Markup(style)),
            "script": tag("script", Markup(script)),
        },
    )


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return the template with ``{{name}}`` replaced by the values, whatever these hold; plain texts are escaped."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: join(values[found[1]]), template)


def _template(name: str) -> str:
    return (resources.files("overfeat.report") / "templates" / name).read_text(encoding="utf-8")


def _script() -> str:
    parts = "\n".join(_template(name) for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}\n}})();\n'


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy: this script and this style, files beside the page, and nothing else."""
    own = {
        name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for name, text in (("style", style), ("script", script))
    }
    return "; ".join(
        [
            "default-src 'none'",
            "img-src 'self' file: data:",
            f"script-src 'self' file: 'sha256-{own['script']}'",
            f"style-src 'sha256-{own['style']}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _sources(contents: Contents) -> str:
    source = contents.settings["source"]
    return " and ".join(dict.fromkeys([source["recognition"], source["detection"]]))


def _title(contents: Contents) -> str:
    return f"{contents.settings['model']} on {_sources(contents)}"


def _subtitle(contents: Contents) -> str:
    """Return what was looked at, in a sentence."""
    words = {RECOGNITION: "for classification and localization", DETECTION: "for detection"}
    looks = [
        f"{several(count, 'picture')} of split {split} {words[task]}"
        for task, of_task in contents.gallery.tasks.items()
        for split, count in of_task.pictures.items()
    ]
    return f"Looked at {', '.join(looks)}." if looks else "No picture was looked at."
