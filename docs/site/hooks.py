"""What MkDocs is told beyond mkdocs.yml: the diagrams' script from our own copy, and links to files that the site does not hold."""

import importlib.util
import os
import re
import shutil
from pathlib import Path
from typing import Any

_spec = importlib.util.spec_from_file_location("talkpath_docs_mermaid", Path(__file__).with_name("mermaid.py"))
assert _spec is not None
assert _spec.loader is not None
mermaid = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mermaid)

ASSET = "assets/javascripts/mermaid.min.js"
_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Without the script a diagram is shown as its text: the theme would ask a server of others for it."""
    if mermaid.present() is None:
        config["mdx_configs"]["pymdownx.superfences"]["custom_fences"] = []
    return config


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
    """The script only where there is a diagram: it is large."""
    if 'class="mermaid"' not in output:
        return output
    up = "../" * page.url.count("/")
    return output.replace("</body>", f'<script src="{up}{ASSET}"></script></body>')


def on_post_build(config: Any) -> None:
    """Our copy into the site."""
    script = mermaid.present()
    if script is not None:
        target = Path(config["site_dir"]) / ASSET
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(script, target)
