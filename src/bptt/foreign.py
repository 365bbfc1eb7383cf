"""What a file is that was taken for weights: a name for it, and the way to what is wanted."""

import re

CONVERT = (
    "nothing is unpickled here; convert it once with torch, "
    "torch.load(FILE, weights_only=True) and safetensors.torch.save_file, as in chapter 12"
)
DOWNLOAD = "download the file itself, not the page about it"

# How files begin, as a rule in their first bytes. A pickle names its protocol, 2 to 5.
BEGINNINGS = {
    b"PK\x03\x04": f"is a zip archive, as torch.save writes; {CONVERT}; one of np.savez is read "
    "by np.load, and checkpoint.write keeps its arrays",
    **{bytes([0x80, protocol]): f"is a pickle; {CONVERT}" for protocol in range(2, 6)},
    b"\x93NUMPY": "is an array of np.save; read it by np.load, and keep it by checkpoint.write",
    b"\x89HDF\r\n": "is an HDF5 file, as Keras writes; load it there, and keep what "
    "layer.get_weights() gives by checkpoint.write",
    b"\x1f\x8b": "is compressed by gzip; unpack it first",
    b"GGUF": "is a GGUF file of llama.cpp; take the safetensors file of the same model",
    b"version https://git-lfs": "is a pointer of Git LFS, which stands for a large file; "
    "fetch the file itself by: git lfs pull",
    b"<!doctype": f"is an HTML page; {DOWNLOAD}",
    b"<html": f"is an HTML page; {DOWNLOAD}",
    b"<?xml": f"is an XML text, perhaps the error of a server; {DOWNLOAD}",
    b"{": f"is a JSON text, perhaps an index or the error of a server; {DOWNLOAD}",
}
# Pickles of protocol 0 and 1 begin with what they hold: a dict, a list, or an object of a module.
OLD_PICKLE = re.compile(
    rb"\([dl]p\d+\n|[\]}]q\x00|\(?c(copy_reg|copyreg|__builtin__|builtins|__main__|numpy|torch|collections)"
    rb"[\w.]*\n"
)
ENOUGH = 64  # bytes that tell


def description(head: bytes) -> str | None:
    """Return what a file is, and what to do, by its first bytes; None if they do not tell.

    Parameters
    ----------
    head : bytes
        The first `ENOUGH` bytes, or all.
    """
    if not head:
        return "is empty"
    if OLD_PICKLE.match(head):
        return f"is a pickle; {CONVERT}"
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, words in BEGINNINGS.items():
        if head.startswith(beginning) or start.startswith(beginning):
            return words
    return None
