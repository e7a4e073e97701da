"""What every page shares: it is self-contained and asks nothing of any server.

Plotly's script and all styles are in it, and its content security policy forbids the rest, other
scripts too. Plotly and the figures are packed (gzip, base64).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs


def render_page(package: str, template: str, **content: Any) -> str:
    """A page of a package's own template, with the shared scripts and styles in it.

    Args:
        package: its folder ``templates`` holds the template.
        template: its name there.
        content: what the template shows.
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,  # call ids, group names, file names and model ids are others' input
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plotly_js, page_js = get_plotlyjs(), _text("page.js")
    return environment.get_template(template).render(
        **content,
        script_sources=" ".join(_csp_source(script) for script in (plotly_js, page_js)),
        plotly_js=pack(plotly_js),
        page_js=page_js,
        page_css=_text("page.css"),
    )


def pack(text: str) -> str:
    """Gzip and base64: a fraction of the size, and inert inside HTML."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _csp_source(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _text(name: str) -> str:
    return (resources.files("flink_job.report") / "templates" / name).read_text(encoding="utf-8")
