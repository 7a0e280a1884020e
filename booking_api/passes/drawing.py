"""QR codes (ISO/IEC 18004) as SVG and PNG. Pure and slow: run it off the event loop."""

import io
from typing import Literal

ImageFormat = Literal["svg", "png"]
QUIET_MODULES = 4
PIXELS_PER_MODULE = 8
MASK = 2
"""Always the same: searching for the best one takes ten times longer, and scanners read each of the eight."""
EDITION = "1"
"""Part of every ETag: changes whenever the same text would be drawn differently."""


def modules_of(text: str) -> list[list[bool]]:
    """The modules of a text, dark is True, the quiet zone included."""
    # Imported with the first picture: most processes draw few, and the two libraries take four megabytes.
    import qrcode
    from qrcode.constants import ERROR_CORRECT_M

    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=QUIET_MODULES, mask_pattern=MASK)
    code.add_data(text, optimize=0)
    code.make(fit=True)
    return code.get_matrix()


def draw_svg(modules: list[list[bool]]) -> bytes:
    """Each run of dark modules is a stroke of one path, relative to the one before: the shortest form there is."""
    size = len(modules)
    strokes: list[str] = []
    for row, line in enumerate(modules):
        pen = start = 0
        fresh = True
        while start < size:
            if not line[start]:
                start += 1
                continue
            end = start
            while end < size and line[end]:
                end += 1
            strokes.append(f"M{start} {row}.5h{end - start}" if fresh else f"m{start - pen} 0h{end - start}")
            fresh, pen, start = False, end, end
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path stroke="#000" d="{"".join(strokes)}"/></svg>'
    ).encode()


def draw_png(modules: list[list[bool]]) -> bytes:
    """One bit a pixel, eight pixels a module: sharp on a phone and within 2 KB or so."""
    from PIL import Image  # As above.

    size = len(modules)
    padding = -size % 8
    packed = b"".join(
        int("".join("0" if dark else "1" for dark in line) + "0" * padding, 2).to_bytes((size + padding) // 8, "big")
        for line in modules
    )
    picture = Image.frombytes("1", (size, size), packed)
    picture = picture.resize((size * PIXELS_PER_MODULE, size * PIXELS_PER_MODULE), Image.Resampling.NEAREST)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def draw(text: str, image_format: ImageFormat) -> bytes:
    """The picture of a text."""
    modules = modules_of(text)
    return draw_svg(modules) if image_format == "svg" else draw_png(modules)
