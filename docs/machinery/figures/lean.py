"""Make a picture small: what nobody sees goes, and a line says where it goes on from where it is.

matplotlib writes each point of a line by its place. The way from one point to the next has fewer
digits, and the same ways recur: compressed, the pictures of a chapter are a third smaller.
"""

import base64
import io
import re
from collections.abc import Iterator, Sequence
from itertools import count
from xml.etree import ElementTree as ET

from PIL import Image

SVG = "http://www.w3.org/2000/svg"
HREF = "{http://www.w3.org/1999/xlink}href"
# What a picture has all over, said once, and what a shape has that says nothing of it.
ALL_OVER = {"font-size": "11", "font-family": "text", "stroke-linejoin": "round"}
INITIAL = {"stroke-linecap": "butt", "stroke-width": "1", "fill-opacity": "1"}
INITIAL |= {"font-weight": "400", "text-anchor": "start", "stroke-dashoffset": "0"}
INITIAL |= {"font-style": "normal"}
# What stands inside a shape has these from it.
INHERITED = {*ALL_OVER, *INITIAL, "fill", "stroke", "stroke-dasharray"}
# One decimal is enough for these, but not for an image, nor for what scales.
PLACES = {"x", "y", "width", "height", "transform", "font-size", "stroke-dasharray"}
SCALES = re.compile("scale|matrix")
DIGITS = re.compile(r"\d+\.\d{2,}")
PART = re.compile(r"([MLQCz])([^MLQCz]*)")
PICTURE = re.compile(r"data:image/png;base64,\s*")


def lean(svg: str) -> str:
    """Return the same picture in fewer bytes."""
    ET.register_namespace("", SVG)
    root = ET.fromstring(svg)  # noqa: S314  it comes from matplotlib, not from outside
    for definitions in root.findall(f"{{{SVG}}}defs"):
        if any(part.tag == f"{{{SVG}}}style" for part in definitions):
            root.remove(definitions)
    for element in root.iter():
        _simplify(element)
    root.attrib |= ALL_OVER
    _inherit(root, INITIAL)
    _unwrap(root)
    _rename(root)
    return ET.tostring(root, encoding="unicode")


def _simplify(element: ET.Element) -> None:
    """Write styles as attributes, numbers with one decimal, and no blanks between elements."""
    for rule in filter(str.strip, element.attrib.pop("style", "").split(";")):
        name, _, value = rule.partition(":")
        element.set(name.strip(), value.strip())
    if HREF in element.attrib:
        element.set("href", _small(element.attrib.pop(HREF)))
    if element.tag != f"{{{SVG}}}image" and not SCALES.match(element.get("transform", "")):
        for name in PLACES & {*element.keys()}:
            element.set(name, DIGITS.sub(_rounded, element.get(name, "")))
    if size := element.get("font-size"):
        element.set("font-size", size.removesuffix("px"))
    if line := element.get("d"):
        element.set("d", _by_ways(line))
    element.text = (element.text or "").strip("\n ") or None
    element.tail = None


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".removesuffix(".0")


def _small(address: str) -> str:
    """Write an image with the colours that it has, if that is shorter."""
    if not PICTURE.match(address):
        return address
    data = base64.b64decode(PICTURE.sub("", address))
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    colours = image.getcolors(256)
    if colours and all(colour[3] == 255 for _, colour in colours):  # type: ignore[index]
        file = io.BytesIO()
        image.convert("RGB").quantize(len(colours)).save(file, "PNG", optimize=True)
        file.seek(0)
        if Image.open(file).convert("RGBA").tobytes() == image.tobytes():
            data = min(data, file.getvalue(), key=len)
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def _by_ways(line: str) -> str:
    """Write a line by the ways between its points, in tenths of a point without a sum of errors."""
    written, here, start = "", (0, 0), (0, 0)
    for letter, numbers in PART.findall(line):
        tenths = [round(10 * float(number)) for number in numbers.split()]
        points = list(zip(tenths[::2], tenths[1::2], strict=True))
        if letter == "z":
            written, here = written + "z", start
            continue
        ways = [(x - here[0], y - here[1]) for x, y in points]
        if letter == "M":
            start = points[-1]
            written += "M" + _numbers(points)
        elif letter == "L" and not ways[0][1]:
            written += "h" + _numbers([(ways[0][0],)])
        elif letter == "L" and not ways[0][0]:
            written += "v" + _numbers([(ways[0][1],)])
        else:
            written += letter.lower() + _numbers(ways)
        here = points[-1]
    return written


def _numbers(points: Sequence[tuple[int, ...]]) -> str:
    """Write tenths as numbers, with a blank between two where no sign parts them."""
    texts = (f"{tenths / 10:.1f}".removesuffix(".0") for point in points for tenths in point)
    short = (re.sub(r"^(-?)0\.", r"\1.", text) for text in texts)
    return re.sub(r" (?=-)", "", " ".join(short))


def _inherit(element: ET.Element, around: dict[str, str]) -> None:
    """Leave out what an element would have without saying so."""
    for name in INHERITED & {*element.keys()}:
        if around.get(name) == element.get(name) and "viewBox" not in element.attrib:
            del element.attrib[name]
    inside = around | {name: element.get(name, "") for name in INHERITED & {*element.keys()}}
    # Where it is used, what is defined once may stand among other things.
    inside = {} if element.tag == f"{{{SVG}}}defs" else inside
    for part in element:
        _inherit(part, inside)


def _unwrap(element: ET.Element) -> None:
    """Leave out groups that group nothing, and shapes that nobody sees."""
    for part in element:
        _unwrap(part)
    if element.tag not in {f"{{{SVG}}}clipPath", f"{{{SVG}}}text"}:
        element[:] = [inner for part in element for inner in _seen(part)]


def _seen(part: ET.Element) -> Iterator[ET.Element]:
    """Give what has to stand in the place of an element."""
    kind = part.tag.removeprefix(f"{{{SVG}}}")
    is_empty = kind == "g" and not len(part)
    if kind == "g" and not part.attrib:
        yield from part
    elif not is_empty and not (kind == "path" and _is_blank(part)):
        yield part


def _is_blank(path: ET.Element) -> bool:
    if path.get("id"):  # it is used elsewhere
        return False
    bare = path.get("fill") == "none" and path.get("stroke", "none") == "none"
    return bare or path.get("opacity") == "0" or not re.search("[a-z]", path.get("d", ""))


def _rename(root: ET.Element) -> None:
    """Number what is referred to: long names that are hashes do not compress."""
    numbers = count(1)
    names = {element.get("id"): f"p{next(numbers)}" for element in root.iter() if element.get("id")}
    for element in root.iter():
        for name, value in element.items():
            if name == "id":
                element.set(name, names[value])
            elif "#" in value and name in {"href", "clip-path", "fill"}:
                element.set(name, re.sub(r"(?<=#)\w+", lambda m: names.get(m[0], m[0]), value))
