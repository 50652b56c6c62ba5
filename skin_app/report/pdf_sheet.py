"""One A4 sheet. Text that does not fit its box gets smaller type, and is cut if still too long."""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

import matplotlib
import numpy as np
from fpdf import FPDF
from fpdf.enums import MethodReturnValue
from fpdf.fonts import TTFFont
from PIL import Image

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
REGULAR, BOLD = "DejaVuSans.ttf", "DejaVuSans-Bold.ttf"
NO_GLYPH = "\N{WHITE SQUARE}"
CUT = " …"
NO_WIDTH = "\N{ZERO WIDTH SPACE}"
HYPHENATED = re.compile(r"(?<=\S-)(?=\w)")  # a line may end after such a hyphen
PARTS = re.compile(rf"\s+|\xad|{HYPHENATED.pattern}")  # what stays together on a line
LEADING = 0.42  # mm of line height a point of type
LEAST_SIZE, STEP = 5.0, 0.25  # points
LONGEST_WORD = 40  # letters; longer ones, such as addresses, may be broken
NARROWEST = 0.2  # of the type's size: the least width of a letter that has any
RESOLUTION = 8  # pixels a mm, about 200 an inch

Colour = tuple[int, int, int]
BLACK, GREY, PALE, WHITE = (20, 20, 20), (90, 90, 90), (205, 205, 205), (255, 255, 255)


class Box(NamedTuple):
    """A place on the sheet, in mm from its top left corner."""

    left: float
    top: float
    width: float
    height: float


