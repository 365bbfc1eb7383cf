"""Give the site the network of chapter 9, which a figure that is touched may fetch."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

SOURCE = "src/bptt/results/shakespeare"
PLACE = "figures/touch/shakespeare"  # beside the scripts
NAMES = ("config.json", "model.safetensors")


def add(config: MkDocsConfig, files: Files) -> None:
    """Add its form and its weights to the files of the site, if the project has them."""
    source = Path(config.config_file_path).parent / SOURCE
    for name in (name for name in NAMES if (source / name).is_file()):
        path = str(source / name)
        files.append(File.generated(config, f"{PLACE}/{name}", abs_src_path=path))
