"""What MkDocs is told beyond mkdocs.yml: scripts from our own copies, a whole navigation, links to files that the site does not hold."""

import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

_spec = importlib.util.spec_from_file_location("talkpath_docs_scripts", Path(__file__).with_name("scripts.py"))
assert _spec is not None
assert _spec.loader is not None
scripts = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = scripts
_spec.loader.exec_module(scripts)

ASSETS = "assets/javascripts/"
_SHIM = re.compile(r'<script src="https?://[^"]*iframe-worker[^"]*"></script>')  # the theme's, from others' server
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")
_FOREIGN = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"')


def on_config(config: Any) -> Any:
    """Without the script a diagram is shown as its text: the theme would ask a server of others for it."""
    if scripts.MERMAID.present() is None:
        config["mdx_configs"]["pymdownx.superfences"]["custom_fences"] = []
    config["nav"] = complete(config["nav"], Path(config["docs_dir"]))
    return config


def complete(navigation: list[Any], docs: Path) -> list[Any]:
    """The navigation, without pages that are not there, and with those that nobody has put into it under "More"."""
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}

    def kept(entries: list[Any]) -> list[Any]:
        found: list[Any] = []
        for entry in entries:
            title, target = next(iter(entry.items())) if isinstance(entry, dict) else (None, entry)
            if isinstance(target, list):
                target = kept(target)
            elif target in pages:
                pages.discard(target)
            else:
                continue
            found.append(target if title is None else {title: target})
        return found

    whole = kept(navigation)
    return [*whole, {"More": sorted(pages)}] if pages else whole


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """A link to a file outside of docs/ becomes the file's name: the site holds the documents alone."""
    here, top = Path(page.file.abs_src_path).parent, Path(config["docs_dir"]).resolve()

    def outside(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(here / found[2]))
        if target.is_relative_to(top) and target.suffix != ".py":
            return found[0]
        return found[1] if "`" in found[1] else f"{found[1]} (`{target.relative_to(top.parent)}`)"

    return _LINK.sub(outside, markdown)


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Our copies: mermaid only where there is a diagram, for it is large; the search's shim where the theme would ask others for it."""
    up = "../" * page.url.count("/")
    if 'class="mermaid"' in output:
        output = output.replace("</body>", f'<script src="{up}{ASSETS}mermaid.js"></script></body>')
    return _finished(output, up)


def on_post_template(output: str, template_name: str, config: Any) -> str:
    """The page for what is not found."""
    return _finished(output, "")


def _finished(output: str, up: str) -> str:
    """Our shim for the theme's, and a name for the search, which the theme's dialog has not."""
    there = scripts.IFRAME_WORKER.present() is not None
    output = _SHIM.sub(f'<script src="{up}{ASSETS}iframe-worker.js"></script>' if there else "", output)
    return output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )


def on_post_build(config: Any) -> None:
    """Our copies into the site."""
    for script in (scripts.MERMAID, scripts.IFRAME_WORKER):
        present = script.present()
        if present is not None:
            target = Path(config["site_dir"]) / ASSETS / f"{script.package}.js"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(present, target)
    for page in Path(config["site_dir"]).rglob("*.html"):
        foreign = _FOREIGN.search(page.read_text(encoding="utf-8"))
        if foreign is not None:
            raise PluginError(f"{page.name} would ask a server of others: {foreign[0]}")