class Sheet:
    """One page, 210 x 297 mm. Fonts come with matplotlib, so nothing is downloaded."""

    def __init__(self, title: str, language: str, made_at: datetime) -> None:
        self._pdf = FPDF(unit="mm", format="A4")
        self._pdf.set_auto_page_break(False)
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        for style, file in (("", REGULAR), ("B", BOLD)):
            self._pdf.add_font("sheet", style, FONTS / file)
        self._pdf.set_title(title)
        self._pdf.set_lang(language)
        self._pdf.set_creation_date(made_at)
        self._pdf.set_image_filter("DCTDecode")
        self._pdf.add_page()
        fonts = [font for font in self._pdf.fonts.values() if isinstance(font, TTFFont)]
        # Characters without width, such as a lone accent, would make lines of unlimited length.
        wide = ({code for code in font.cmap if font.cw[code] > 0} for font in fonts)
        self._glyphs = set.intersection(*wide)

    def printable(self, text: str) -> str:
        """`text` with a square in place of each character that the fonts lack."""
        spaced = "\n".join(normalize("NFC", text).expandtabs(4).splitlines())
        return "".join(c if c == "\n" or ord(c) in self._glyphs else NO_GLYPH for c in spaced)

    def text(
        self,
        box: Box,
        text: str,
        size: float = 8,
        bold: bool = False,
        colour: Colour = BLACK,
        right: bool = False,
        cut: str = CUT,
    ) -> float:
        """Write a paragraph from the top of a box down; returns its height in mm.

        `size`: points; made smaller, down to `LEAST_SIZE`, where the text does not fit. What does not
        fit even then is cut, and `cut` ends it: on its last line where `cut` begins with a blank.
        """
        size, lines = self._fitted(self.printable(text), box, size, bold, cut)
        self._font(size, bold)
        self._pdf.set_text_color(*colour)
        for place, line in enumerate(lines):
            self._pdf.set_xy(box.left, box.top + place * size * LEADING)
            self._pdf.cell(box.width, size * LEADING, line, align="R" if right else "L")
        return len(lines) * size * LEADING

    def rows(
        self,
        boxes: Sequence[Box],
        rows: Sequence[Sequence[str]],
        widths: Sequence[float],
        size: float,
        bold_first: bool = False,
    ) -> None:
        """Lines of a table, all in one size: the largest, up to `size`, in which every cell fits.

        `boxes`: of the lines; `widths`: of the columns in mm, a negative one sets cells flush right.
        """
        cells = []
        for place, (box, row) in enumerate(zip(boxes, rows, strict=True)):
            left = box.left
            for cell, width in zip(row, widths, strict=True):
                own = Box(left, box.top, abs(width) - 1, box.height)
                cells.append((own, cell, bold_first and place == 0, width < 0))
                left += abs(width)
        size = min(
            self._fitted(self.printable(cell), own, size, bold, CUT)[0] for own, cell, bold, _ in cells
        )
        for own, cell, bold, right in cells:
            self.text(own, cell, size, bold, right=right)

    def picture(self, box: Box, pixels: np.ndarray, alt: str) -> float:
        """Put (height, width, 3) uint8 into the top left of a box, whole; returns its height in mm."""
        scale = min(box.width / pixels.shape[1], box.height / pixels.shape[0])
        width, height = pixels.shape[1] * scale, pixels.shape[0] * scale
        image = Image.fromarray(pixels)
        image.thumbnail((round(width * RESOLUTION), round(height * RESOLUTION)))
        self._pdf.image(image, box.left, box.top, width, height, alt_text=alt)
        return height

    def fill(self, box: Box, colour: Colour) -> None:
        """A filled rectangle."""
        self._pdf.set_fill_color(*colour)
        self._pdf.rect(*box, style="F")

    def rule(self, left: float, top: float, width: float) -> None:
        """A thin line across."""
        self._pdf.set_draw_color(*PALE)
        self._pdf.set_line_width(0.2)
        self._pdf.line(left, top, left + width, top)

    def to_bytes(self) -> bytes:
        """The finished PDF."""
        return bytes(self._pdf.output())

    def _fitted(
        self, text: str, box: Box, size: float, bold: bool, cut: str
    ) -> tuple[float, list[str]]:
        start = self._start(text, box)
        size = LEAST_SIZE if len(start) < len(text) else self._hoped_for(text, box, size, bold)
        lines = self._wrapped(start, box.width, size, bold)
        while len(lines) > self._line_count(box, size) and size > LEAST_SIZE:
            size = max(size - STEP, LEAST_SIZE)
            lines = self._wrapped(start, box.width, size, bold)
        room = self._line_count(box, size)
        if len(lines) <= room and len(start) == len(text):
            return size, lines
        ending = self._wrapped(self.printable(cut), box.width, size, bold)
        if len(ending) > 1 or not cut.startswith(" "):
            return size, lines[: room - len(ending)] + ending
        kept, last = lines[:room][:-1], lines[:room][-1]
        while last and len(self._wrapped(last + cut, box.width, size, bold)) > 1:
            last = last[:-1]
        return size, [*kept, last + cut]

    def _hoped_for(self, text: str, box: Box, size: float, bold: bool) -> float:
        """The largest size at which the text's total width fits and no word is broken."""
        self._font(1, bold)
        words = [word for word in PARTS.split(text) if len(word) <= LONGEST_WORD]
        longest = max(map(self._pdf.get_string_width, words), default=0.0)
        total = self._pdf.get_string_width(text.replace("\n", " "))
        while size > LEAST_SIZE and (
            total * size > box.width * self._line_count(box, size) or longest * size > box.width
        ):
            size = max(size - STEP, LEAST_SIZE)
        return size

    def _start(self, text: str, box: Box) -> str:
        """The most text that the box could hold, so that very long texts need not be wrapped."""
        a_line = int(box.width / (NARROWEST * LEAST_SIZE * 0.3528)) + 1
        return text[: a_line * self._line_count(box, LEAST_SIZE)]

    def _line_count(self, box: Box, size: float) -> int:
        return max(1, int(box.height / (size * LEADING) + 1e-6))

    def _wrapped(self, text: str, width: float, size: float, bold: bool) -> list[str]:
        self._font(size, bold)
        if not text:
            return []
        lines = self._pdf.multi_cell(
            width,
            size * LEADING,
            HYPHENATED.sub(NO_WIDTH, text),
            dry_run=True,
            output=MethodReturnValue.LINES,
        )
        assert isinstance(lines, list)
        return [line.replace(NO_WIDTH, "") for line in lines]

    def _font(self, size: float, bold: bool) -> None:
        self._pdf.set_font("sheet", "B" if bold else "", size)
